"""Gradients at inputs and at layers, of one forward with hooks on the layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import chain
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from pellucid.compat.private.forward import Selector, _run_forward, _verify_select_neuron
from pellucid.compat.private.tuples import _format_tensor_into_tuples
from pellucid.core.pytree import TensorTree
from pellucid.core.tensors import Tensors, is_floating
from pellucid.errors import InvalidArgument, NotScalar, warn

Layers: TypeAlias = nn.Module | list[nn.Module]


def apply_gradient_requirements(inputs: Sequence[Tensor], warn: bool = True) -> list[bool]:
    """Have floating inputs require gradients.

    Args:
        inputs: A tuple or list of tensors.
        warn: Whether to warn of inputs that did not, or cannot.

    Returns:
        Whether each required them before.
    """
    _check_sequence(inputs)
    required = [tensor.requires_grad for tensor in inputs]
    for position, tensor in enumerate(inputs):
        if not (is_floating(tensor) or tensor.is_complex()):
            _warn_if(warn, f"inputs[{position}] is {tensor.dtype}, which has no gradients.")
        elif not tensor.requires_grad:
            _warn_if(warn, f"inputs[{position}] did not require gradients; now it does.")
            tensor.requires_grad_()
    return required


def _warn_if(really: bool, message: str) -> None:
    if really:
        warn(message)


def undo_gradient_requirements(inputs: Sequence[Tensor], grad_required: Sequence[bool]) -> None:
    """Have inputs that did not require gradients require none again."""
    _check_sequence(inputs)
    if len(inputs) != len(grad_required):
        raise InvalidArgument(
            f"grad_required must be as long as inputs: expected {len(inputs)}, got {len(grad_required)}."
        )
    for tensor, required in zip(inputs, grad_required, strict=True):
        if not required:
            tensor.requires_grad_(False)


def _check_sequence(inputs: object) -> None:
    if not isinstance(inputs, tuple | list):
        raise InvalidArgument(f"inputs must be a tuple or list of tensors: got {type(inputs).__name__}.")


def compute_layer_gradients_and_eval(
    forward_fn: Callable[..., Any],
    layer: Layers,
    inputs: Tensor | Tensors,
    target_ind: Any = None,
    additional_forward_args: Any = None,
    gradient_neuron_selector: Selector | None = None,
    device_ids: list[int] | None = None,
    attribute_to_layer_input: bool = False,
    output_fn: Callable[[Tensors], Tensors] | None = None,
    grad_kwargs: dict[str, Any] | None = None,
    offload_to_cpu: bool = False,
) -> tuple[Any, ...]:
    """The gradients of a model's target at a layer, and what the layer says.

    Args:
        forward_fn: Any callable of tensors that calls the layer.
        layer: A module, or a list of them.
        inputs: One tensor or a tuple of tensors, examples first.
        target_ind: A target that leaves one value for each example.
        additional_forward_args: What the model takes after the inputs.
        gradient_neuron_selector: A neuron of the layer, whose gradients at the inputs are wanted, too.
        device_ids: As in Captum; not needed.
        attribute_to_layer_input: Whether the layer's input is meant.
        output_fn: What is done with what the layer says.
        grad_kwargs: What `torch.autograd.grad` is given besides.
        offload_to_cpu: Whether results are copied to the CPU, without their graph.

    Returns:
        Gradients and activations, a tuple of tensors each, or a list of these for a list of layers; and the gradients
        of the neuron.

    Raises:
        NotScalar: The target leaves several values.
    """
    with torch.enable_grad():
        output, said = _forward_with(
            forward_fn, inputs, layer, target_ind, additional_forward_args, attribute_to_layer_input
        )
        if output[0].numel() != 1:
            raise NotScalar(f"target_ind must leave one value per example: got an output {tuple(output.shape)}.")
        gradients = iter(
            torch.autograd.grad(output.sum(), [*chain(*said)], **_kept(grad_kwargs, gradient_neuron_selector))
        )
        results = [[tuple(next(gradients) for _ in tensors) for tensors in said], said]
        for change in filter(None, (output_fn, _on_cpu if offload_to_cpu else None)):
            results = [[change(tensors) for tensors in of_layers] for of_layers in results]
        if isinstance(layer, list):
            return tuple(results)
        selected = [] if gradient_neuron_selector is None else [gradient_neuron_selector]
        neuron_gradients = (_neuron_gradients(inputs, said[0], selector) for selector in selected)
        return (*(of_layers[0] for of_layers in results), *neuron_gradients)


def _on_cpu(tensors: Tensors) -> Tensors:
    """Copies without their graph."""
    return tuple(tensor.detach().cpu() for tensor in tensors)


def _kept(grad_kwargs: dict[str, Any] | None, selector: object) -> dict[str, Any]:
    """What `torch.autograd.grad` is given: the graph is kept where it is needed again."""
    return {**({"retain_graph": True} if selector is not None else {}), **(grad_kwargs or {})}


def _forward_layer_eval(
    forward_fn: Callable[..., Any],
    inputs: Tensor | Tensors,
    layer: Layers,
    additional_forward_args: Any = None,
    device_ids: list[int] | None = None,
    attribute_to_layer_input: bool = False,
    grad_enabled: bool = False,
) -> Any:
    """What a layer says or is given, a tuple of tensors; or a list of these for a list of layers."""
    with torch.set_grad_enabled(grad_enabled):
        _, activations = _forward_with(
            forward_fn, inputs, layer, None, additional_forward_args, attribute_to_layer_input
        )
    return activations if isinstance(layer, list) else activations[0]


def _forward_layer_eval_with_neuron_grads(
    forward_fn: Callable[..., Any],
    inputs: Tensor | Tensors,
    layer: Layers,
    additional_forward_args: Any = None,
    gradient_neuron_selector: Selector | None = None,
    grad_enabled: bool = False,
    device_ids: list[int] | None = None,
    attribute_to_layer_input: bool = False,
) -> Any:
    """The same, and with a neuron of the layer its gradients at the inputs."""
    grad_enabled = grad_enabled or gradient_neuron_selector is not None
    said = _forward_layer_eval(
        forward_fn, inputs, layer, additional_forward_args, device_ids, attribute_to_layer_input, grad_enabled
    )
    return (
        said if gradient_neuron_selector is None else (said, _neuron_gradients(inputs, said, gradient_neuron_selector))
    )


def construct_neuron_grad_fn(
    layer: nn.Module,
    neuron_selector: Selector,
    device_ids: list[int] | None = None,
    attribute_to_neuron_input: bool = False,
) -> Callable[..., Tensors]:
    """A `gradient_func` that gives the gradients of a neuron of a layer, whatever the target."""

    def grad_fn(
        forward_fn: Callable[..., Any],
        inputs: Tensor | Tensors,
        target_ind: Any = None,
        additional_forward_args: Any = None,
    ) -> Tensors:
        said = _forward_layer_eval(
            forward_fn, inputs, layer, additional_forward_args, device_ids, attribute_to_neuron_input, grad_enabled=True
        )
        return _neuron_gradients(inputs, said, neuron_selector)

    return grad_fn


def _neuron_gradients(inputs: Tensor | Tensors, said: Tensors, selector: Selector) -> Tensors:
    """The gradients at the inputs of a neuron in what its layer says."""
    return torch.autograd.grad(_verify_select_neuron(said, selector).sum(), _format_tensor_into_tuples(inputs) or ())


def _forward_with(
    forward_fn: Callable[..., Any],
    inputs: Tensor | Tensors,
    layer: Layers,
    target: Any,
    additional_forward_args: Any,
    of_input: bool,
) -> tuple[Any, list[Tensors]]:
    """The target of one forward, and what the layers said or were given in their last call of it.

    Raises:
        InvalidArgument: A layer was not called.
    """
    layers = layer if isinstance(layer, list) else [layer]
    captured: dict[nn.Module, Tensors] = {}

    def capture(module: nn.Module, value: Any) -> Any:
        """The value goes on as clones, so that no call in place changes what is captured."""
        tensors, structure = TensorTree.of(value, torch.is_tensor)
        captured[module] = tensors
        return structure.filled(tuple(tensor.clone() for tensor in tensors))

    with ExitStack() as hooks:
        for module in layers:
            if of_input:
                hooks.enter_context(module.register_forward_pre_hook(capture))
            else:
                hooks.enter_context(module.register_forward_hook(lambda module, _, output: capture(module, output)))
        output = _run_forward(forward_fn, inputs, target, additional_forward_args)
    if len(captured) < len({*layers}):
        raise InvalidArgument("layer must be called in a forward: it was not.")
    return output, [captured[module] for module in layers]
