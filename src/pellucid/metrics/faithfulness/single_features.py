"""Whether attributions go with what single features do to the output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch

from pellucid.core.counts import check_count
from pellucid.metrics.faithfulness.removals import FaithfulnessMetric, Removals
from pellucid.metrics.scores import CORRELATION, Better, Scores
from pellucid.metrics.statistics import correlation, rank_correlation


@final
@dataclass(frozen=True, kw_only=True)
class FaithfulnessEstimate(FaithfulnessMetric):
    """How well attributions correlate with what taking each feature away by itself does to the output.

    corr_i(a_i, f(x) - f(x without i))

    NaN where attributions, or outputs, are all the same, and of a single feature. It costs an evaluation for each
    feature, or group of these.

    Alvarez-Melis, Jaakkola, "Towards robust interpretability with self-explaining neural networks", 2018,
    https://arxiv.org/abs/1806.07538.

    Args:
        together: How many features are taken away at once, neighbours in the order of their attributions.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import FaithfulnessEstimate
        >>> problem = Problem(lambda x: x @ torch.tensor([1.0, 2.0, 3.0]), torch.ones(1, 3))
        >>> FaithfulnessEstimate()(problem, torch.tensor([[1.0, 2.0, 3.0]])).values.round(decimals=4)
        tensor([1.], dtype=torch.float64)
    """

    together: int = 1

    better: ClassVar[Better] = "higher"
    range: ClassVar[tuple[float, float]] = CORRELATION
    paper: ClassVar[str] = "https://arxiv.org/abs/1806.07538"

    def scores(self, removals: Removals) -> Scores:
        """The correlations."""
        groups = removals.ranks // check_count("together", self.together)
        count = int(groups.max()) + 1
        sums = torch.zeros(len(groups), count, dtype=torch.float64, device="cpu")
        sums.scatter_add_(1, groups, removals.attributions)
        return Scores(self, correlation(sums, removals.drops_by_group(groups, count)))


@final
@dataclass(frozen=True, kw_only=True)
class MonotonicityCorrelation(FaithfulnessMetric):
    """How well sizes of attributions are in the order of how far the output moves as each feature takes other values.

    ρ_i(|a_i|, E[(f(x) - f(x with another x_i))²]), Spearman's

    Other values are uniform noise between the least and the largest number of the example; baselines or a removal
    take its place where they are given. NaN where sizes, or outputs, are all the same.

    Nguyen, Martínez, "On quantitative aspects of model interpretability", 2020, https://arxiv.org/abs/2007.07584.

    Args:
        n_samples: How many other values of each feature.
        seed: Seeds them; None draws from the global generators.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import MonotonicityCorrelation
        >>> problem = Problem(lambda x: x @ torch.tensor([1.0, 5.0, 25.0]), torch.tensor([[0.0, 1.0, 0.5]]))
        >>> MonotonicityCorrelation()(problem, torch.tensor([[1.0, -2.0, 3.0]])).values.round(decimals=4)
        tensor([1.], dtype=torch.float64)
    """

    n_samples: int = 10
    seed: int | None = 0

    better: ClassVar[Better] = "higher"
    range: ClassVar[tuple[float, float]] = CORRELATION
    paper: ClassVar[str] = "https://arxiv.org/abs/2007.07584"

    def scores(self, removals: Removals) -> Scores:
        """The rank correlations."""
        each = torch.arange(removals.features, device="cpu")[None]
        ways = removals.ways(self.n_samples, self.seed)
        moved = torch.stack([way.drops_by_group(each, removals.features).square() for way in ways]).mean(0)
        return Scores(self, rank_correlation(removals.attributions.abs(), moved))


@final
@dataclass(frozen=True, kw_only=True)
class Monotonicity(FaithfulnessMetric):
    """How often the output rises as features are put in, those of the smallest attributions first.

    mean over k of 1[f(x_(k+1)) ≥ f(x_(k))], where x_(k) has the k features of the smallest attributions alone

    In the paper an explanation is monotonic where this is one. It is about features that act together and speak for the
    output: where each adds to it by itself, any order has the same score, and features that speak against it have the
    output fall whenever they come.

    Arya, Bellamy, Chen et al., "One explanation does not fit all: a toolkit and taxonomy of AI explainability
    techniques", 2019, https://arxiv.org/abs/1909.03012; Luss, Chen, Dhurandhar et al., "Leveraging latent features for
    local explanations", 2019, https://arxiv.org/abs/1905.12698.

    Args:
        steps: In how many steps features come; None for one after another, as in the paper.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import Monotonicity
        >>> problem = Problem(lambda x: x.sum(1), torch.tensor([[3.0, -1.0, 2.0]]))
        >>> Monotonicity()(problem, torch.tensor([[3.0, -1.0, 2.0]])).values  # 0, -1, 1, 4
        tensor([0.6667], dtype=torch.float64)
    """

    steps: int | None = None

    better: ClassVar[Better] = "higher"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    paper: ClassVar[str] = "https://arxiv.org/abs/1909.03012"

    def scores(self, removals: Removals) -> Scores:
        """The shares of steps that do not fall."""
        rising = removals.features - 1 - removals.ranks
        values = removals.with_first(rising, removals.counts(self.steps))
        return Scores(self, (values.diff(dim=1) >= 0).double().mean(1))
