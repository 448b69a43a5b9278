"""How many features are needed for the output to be nearly the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.metrics.faithfulness.curves import STEPS
from pellucid.metrics.faithfulness.removals import FaithfulnessMetric, Removals, ranks_of
from pellucid.metrics.scores import FROM_ZERO, Better, RemovalCurve, Scores


@final
@dataclass(frozen=True, kw_only=True)
class EffectiveComplexity(FaithfulnessMetric):
    """How many features, those of the largest sizes first, leave no more than a share of the change of the output out.

    min k such that E[(f(x) - f(x_(k)))²] ≤ ε E[(f(x) - f(x'))²], where x_(k) has the k features of the largest sizes

    The mean is over noise that takes the place of the others, uniform between the least and the largest number of each
    input; baselines or a removal take its place where they are given.

    Nguyen, Martínez, "On quantitative aspects of model interpretability", 2020, https://arxiv.org/abs/2007.07584.

    Args:
        tolerance: The share ε, of the mean square of the change without all features.
        steps: In how many steps features are put in; None for one after another, which finds k exactly.
        n_samples: How many noises.
        seed: Seeds them; None draws from the global generators.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import EffectiveComplexity
        >>> problem = Problem(lambda x: x.sum(1), torch.tensor([[9.0, 8.0, 1.0, 1.0]]))
        >>> EffectiveComplexity()(problem, problem.inputs, baselines=0).values  # two features leave 2 of 19 out
        tensor([2.], dtype=torch.float64)
    """

    tolerance: float = 0.05
    steps: int | None = STEPS
    n_samples: int = 10
    seed: int | None = 0

    better: ClassVar[Better] = "lower"
    range: ClassVar[tuple[float, float]] = FROM_ZERO
    paper: ClassVar[str] = "https://arxiv.org/abs/2007.07584"

    def scores(self, removals: Removals) -> Scores:
        """The numbers of features."""
        if not self.tolerance >= 0:
            raise InvalidArgument(f"tolerance must be a share from zero on: got {summary(self.tolerance)}.")
        counts = removals.counts(self.steps)
        ranks = ranks_of(removals.attributions.abs())
        curves = [way.with_first(ranks, counts) for way in removals.ways(self.n_samples, self.seed)]
        values = torch.stack(curves).mean(0)
        losses = torch.stack([(removals.prediction[:, None] - curve).square() for curve in curves]).mean(0)
        enough = losses <= self.tolerance * losses[:, :1]
        # The first step from which on the loss stays small: on its way, the output may pass the prediction.
        last = enough.shape[1] - 1
        first = (last - enough.flip(1).long().cumprod(1).sum(1) + 1).clamp(max=last)
        return Scores(self, counts[first].double(), curve=RemovalCurve(counts.double() / removals.features, values))
