"""Whether attributions add up to the change of the output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch

from pellucid.metrics.faithfulness.removals import FaithfulnessMetric, Removals
from pellucid.metrics.scores import FROM_ZERO, Better, Scores


@final
@dataclass(frozen=True, kw_only=True)
class Completeness(FaithfulnessMetric):
    """By how much attributions miss the change of the output that they should add up to.

    |Σ_i a_i - (f(x) - f(x'))|

    As a share of that change it is in `scores.details["relative"]`.

    Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", 2017, https://arxiv.org/abs/1703.01365.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import Completeness
        >>> problem = Problem(lambda x: x.prod(1), torch.tensor([[2.0, 3.0]]))
        >>> Completeness()(problem, torch.tensor([[3.0, 2.5]])).values
        tensor([0.5000], dtype=torch.float64)
    """

    better: ClassVar[Better] = "lower"
    range: ClassVar[tuple[float, float]] = FROM_ZERO
    paper: ClassVar[str] = "https://arxiv.org/abs/1703.01365"

    def scores(self, removals: Removals) -> Scores:
        """The gaps."""
        change = removals.prediction - removals.without_all
        gaps = (removals.attributions.sum(1) - change).abs()
        return Scores(self, gaps, details={"relative": gaps / torch.where(change == 0, float("nan"), change.abs())})
