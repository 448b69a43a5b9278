"""Whether nothing is attributed to features that do nothing, and to these alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.metrics.faithfulness.removals import FaithfulnessMetric, Removals
from pellucid.metrics.scores import FROM_ZERO, Better, Scores


@final
@dataclass(frozen=True, kw_only=True)
class NonSensitivity(FaithfulnessMetric):
    """How many features do nothing but have an attribution, or do something and have none.

    |A₀ △ X₀|, where A₀ are the features with a_i = 0, and X₀ those whose other values do not move the output

    Other values are uniform noise between the least and the largest number of the example; baselines or a removal
    take its place where they are given.

    Nguyen, Martínez, "On quantitative aspects of model interpretability", 2020, https://arxiv.org/abs/2007.07584.

    Args:
        zero: Which share of the largest size in the example counts as no attribution.
        n_samples: How many other values of each feature.
        seed: Seeds them; None draws from the global generators.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import NonSensitivity
        >>> problem = Problem(lambda x: x[:, 0], torch.tensor([[2.0, 3.0]]))
        >>> NonSensitivity()(problem, torch.tensor([[2.0, 0.5]])).values  # the second does nothing
        tensor([1.], dtype=torch.float64)
    """

    zero: float = 1e-5
    n_samples: int = 10
    seed: int | None = 0

    better: ClassVar[Better] = "lower"
    range: ClassVar[tuple[float, float]] = FROM_ZERO
    paper: ClassVar[str] = "https://arxiv.org/abs/2007.07584"

    def scores(self, removals: Removals) -> Scores:
        """How many features are not as they should be."""
        if not self.zero >= 0:
            raise InvalidArgument(f"zero must be a share from zero on: got {summary(self.zero)}.")
        sizes = removals.attributions.abs()
        has_none = sizes <= self.zero * sizes.amax(1, keepdim=True)
        each = torch.arange(removals.features, device="cpu")[None]
        ways = removals.ways(self.n_samples, self.seed)
        moved = torch.stack([way.drops_by_group(each, removals.features) for way in ways])
        return Scores(self, (has_none != (moved == 0).all(0)).sum(1).double())
