"""What attacks along a gradient have in common: the gradient of a loss, steps along it, bounds of inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.sweep import gradients_at_own_points
from pellucid.core.problem.composed_targets import MappedTarget
from pellucid.core.problem.output_target import OutputTarget
from pellucid.core.problem.problem import Problem
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, as_tensor_tuple, is_floating, unwrap_single
from pellucid.errors import InvalidArgument, WrongShape, warn
from pellucid.methods.calling.attribution import run_located
from pellucid.robust.perturbation import Perturbation

LossFunction = Callable[[Any, Any], Tensor]
"""(output, target) -> the loss of each example, (B,)."""

LEAST = 1e-6
"""Elements whose gradient is not larger than this stay as they are: there is no direction in rounding."""


@final
@dataclass(frozen=True, eq=False)
class Loss(OutputTarget):
    """The loss of a user's function, as what is explained.

    Args:
        function: It.
        target: What it is given: one for all examples, or (B, ...).
    """

    function: LossFunction
    target: Any

    DIMENSIONS: ClassVar[Mapping[str, int]] = {"target": 0}

    def __call__(self, output: Any) -> Tensor:
        return self.function(output, self.target)


class GradientAttack(Perturbation, Summarized):
    """An attack along the gradient of a loss.

    Args:
        forward_func: The model.
        loss_func: (output, target) -> the loss of each example, (B,). None: -log of the output's target, which must be
            a probability.
        lower_bound: What perturbed inputs are at least.
        upper_bound: What perturbed inputs are at most.
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        loss_func: LossFunction | None = None,
        lower_bound: float = float("-inf"),
        upper_bound: float = float("inf"),
    ) -> None:
        if not lower_bound <= upper_bound:
            raise InvalidArgument(f"lower_bound must be at most upper_bound: got {lower_bound} and {upper_bound}.")
        self.forward_func = forward_func
        self.loss_func = loss_func
        self.lower_bound = lower_bound
        self.upper_bound = upper_bound

    def __repr__(self) -> str:
        return f"{type(self).__name__}({summary(self.forward_func)})"

    def _gradients(self, inputs: Tensors, target: Any, additional_forward_args: Any) -> Tensors:
        """The gradients of the loss of each example with respect to inputs (B, ...)."""
        explained = target if self.loss_func is None else Loss(self.loss_func, target)
        problem = Problem(self.forward_func, inputs, target=explained, additional_forward_args=additional_forward_args)
        return run_located(self, problem, self._gradients_of)

    def _gradients_of(self, f: ModelFunction) -> Tensors:
        if self.loss_func is None:
            f = f.replace(target=MappedTarget(f.evaluator.target, _negative_log))
        return gradients_at_own_points(f)[1]

    def _bounded(self, x: Tensor) -> Tensor:
        return x.clamp(self.lower_bound, self.upper_bound)


def sign_step(x: Tensor, gradient: Tensor, size: float, mask: Tensor | float) -> Tensor:
    """One step along the sign of a gradient, where there is one.

    Args:
        x: Where from, (B, ...).
        gradient: Its gradient, (B, ...).
        size: How far; below 0 for the other way.
        mask: What steps are multiplied with.
    """
    direction = torch.where(gradient.abs() > LEAST, gradient.sign(), 0.0).to(x.dtype)
    return x + size * direction * mask


def checked_inputs(inputs: Tensor | Tensors) -> Tensors:
    """Inputs as a tuple of tensors that have gradients.

    Args:
        inputs: The user's.

    Raises:
        InvalidArgument: They hold integers.
    """
    tensors = as_tensor_tuple(inputs, "inputs")
    if not all(map(is_floating, tensors)):
        raise InvalidArgument(
            f"inputs must be floating, as they are perturbed: got {summary(tensors)}. Hint: x.float()."
        )
    return tensors


def masks_of(mask: Tensor | Tensors | None, inputs: Tensors) -> tuple[Tensor | float, ...]:
    """A mask for each input: 1 where there is none; one tensor is that of all inputs.

    Args:
        mask: The user's.
        inputs: The inputs, (B, ...) each.

    Raises:
        InvalidArgument: There are neither one nor as many as inputs.
        WrongShape: One does not go with its input.
    """
    if mask is None:
        return (1.0,) * len(inputs)
    masks = (mask,) * len(inputs) if isinstance(mask, Tensor) else as_tensor_tuple(mask, "mask")
    if len(masks) != len(inputs):
        raise InvalidArgument(
            f"mask must be one tensor, or as many as inputs, which are {len(inputs)}: got {len(masks)}."
        )
    for each, x in zip(masks, inputs, strict=True):
        try:
            each.expand(x.shape)
        except RuntimeError as error:
            raise WrongShape(f"mask must be expandable to its input {summary(x)}: got {summary(each)}.") from error
    return tuple(each.to(x.device, x.dtype) for each, x in zip(masks, inputs, strict=True))


def as_given(tensors: Tensors, given: Tensor | Tensors) -> Tensor | Tensors:
    """A tensor for a tensor, a tuple for a tuple.

    Args:
        tensors: What is returned.
        given: What the user gave.
    """
    return unwrap_single(tensors) if isinstance(given, Tensor) else tensors


def _negative_log(probabilities: Tensor) -> Tensor:
    if (probabilities.detach() <= 0).any():
        warn(
            "The model's output of the target is 0 or below, which has no logarithm: such inputs stay as they are. "
            'Hint: a model that returns probabilities, or loss_func=torch.nn.CrossEntropyLoss(reduction="none").'
        )
    return -probabilities.log()
