"""What a forward and a backward say about points."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from pellucid.core.autograd.audit import REARRANGING, kind_of, split_names
from pellucid.core.autograd.pullback import pullback
from pellucid.core.model.forward import Captured
from pellucid.core.model.layers import Site
from pellucid.core.problem.points import Points
from pellucid.core.problem.target import Target
from pellucid.core.tensors import Tensors, describe, is_floating, times
from pellucid.errors import NotDifferentiable, NotScalar, warn


@final
@dataclass(frozen=True)
class Gradient:
    """What one forward and one backward say about n points.

    Args:
        value: What is explained, [n]; of another length where the model collapses the batch.
        at: The tensors at which gradients were taken.
        grad: The gradients of the values' sum there.
    """

    value: Tensor
    at: Tensors
    grad: Tensors


def scalar_per_example(value: Tensor, target: Target) -> Tensor:
    """Values [n] of a target that holds one per example, (n,) or (n, 1); what a gradient can be taken of.

    Raises:
        NotScalar: It holds more.
    """
    if value.ndim > 1 and value[0].numel() != 1:
        hint = (
            f"choose one, such as {target.argument_name}=0"
            if value.ndim == 2
            else "give an index for each dimension, or a callable"
        )
        raise NotScalar(
            f"{target.argument_name} must leave one value per example: the {target.site_label} holds "
            f"{tuple(value.shape[1:])} values for each. Hint: {hint}."
        )
    return value if value.ndim == 1 else value.reshape(-1)


def as_leaves(points: Tensors, create_graph: bool) -> Tensors:
    """Tensors to take gradients at, that are not the user's.

    Raises:
        NotDifferentiable: One of them holds integers.
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


def grad_of_sum(value: Tensor, at: Tensors, arguments: dict[str, Any]) -> Sequence[Tensor | None]:
    """The gradients of the sum of values [n], None where they depend on nothing there.

    Raises:
        NotDifferentiable: The values have no gradient at all.
    """
    if not value.requires_grad:
        raise NotDifferentiable(
            "the output of forward_func has no gradient. Hint: it may have been detached, computed under "
            "torch.no_grad or outside of torch, or not depend on what it is attributed to, but for what a rule takes "
            "as a constant, such as 1 / x."
        )
    if value.is_complex():
        raise NotDifferentiable(f"the output of forward_func must be real: got {describe(value)}.")
    if arguments.keys() - PULLBACK:  # what a user has asked for
        gradients: Sequence[Tensor | None] = torch.autograd.grad(value.sum(), at, **arguments)
        return gradients
    return pullback((value,), (torch.ones_like(value),), at, **arguments)


PULLBACK = {"create_graph", "retain_graph", "allow_unused"}
"""Which arguments of `torch.autograd.grad` a pullback takes."""


def _saturating_step(value: Tensor) -> Any:
    """The step of a function that levels off, such as softmax, whose values these are; None where there is none."""
    step: Any = value.grad_fn
    while step is not None and kind_of(step) in REARRANGING:
        before = [node for node, _ in step.next_functions if node is not None]
        step = before[0] if len(before) == 1 else None
    return step if step is not None and kind_of(step) in LEVELLING else None


def gradients_and_slopes(
    value: Tensor, at: Tensors, arguments: dict[str, Any]
) -> tuple[Sequence[Tensor | None], list[Tensor]]:
    """The gradients of the sum of values, and what a function that levels off passes back, where values are its own.

    The latter are zero where that function has levelled off; there is nothing where values are not those of one.
    """
    step, slopes = _saturating_step(value), list[Tensor]()
    if step is None:
        return grad_of_sum(value, at, arguments), slopes
    hook = step.register_hook(lambda grads, _: slopes.extend(grad for grad in grads if grad is not None))
    try:
        return grad_of_sum(value, at, arguments), slopes
    finally:
        hook.remove()


LEVELLING = split_names("Erf HardSigmoid Hardsigmoid Hardtanh LogSigmoid LogSoftmax Sigmoid Softmax SoftmaxData Tanh")
"""Names of autograd's nodes whose gradients vanish far out."""


def zeros_for_none(grads: Sequence[Tensor | None], leaves: Tensors) -> Tensors:
    """Gradients, zero where there is none."""
    return tuple(torch.zeros_like(leaf) if g is None else g for g, leaf in zip(grads, leaves, strict=True))


def zeros_for_unused(grads: Sequence[Tensor | None], leaves: Tensors, site: Site, warned: set[int]) -> Tensors:
    """Gradients, zero where there is none; a warning where that is at an input, or at all that a layer has.

    Args:
        grads: The gradients.
        leaves: Where they were taken.
        site: The place of these.
        warned: Which of them the user has been warned of.
    """
    for index, grad in enumerate(grads):
        if grad is not None or index in warned:
            continue
        warned.add(index)
        if not site.modules or all(each is None for each in grads):
            which = "layer" if site.modules else f"inputs[{index}]" if len(leaves) > 1 else "inputs"
            warn(
                f"no gradient reaches {which}: its attributions are zero. The output does not depend on {which}, or by "
                "what is detached, computed under torch.no_grad, or by operations that have no gradient. Hint: "
                "FeatureAblation needs no gradients."
            )
    return zeros_for_none(grads, leaves)


def gradient_via_neurons(
    via: Target, captured: Captured, grads: Tensors, fed: Points, arguments: dict[str, Any]
) -> Sequence[Tensor | None]:
    """The gradient at a source of what passes through neurons on the way.

    Args:
        via: The neurons.
        captured: What is at their layer.
        grads: The gradients there.
        fed: The points at the source, at which gradients can be taken.
        arguments: Of `torch.autograd.grad`.
    """
    # A neuron is chosen in one tensor, not in what that is made of.
    tensors = tuple(tensor.view_as(tensor) for tensor in captured.tensors)
    chosen = scalar_per_example(via(dataclasses.replace(captured, tensors=tensors).value, fed.examples), via)
    shares = times(grads, zeros_for_none(grad_of_sum(chosen, tensors, arguments), captured.tensors))
    return pullback(captured.tensors, shares, fed.tensors, **arguments)
