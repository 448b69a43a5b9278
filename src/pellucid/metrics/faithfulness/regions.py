"""What the output does as whole regions go: replaced by noise, or ranked by the mean of their attributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.features import FeatureMask
from pellucid.core.tensors import unwrap_single
from pellucid.metrics.faithfulness.curves import STEPS
from pellucid.metrics.faithfulness.removals import FaithfulnessMetric, Removals, ranks_of
from pellucid.metrics.image_features import patches
from pellucid.metrics.scores import UNBOUNDED, Better, RemovalCurve, Scores
from pellucid.metrics.statistics import mean_and_stderr


@final
@dataclass(frozen=True, kw_only=True)
class RegionPerturbation(FaithfulnessMetric):
    """By how much the output drops, in the mean, while regions are replaced by noise, the most relevant first.

    AOPC = 1 / (L + 1) Σ_k f(x) - f(x^(k)), where x^(k) has noise in the first k regions

    Noise is uniform between the least and the largest number of the example, and is averaged over. Baselines or a
    removal take its place where they are given. Regions are those of `feature_mask`, or else squares of images.

    Samek, Binder, Montavon, Lapuschkin, Müller, "Evaluating the visualization of what a deep neural network has
    learned", 2017, https://arxiv.org/abs/1509.06321.

    Args:
        region: The side of the squares, in pixels.
        steps: In how many steps regions go; None for one after another.
        n_samples: How many noises are averaged over.
        seed: Seeds them; None draws from the global generators.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import RegionPerturbation
        >>> problem = Problem(lambda x: x.sum(1), torch.tensor([[4.0, 2.0]]))
        >>> RegionPerturbation()(problem, torch.tensor([[4.0, 2.0]]), baselines=0).values  # drops by 0, 4 and 6
        tensor([3.3333], dtype=torch.float64)
    """

    region: int = 9
    steps: int | None = STEPS
    n_samples: int = 10
    seed: int | None = 0

    better: ClassVar[Better] = "higher"
    range: ClassVar[tuple[float, float]] = UNBOUNDED
    paper: ClassVar[str] = "https://arxiv.org/abs/1509.06321"

    def default_features(self, f: ModelFunction) -> FeatureMask:
        """Squares of images; else each element."""
        return patches(unwrap_single(f.x), self.region)

    def scores(self, removals: Removals) -> Scores:
        """The mean drops along the curves."""
        counts = removals.counts(self.steps)
        ways = removals.ways(self.n_samples, self.seed)
        values = torch.stack([way.without_first(removals.ranks, counts) for way in ways])
        drops, stderr = mean_and_stderr((values[:, :, :1] - values).mean(2).T)
        return Scores(self, drops, stderr, RemovalCurve(counts.double() / removals.features, values.mean(0)))


@final
@dataclass(frozen=True, kw_only=True)
class IROF(FaithfulnessMetric):
    """The area over the curve of the output while segments are taken away, those of the largest mean attribution first.

    1 / L Σ_l 1 - f(x without the first l segments) / f(x)

    Segments are those of `feature_mask`, superpixels in the paper, or else squares of images. It is for
    probabilities: NaN where f(x) is not above zero.

    Rieger, Hansen, "IROF: a low resource evaluation metric for explanation methods", 2020,
    https://arxiv.org/abs/2003.08747.

    Args:
        region: The side of the squares, in pixels.
        steps: In how many steps segments go; None for one after another, as in the paper.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import IROF
        >>> problem = Problem(lambda x: x.sum(1) / 6, torch.tensor([[4.0, 2.0]]))
        >>> IROF()(problem, torch.tensor([[4.0, 2.0]])).values  # 1/3, then 0, are left of 1
        tensor([0.8333], dtype=torch.float64)
    """

    region: int = 8
    steps: int | None = None

    better: ClassVar[Better] = "higher"
    range: ClassVar[tuple[float, float]] = UNBOUNDED
    paper: ClassVar[str] = "https://arxiv.org/abs/2003.08747"

    def default_features(self, f: ModelFunction) -> FeatureMask:
        """Squares of images; else each element."""
        return patches(unwrap_single(f.x), self.region)

    def scores(self, removals: Removals) -> Scores:
        """The mean share of the output that is gone, over the steps."""
        counts = removals.counts(self.steps)
        values = removals.without_first(ranks_of(removals.means), counts)
        whole = torch.where(removals.prediction > 0, removals.prediction, float("nan"))[:, None]
        curve = RemovalCurve(counts.double() / removals.features, values)
        return Scores(self, (1 - values[:, 1:] / whole).mean(1), curve=curve)
