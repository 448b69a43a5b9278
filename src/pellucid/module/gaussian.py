"""Gates from a normal distribution."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.module.gates import StochasticGatesBase


class GaussianStochasticGates(StochasticGatesBase):
    """Gates from a normal distribution, cut off at 0 and 1.

        gate = clamp(μ + ε, 0, 1),  ε ~ N(0, std²) in training, 0 in evaluation mode

    A gate is open with the probability Φ(μ / std).

    Args:
        n_gates: How many gates there are.
        mask: The number of the gate of each feature, int, broadcastable to the inputs, from 0 to `n_gates - 1`;
            features of one number share a gate. None: a gate for each element of an example.
        reg_weight: The price of an open gate.
        std: The standard deviation of the noise, above 0.
        reg_reduction: "sum" or "mean" of the prices of all gates, or "none": one for each.
        seed: Seeds the gates that are drawn, and the initial parameter; None draws from torch's global generator.
        generator: What is drawn from; excludes `seed`.

    Raises:
        InvalidArgument: An argument is not what is described here.

    Reference:
        Yamada, Lindenbaum, Negahban and Kluger, "Feature Selection using Stochastic Gates", arXiv 1810.04247.

    Examples:
        >>> import torch
        >>> from pellucid.module import GaussianStochasticGates
        >>> gates = GaussianStochasticGates.from_pretrained(torch.tensor([-0.2, 0.5, 1.4]))
        >>> gates.get_gate_values()
        tensor([0.0000, 0.5000, 1.0000])
    """

    def __init__(
        self,
        n_gates: int,
        mask: Tensor | None = None,
        reg_weight: float = 1.0,
        std: float = 0.5,
        reg_reduction: Literal["sum", "mean", "none"] = "sum",
        *,
        seed: int | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(n_gates, mask, reg_weight, reg_reduction, seed=seed, generator=generator)
        if not std > 0:
            raise InvalidArgument(f"std must be above 0: got {summary(std)}.")
        self.std = std
        initial = torch.empty(n_gates, device=None if self.generator is None else self.generator.device)
        self.mu = nn.Parameter(initial.normal_(mean=0.5, std=0.01, generator=self.generator))

    def _sampled(self, count: int) -> Tensor:
        noise = self._empty(count, self.n_gates).normal_(mean=0.0, std=self.std, generator=self.generator)
        return self.mu + noise.to(self.mu.device)

    def _expected(self) -> Tensor:
        return self.mu

    def _active_probabilities(self) -> Tensor:
        probabilities: Tensor = torch.special.ndtr(self.mu / self.std)
        return probabilities
