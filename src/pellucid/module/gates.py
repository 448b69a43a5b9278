"""What stochastic gates have in common: which features share one, how they act on a batch, and what open ones cost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from typing_extensions import Self

from pellucid.core.random_streams import shared_generator
from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, WrongShape, WrongType

REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {"sum": torch.sum, "mean": torch.mean, "none": torch.clone}


class StochasticGatesBase(nn.Module, ABC):
    """Gates in [0, 1] that are multiplied with features, with a price for each that is likely to be open.

    In training, gates are drawn for each example; in evaluation mode they are what they are without noise. Added to a
    loss, the price closes the gates of features that the loss does not need: an L0 norm that can be differentiated.
    Subclasses say how gates are drawn from their parameter.

    Args:
        n_gates: How many gates there are.
        mask: The number of the gate of each feature, int, broadcastable to the inputs, from 0 to `n_gates - 1`;
            features of one number share a gate. None: a gate for each element of an example.
        reg_weight: The price of an open gate.
        reg_reduction: "sum" or "mean" of the prices of all gates, or "none": one for each.
        seed: Seeds the gates that are drawn, and the initial parameter; None draws from torch's global generator.
        generator: What is drawn from; excludes `seed`.

    Raises:
        InvalidArgument: An argument is not what is described here.
    """

    mask: Tensor | None

    def __init__(
        self,
        n_gates: int,
        mask: Tensor | None = None,
        reg_weight: float = 1.0,
        reg_reduction: Literal["sum", "mean", "none"] = "sum",
        *,
        seed: int | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        _check_mask(mask, n_gates)
        if reg_reduction not in REDUCTIONS:
            raise InvalidArgument(
                f"reg_reduction must be one of {', '.join(REDUCTIONS)}: got {summary(reg_reduction)}."
            )
        self.n_gates = n_gates
        self.reg_weight = reg_weight
        self.reg_reduction = reg_reduction
        self.generator = shared_generator(seed, generator) if seed is not None else generator
        self.register_buffer("mask", None if mask is None else mask.detach().clone())

    def forward(self, input_tensor: Tensor) -> tuple[Tensor, Tensor]:
        """Gate a batch.

        Args:
            input_tensor: Its features, (B, ...); without a mask, `n_gates` for each example.

        Returns:
            The gated features, (B, ...), and the price of open gates, a scalar, or (n_gates,) of the reduction "none".

        Raises:
            WrongShape: The inputs do not go with the gates.
        """
        self._check_inputs(input_tensor)
        count = len(input_tensor)
        gates = self._sampled(count) if self.training else self._expected()
        gates = gates.clamp(0, 1).expand(count, self.n_gates)
        if self.mask is None:
            of_features = gates.reshape(input_tensor.shape)
        else:
            ids = self.mask.long().expand(input_tensor.shape).reshape(count, input_tensor[:1].numel())
            of_features = gates.gather(1, ids).reshape(input_tensor.shape)
        price = REDUCTIONS[self.reg_reduction](self._active_probabilities()) * self.reg_weight
        return input_tensor * of_features, price

    def get_gate_values(self, clamp: bool = True) -> Tensor:
        """The gates without noise.

        Args:
            clamp: Whether they are cut off at 0 and 1.

        Returns:
            Them, (n_gates,), detached.
        """
        gates = self._expected().detach()
        return gates.clamp(0, 1) if clamp else gates

    def get_gate_active_probs(self) -> Tensor:
        """The probability that a gate is above 0 where gates are drawn: (n_gates,), detached."""
        return self._active_probabilities().detach()

    @classmethod
    def from_pretrained(cls, parameter: Tensor, *args: Any, **kwargs: Any) -> Self:
        """Gates of a parameter that has been learnt.

        Args:
            parameter: It, (n_gates,).
            *args: The other arguments of the class, from `mask` on.
            **kwargs: The same by name.

        Returns:
            The gates, which can be trained further.

        Raises:
            WrongShape: The parameter has not one dimension.
        """
        if parameter.dim() != 1:
            raise WrongShape(f"parameter must be (n_gates,): got {summary(parameter)}.")
        gates = cls(len(parameter), *args, **kwargs)
        (own,) = gates.parameters()
        own.data = parameter.detach().clone()
        return gates

    _from_pretrained = from_pretrained
    """As Captum calls it."""

    @abstractmethod
    def _sampled(self, count: int) -> Tensor:
        """Gates for each of some examples, (count, n_gates), before they are cut off at 0 and 1."""

    @abstractmethod
    def _expected(self) -> Tensor:
        """Gates without noise, (n_gates,), before they are cut off at 0 and 1."""

    @abstractmethod
    def _active_probabilities(self) -> Tensor:
        """How probable it is that gates are above 0, (n_gates,)."""

    def _empty(self, *shape: int) -> Tensor:
        """What is filled with random numbers: where the generator is, or else the parameter."""
        (parameter,) = self.parameters()
        return torch.empty(*shape, device=parameter.device if self.generator is None else self.generator.device)

    def _check_inputs(self, inputs: Tensor) -> None:
        if inputs.dim() < 2:
            raise WrongShape(f"input_tensor must be a batch, (B, ...): got {summary(inputs)}. Hint: x[None].")
        if self.mask is None and inputs.shape[1:].numel() != self.n_gates:
            raise WrongShape(
                f"input_tensor must have {self.n_gates} features for each example, as there are gates: got "
                f"{summary(inputs)}. Hint: mask=, which says which features share a gate."
            )
        if self.mask is not None:
            try:
                self.mask.expand(inputs.shape)
            except RuntimeError as error:
                raise WrongShape(
                    f"input_tensor must be of a shape that mask {summary(self.mask)} can be expanded to: got "
                    f"{summary(inputs)}."
                ) from error


def _check_mask(mask: Tensor | None, n_gates: int) -> None:
    if isinstance(n_gates, bool) or not isinstance(n_gates, int) or n_gates < 1:
        raise InvalidArgument(f"n_gates must be a whole number from 1 on: got {summary(n_gates)}.")
    if mask is None:
        return
    if not isinstance(mask, Tensor) or mask.is_floating_point() or mask.is_complex() or mask.dtype == torch.bool:
        raise WrongType(f"mask must be a tensor of integers: got {summary(mask)}. Hint: mask.long().")
    if not mask.numel() or mask.min() < 0 or mask.max() != n_gates - 1:
        raise InvalidArgument(
            f"mask must have numbers of gates from 0 to n_gates - 1, which is {n_gates - 1}: got {summary(mask)}."
        )
