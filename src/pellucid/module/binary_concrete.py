"""Gates from the binary concrete distribution, stretched beyond 0 and 1."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.module.gates import StochasticGatesBase


class BinaryConcreteStochasticGates(StochasticGatesBase):
    """Gates from a stretched binary concrete distribution, which are exactly 0 or 1 with some probability.

    Drawn in training with u uniform in (eps, 1 - eps):

        s = σ((log u - log(1 - u) + log α) / temperature),  gate = clamp(s (upper - lower) + lower, 0, 1)

    In evaluation mode s = σ(log α). A gate is open with the probability σ(log α - temperature log(-lower / upper)).

    Args:
        n_gates: How many gates there are.
        mask: The number of the gate of each feature, int, broadcastable to the inputs, from 0 to `n_gates - 1`;
            features of one number share a gate. None: a gate for each element of an example.
        reg_weight: The price of an open gate.
        temperature: Between 0, where gates are either 0 or 1, and 1.
        lower_bound: What gates are stretched to, below 0.
        upper_bound: What gates are stretched to, above 1.
        eps: How far u stays from 0 and 1.
        reg_reduction: "sum" or "mean" of the prices of all gates, or "none": one for each.
        seed: Seeds the gates that are drawn, and the initial parameter; None draws from torch's global generator.
        generator: What is drawn from; excludes `seed`.

    Raises:
        InvalidArgument: An argument is not what is described here.

    Reference:
        Louizos, Welling and Kingma, "Learning Sparse Neural Networks through L0 Regularization", arXiv 1712.01312.

    Examples:
        >>> import torch
        >>> from pellucid.module import BinaryConcreteStochasticGates
        >>> gates = BinaryConcreteStochasticGates(3, seed=0).eval()
        >>> gated, price = gates(torch.tensor([[1.0, 2.0, 3.0]]))
        >>> gated.shape, price.shape
        (torch.Size([1, 3]), torch.Size([]))
    """

    def __init__(
        self,
        n_gates: int,
        mask: Tensor | None = None,
        reg_weight: float = 1.0,
        temperature: float = 2.0 / 3,
        lower_bound: float = -0.1,
        upper_bound: float = 1.1,
        eps: float = 1e-8,
        reg_reduction: Literal["sum", "mean", "none"] = "sum",
        *,
        seed: int | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(n_gates, mask, reg_weight, reg_reduction, seed=seed, generator=generator)
        for name, value, is_right, expected in (
            ("temperature", temperature, 0 < temperature < 1, "between 0 and 1"),
            ("lower_bound", lower_bound, lower_bound < 0, "below 0"),
            ("upper_bound", upper_bound, upper_bound > 1, "above 1"),
            ("eps", eps, 0 <= eps < 0.5, "from 0 to 0.5"),
        ):
            if not is_right:
                raise InvalidArgument(f"{name} must be {expected}: got {summary(value)}.")
        self.temperature, self.eps = temperature, eps
        self.lower_bound, self.upper_bound = lower_bound, upper_bound
        initial = torch.empty(n_gates, device=None if self.generator is None else self.generator.device)
        self.log_alpha_param = nn.Parameter(initial.normal_(mean=0.0, std=0.01, generator=self.generator))

    def _sampled(self, count: int) -> Tensor:
        u = self._empty(count, self.n_gates).uniform_(self.eps, 1 - self.eps, generator=self.generator)
        logistic = torch.logit(u.to(self.log_alpha_param.device))
        return self._stretched(torch.sigmoid((logistic + self.log_alpha_param) / self.temperature))

    def _expected(self) -> Tensor:
        return self._stretched(torch.sigmoid(self.log_alpha_param))

    def _active_probabilities(self) -> Tensor:
        shift = self.temperature * math.log(-self.lower_bound / self.upper_bound)
        return torch.sigmoid(self.log_alpha_param - shift)

    def _stretched(self, s: Tensor) -> Tensor:
        return s * (self.upper_bound - self.lower_bound) + self.lower_bound
