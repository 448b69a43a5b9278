"""Gradients of a forward: their leaves, the pullback, and what to tell the user where there is no gradient."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from pellucid.core.autograd.audit import REARRANGING, kind_of, split_names
from pellucid.core.autograd.pullback import pullback
from pellucid.core.model.forward import Captured
from pellucid.core.model.layers import Site
from pellucid.core.problem.composed_targets import scalar_per_example
from pellucid.core.problem.points import Points
from pellucid.core.problem.target import Target
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, describe, format_shapes, is_floating, stacked, times
from pellucid.errors import InvalidArgument, NotDifferentiable, WrongType, warn


@final
@dataclass(frozen=True)
class Gradient(Summarized):
    """The result of one forward and one backward for n points.

    Args:
        value: The target's values, [n], or [n, K] of several; of another length where the model collapses the batch.
        tensors: The tensors at which gradients were taken, (n, ...).
        grad: The gradients of the sum of the values with respect to these, (n, ...), or (n, K, ...) of several targets.
    """

    value: Tensor
    tensors: Tensors
    grad: Tensors


def as_leaves(points: Tensors, create_graph: bool) -> Tensors:
    """Leaves of autograd for these points, so that nothing is accumulated at the user's tensors.

    With `create_graph`, a point that requires a gradient stays in the user's graph.

    Raises:
        NotDifferentiable: One of the tensors holds integers or booleans.
    """
    for index, point in enumerate(points):
        if not is_floating(point):
            which = f"inputs[{index}]" if len(points) > 1 else "inputs"
            ids = point.dtype != torch.bool
            hint = "attribute at the embedding layer, or pass the embeddings as inputs." if ids else f"{which}.float()."
            raise NotDifferentiable(
                f"{which} must be floating point for a gradient to exist: got {describe(point)}. Hint: {hint}"
            )
    return tuple(point if create_graph and point.requires_grad else point.detach().requires_grad_() for point in points)


def validated_gradients(grads: object, inputs: Tensors) -> Tensors:
    """What a user's function returns for the gradients of the inputs.

    Raises:
        WrongType: It is not a tuple of tensors.
        InvalidArgument: The tensors are not of the shapes of the inputs.
    """
    gradients = tuple(grads) if isinstance(grads, Iterable) and not isinstance(grads, Tensor) else None
    if gradients is None or not all(isinstance(gradient, Tensor) for gradient in gradients):
        came = describe(grads) if gradients is None else f"a tuple of {describe(gradients)}"
        hint = " Hint: (gradient,)." if isinstance(grads, Tensor) else ""
        raise WrongType(f"gradient_function must return a tuple of tensors, one for each input: got {came}.{hint}")
    if [gradient.shape for gradient in gradients] != [tensor.shape for tensor in inputs]:
        raise InvalidArgument(
            "gradient_function must return gradients of the shapes of the inputs: "
            f"expected {format_shapes(inputs)}, got {format_shapes(gradients) if gradients else 'none'}."
        )
    return gradients


def grad_of_sum(value: Tensor, at: Tensors, arguments: dict[str, Any]) -> Sequence[Tensor | None]:
    """The gradients of the sum of values [n]; None for a tensor that the values do not depend on.

    Args:
        value: The values.
        at: The tensors with respect to which gradients are taken.
        arguments: Further arguments of `torch.autograd.grad`.

    Raises:
        NotDifferentiable: The values have no gradient at all, or are complex.
    """
    if not value.requires_grad:
        raise NotDifferentiable(
            "model must return an output with a gradient: got one without. Hint: it may have been detached, computed "
            "under torch.no_grad or outside of torch, or depend on what it is attributed to not at all, or only "
            "through what a rule takes as a constant, such as 1 / x."
        )
    if value.is_complex():
        raise NotDifferentiable(f"model must return real numbers: got {describe(value)}.")
    if arguments.keys() - PULLBACK:  # the user chose others, as grad_kwargs
        gradients: Sequence[Tensor | None] = torch.autograd.grad(value.sum(), at, **arguments)
        return gradients
    return pullback((value,), (torch.ones_like(value),), at, **arguments)


PULLBACK = {"create_graph", "retain_graph", "allow_unused"}
"""The arguments of `torch.autograd.grad` that `pullback` takes, too."""


def _saturating_node(value: Tensor) -> Any:
    """The autograd node of a function that saturates, such as softmax, if these values are its output; else None."""
    return _behind(value.grad_fn)


def _behind(node: Any) -> Any:
    """The node of a function that saturates behind nodes that rearrange what it returns, if there is one; else None."""
    while node is not None and kind_of(node) in REARRANGING:
        inputs = [function for function, _ in node.next_functions if function is not None]
        if kind_of(node) == "Stack":  # of the values of several targets
            nodes = set(map(_behind, inputs))
            return nodes.pop() if len(nodes) == 1 else None
        node = inputs[0] if len(inputs) == 1 else None
    return node if node is not None and kind_of(node) in LEVELLING else None


def gradients_and_slopes(
    value: Tensor, at: Tensors, arguments: dict[str, Any]
) -> tuple[Sequence[Tensor | None], list[Tensor]]:
    """The gradients of the sum of values, and, where a function that saturates made the values, its input gradients.

    The latter, "slopes", are zero where that function has saturated. They are empty where the values come from none.
    """
    node, slopes = _saturating_node(value), list[Tensor]()
    if node is None:
        return grad_of_sum(value, at, arguments), slopes
    hook = node.register_hook(lambda grads, _: slopes.extend(grad for grad in grads if grad is not None))
    try:
        return grad_of_sum(value, at, arguments), slopes
    finally:
        hook.remove()


LEVELLING = split_names("Erf HardSigmoid Hardsigmoid Hardtanh LogSigmoid LogSoftmax Sigmoid Softmax SoftmaxData Tanh")
"""Autograd nodes of functions that saturate: their gradients vanish for large inputs."""


def zeros_for_none(grads: Sequence[Tensor | None], leaves: Tensors) -> Tensors:
    """Gradients, with zeros in the place of None."""
    return tuple(torch.zeros_like(leaf) if grad is None else grad for grad, leaf in zip(grads, leaves, strict=True))


def zeros_for_unused(grads: Sequence[Tensor | None], leaves: Tensors, site: Site, warned: set[int]) -> Tensors:
    """Gradients, with zeros in the place of None; warns of an input, or of a whole layer, that has no gradient.

    Args:
        grads: The gradients.
        leaves: The tensors at which they were taken.
        site: The site of these tensors.
        warned: The indices of tensors that the user has been warned of; updated.
    """
    for index, grad in enumerate(grads):
        if grad is not None or index in warned:
            continue
        warned.add(index)
        if not site.modules or all(gradient is None for gradient in grads):
            which = "layer" if site.modules else f"inputs[{index}]" if len(leaves) > 1 else "inputs"
            warn(
                f"no gradient reaches {which}: its attributions are zero. The output does not depend on {which}, or "
                "only through what is detached, computed under torch.no_grad, or operations without a gradient. Hint: "
                "FeatureAblation needs no gradients."
            )
    return zeros_for_none(grads, leaves)


def gradient_via_neurons(
    via_neurons: Target, captured: Captured, grads: Tensors, source_points: Points, arguments: dict[str, Any]
) -> Sequence[Tensor | None]:
    """The gradient at the source of what passes through chosen neurons of a layer.

    Args:
        via_neurons: The neurons.
        captured: The tensors at their layer.
        grads: The gradients with respect to these.
        source_points: The points at the source, as leaves.
        arguments: Further arguments of `torch.autograd.grad`.
    """
    # Views, so that the gradient is with respect to the chosen tensor alone, also where another is computed from it.
    tensors = tuple(tensor.view_as(tensor) for tensor in captured.tensors)
    values = via_neurons(dataclasses.replace(captured, tensors=tensors).value, source_points.examples)
    values = scalar_per_example(values, via_neurons)

    def via(values_of_one: Tensor) -> Sequence[Tensor | None]:
        neuron_gradients = grad_of_sum(values_of_one, tensors, arguments)
        shares = times(grads, zeros_for_none(neuron_gradients, captured.tensors))
        return pullback(captured.tensors, shares, source_points.tensors, **arguments)

    if not via_neurons.several:
        return via(values)
    arguments = {**arguments, "retain_graph": True}
    return stacked([zeros_for_none(via(column), source_points.tensors) for column in values.unbind(1)])
