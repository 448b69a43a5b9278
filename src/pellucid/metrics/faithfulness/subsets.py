"""Whether attributions add up to what random sets of features do to the output."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.random_streams import shared_generator
from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.metrics.faithfulness.removals import FaithfulnessMetric, Removals, random_ranks
from pellucid.metrics.scores import CORRELATION, Better, Scores
from pellucid.metrics.statistics import (
    correlation,
    correlation_stderr,
    rank_correlation,
    rank_correlation_stderr,
)


@dataclass(frozen=True, kw_only=True)
class SubsetMetric(FaithfulnessMetric):
    """A metric that takes random sets of features away, the same from all examples.

    Args:
        n_samples: How many sets.
        seed: Seeds them; None draws from torch's global generator.
    """

    n_samples: int = 100
    seed: int | None = 0

    better: ClassVar[Better] = "higher"
    range: ClassVar[tuple[float, float]] = CORRELATION

    @property
    def generator(self) -> torch.Generator:
        """What draws the sets."""
        return shared_generator(self.seed, None) or torch.default_generator

    def sums_and_drops(self, removals: Removals, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """What attributions say of random sets of so many features, and by how much the output drops, [n, T] each."""
        absent = random_ranks(removals.features, check_count("n_samples", self.n_samples, least=3), generator) < size
        return removals.attributions @ absent.double().T, removals.drops(absent[:, None])


@final
@dataclass(frozen=True, kw_only=True)
class FaithfulnessCorrelation(SubsetMetric):
    """How well sums of attributions correlate with what taking these features away does to the output.

    corr_S(Σ_{i ∈ S} a_i, f(x) - f(x without S)), over random sets S of the same size

    NaN where sums, or outputs, are all the same.

    Bhatt, Weller, Moura, "Evaluating and aggregating feature-based model explanations", 2020,
    https://arxiv.org/abs/2005.00631.

    Args:
        n_samples: How many sets.
        seed: Seeds them; None draws from torch's global generator.
        size: How many features are in a set, or, below one, which share of all.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import FaithfulnessCorrelation
        >>> problem = Problem(lambda x: x @ torch.tensor([1.0, 2.0, 3.0]), torch.ones(1, 3))
        >>> FaithfulnessCorrelation()(problem, torch.tensor([[1.0, 2.0, 3.0]])).values.round(decimals=4)
        tensor([1.], dtype=torch.float64)
    """

    size: float = 0.2

    paper: ClassVar[str] = "https://arxiv.org/abs/2005.00631"

    def scores(self, removals: Removals) -> Scores:
        """The correlations."""
        sums, drops = self.sums_and_drops(removals, size_of_sets(self.size, removals.features), self.generator)
        return Scores(self, correlation(sums, drops), correlation_stderr(sums, drops))


@final
@dataclass(frozen=True, kw_only=True)
class MuFidelity(SubsetMetric):
    """How well sums of attributions are in the order of what taking these features away does to the output.

    ρ_S(Σ_{i ∈ S} a_i, f(x) - f(x without S)), Spearman's, over random sets S of the same size

    For images, the paper takes the cells of a grid as features: `feature_mask` says which.

    Bhatt, Weller, Moura, "Evaluating and aggregating feature-based model explanations", 2020,
    https://arxiv.org/abs/2005.00631; as in Fel, Cadène, Chalvidal, Cord, Vigouroux, Serre, "Look at the variance!
    Efficient black-box explanations with Sobol-based sensitivity analysis", 2021, https://arxiv.org/abs/2111.04138.

    Args:
        n_samples: How many sets.
        seed: Seeds them; None draws from torch's global generator.
        size: How many features are in a set, or, below one, which share of all.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import MuFidelity
        >>> problem = Problem(lambda x: (x @ torch.tensor([1.0, 2.0, 3.0])) ** 3, torch.ones(1, 3))
        >>> MuFidelity()(problem, torch.tensor([[1.0, 2.0, 3.0]])).values.round(decimals=4)
        tensor([1.], dtype=torch.float64)
    """

    size: float = 0.2

    paper: ClassVar[str] = "https://arxiv.org/abs/2111.04138"

    def scores(self, removals: Removals) -> Scores:
        """The rank correlations."""
        sums, drops = self.sums_and_drops(removals, size_of_sets(self.size, removals.features), self.generator)
        return Scores(self, rank_correlation(sums, drops), rank_correlation_stderr(sums, drops))


@final
@dataclass(frozen=True, kw_only=True)
class SensitivityN(SubsetMetric):
    """How well sums of attributions correlate with changes of the output, in the mean over sets of many sizes.

    mean over n of corr_S(Σ_{i ∈ S} a_i, f(x) - f(x without S)), over random sets S of n features

    The curve over sizes is in `scores.details["by_size"]`, the sizes in `scores.details["sizes"]`. NaN where
    attributions are all the same.

    Ancona, Ceolini, Öztireli, Gross, "Towards better understanding of gradient-based attribution methods for deep
    neural networks", 2018, https://arxiv.org/abs/1711.06104.

    Args:
        n_samples: How many sets of each size.
        seed: Seeds them; None draws from torch's global generator.
        sizes: How many sizes, from one feature to 80 % of all, evenly on a logarithmic scale.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import SensitivityN
        >>> problem = Problem(lambda x: x @ torch.arange(4.0), torch.ones(1, 4))
        >>> SensitivityN()(problem, torch.arange(4.0)[None]).values.round(decimals=4)
        tensor([1.], dtype=torch.float64)
    """

    sizes: int = 8

    paper: ClassVar[str] = "https://arxiv.org/abs/1711.06104"

    def scores(self, removals: Removals) -> Scores:
        """The mean correlations."""
        end = max(1.0, 0.8 * removals.features)
        count = check_count("sizes", self.sizes)
        sizes = torch.unique(torch.logspace(0, math.log10(end), count, device="cpu").round().long())
        generator = self.generator  # one for all sizes, whose errors are then independent
        pairs = [self.sums_and_drops(removals, int(size), generator) for size in sizes]
        by_size = torch.stack([correlation(*pair) for pair in pairs], dim=1)
        errors = torch.stack([correlation_stderr(*pair) for pair in pairs], dim=1)
        known = (~by_size.isnan()).sum(1)
        stderr = errors.nan_to_num(0).square().sum(1).sqrt() / known
        details = {"by_size": by_size, "sizes": sizes.expand(len(by_size), -1)}
        return Scores(self, by_size.nanmean(1), stderr, details=details)


def size_of_sets(size: float, features: int) -> int:
    """How many features a set has.

    Args:
        size: A number from one on, or a share below one.
        features: How many there are.

    Raises:
        InvalidArgument: It is neither.
    """
    if isinstance(size, bool) or not isinstance(size, int | float) or not size > 0 or (size >= 1 and size % 1):
        raise InvalidArgument(f"size must be a whole number of features, or a share below one: got {summary(size)}.")
    if size >= features > 1:
        raise InvalidArgument(f"size must be smaller than the number of features, {features}: got {summary(size)}.")
    return max(1, min(features, round(size * features) if size < 1 else int(size)))
