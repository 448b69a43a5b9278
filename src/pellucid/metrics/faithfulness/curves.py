"""What the output does as features go, or come, in the order of their attributions."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.random_streams import shared_generator
from pellucid.metrics.faithfulness.removals import FaithfulnessMetric, Removals, random_ranks
from pellucid.metrics.scores import UNBOUNDED, Better, RemovalCurve, Scores
from pellucid.metrics.statistics import mean_and_stderr

STEPS = 50
"""In how many steps features go, unless said: metrics of as many steps share what they ask."""


@dataclass(frozen=True, kw_only=True)
class CurveMetric(FaithfulnessMetric):
    """A metric that is the area under a curve.

    Args:
        steps: In how many steps features go, as many in each; None for one after another.
        random_orders: How many random orders are followed as well, to compare with: their curves are in
            `scores.curve`, their mean area in `scores.details["random"]`, its standard error in
            `scores.details["random_stderr"]`.
        seed: Seeds these; None draws from torch's global generator.
    """

    steps: int | None = STEPS
    random_orders: int = 0
    seed: int | None = 0

    range: ClassVar[tuple[float, float]] = UNBOUNDED

    def scores(self, removals: Removals) -> Scores:
        """The areas under the curves."""
        check_count("random_orders", self.random_orders, least=0)
        counts = removals.counts(self.steps)
        values = self.outputs(removals, removals.ranks, counts)
        random = self._random(removals, counts)
        curve = RemovalCurve(counts.double() / removals.features, values, random)
        details: dict[str, Tensor] = {}
        areas = curve.random_areas
        if areas is not None:
            details["random"], error = mean_and_stderr(areas)
            details |= {} if error is None else {"random_stderr": error}
        return Scores(self, self.of_curve(curve, removals), curve=curve, details=details)

    def of_curve(self, curve: RemovalCurve, removals: Removals) -> Tensor:
        """The scores [n] of the curves: the areas under them."""
        return curve.area

    @abstractmethod
    def outputs(self, removals: Removals, ranks: Tensor, counts: Tensor) -> Tensor:
        """The outputs [n, S] along an order, int64 [n or 1, features], after so many features, int64 [S]."""

    def _random(self, removals: Removals, counts: Tensor) -> Tensor | None:
        """The curves of random orders, [n, orders, S]; all examples have the same."""
        if not self.random_orders:
            return None
        generator = shared_generator(self.seed, None) or torch.default_generator
        orders = random_ranks(removals.features, self.random_orders, generator)
        return torch.stack([self.outputs(removals, order[None], counts) for order in orders], dim=1)


@final
@dataclass(frozen=True, kw_only=True)
class Deletion(CurveMetric):
    """The area under the curve of the output as features are taken away, those of the largest attributions first.

    ∫ f(x without the share s of features of the largest attributions) ds

    Where attributions are right, the output falls at once.

    Petsiuk, Das, Saenko, "RISE: Randomized input sampling for explanation of black-box models", 2018,
    https://arxiv.org/abs/1806.07421.

    Args:
        steps: In how many steps features go, as many in each; None for one after another.
        random_orders: How many random orders are followed as well; see
            [CurveMetric][pellucid.metrics.faithfulness.curves.CurveMetric].
        seed: Seeds these.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import Deletion
        >>> problem = Problem(lambda x: x.sum(1), torch.tensor([[3.0, 1.0]]))
        >>> Deletion()(problem, torch.tensor([[3.0, 1.0]])).values  # 4, then 1, then 0
        tensor([1.5000], dtype=torch.float64)
    """

    better: ClassVar[Better] = "lower"
    paper: ClassVar[str] = "https://arxiv.org/abs/1806.07421"

    def outputs(self, removals: Removals, ranks: Tensor, counts: Tensor) -> Tensor:
        """The outputs without the first features."""
        return removals.without_first(ranks, counts)


@final
@dataclass(frozen=True, kw_only=True)
class Insertion(CurveMetric):
    """The area under the curve of the output as features are put in, those of the largest attributions first.

    ∫ f(the share s of features of the largest attributions alone) ds

    Where attributions are right, the output rises at once. To start from a blurred image, as the paper does, have
    `removal=Blur(...)`.

    Petsiuk, Das, Saenko, "RISE: Randomized input sampling for explanation of black-box models", 2018,
    https://arxiv.org/abs/1806.07421.

    Args:
        steps: In how many steps features come, as many in each; None for one after another.
        random_orders: How many random orders are followed as well; see
            [CurveMetric][pellucid.metrics.faithfulness.curves.CurveMetric].
        seed: Seeds these.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import Insertion
        >>> problem = Problem(lambda x: x.sum(1), torch.tensor([[3.0, 1.0]]))
        >>> Insertion()(problem, torch.tensor([[3.0, 1.0]])).values  # 0, then 3, then 4
        tensor([2.5000], dtype=torch.float64)
    """

    better: ClassVar[Better] = "higher"
    paper: ClassVar[str] = "https://arxiv.org/abs/1806.07421"

    def outputs(self, removals: Removals, ranks: Tensor, counts: Tensor) -> Tensor:
        """The outputs with the first features alone."""
        return removals.with_first(ranks, counts)


@final
@dataclass(frozen=True, kw_only=True)
class PixelFlipping(CurveMetric):
    """The mean output while features are flipped, one step after another, those of the largest attributions first.

    1 / (L + 1) Σ_k f(x^(k)), where x^(k) is x without the features of the first k steps

    Bach, Binder, Montavon, Klauschen, Müller, Samek, "On pixel-wise explanations for non-linear classifier decisions by
    layer-wise relevance propagation", 2015, https://doi.org/10.1371/journal.pone.0130140.

    Args:
        steps: In how many steps features go, as many in each; None for one after another, as in the paper.
        random_orders: How many random orders are followed as well; see
            [CurveMetric][pellucid.metrics.faithfulness.curves.CurveMetric].
        seed: Seeds these.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import PixelFlipping
        >>> problem = Problem(lambda x: x.sum(1), torch.tensor([[4.0, 2.0]]))
        >>> PixelFlipping()(problem, torch.tensor([[4.0, 2.0]])).values  # 6, then 2, then 0
        tensor([2.6667], dtype=torch.float64)
    """

    better: ClassVar[Better] = "lower"
    paper: ClassVar[str] = "https://doi.org/10.1371/journal.pone.0130140"

    def outputs(self, removals: Removals, ranks: Tensor, counts: Tensor) -> Tensor:
        """The outputs without the first features."""
        return removals.without_first(ranks, counts)

    def of_curve(self, curve: RemovalCurve, removals: Removals) -> Tensor:
        """The means of the curves."""
        return curve.values.mean(1)


@final
@dataclass(frozen=True, kw_only=True)
class Selectivity(CurveMetric):
    """The area under the curve of the output as features are taken away, as a share of the output with all of them.

    ∫ f(x without the share s of features of the largest attributions) ds / f(x)

    It is [Deletion][pellucid.metrics.Deletion] in units of the prediction, so that examples can be averaged; NaN where
    that is not above zero. The paper takes patches of an image away: `feature_mask` says which.

    Montavon, Samek, Müller, "Methods for interpreting and understanding deep neural networks", 2018,
    https://arxiv.org/abs/1706.07979.

    Args:
        steps: In how many steps features go, as many in each; None for one after another, as in the paper.
        random_orders: How many random orders are followed as well; see
            [CurveMetric][pellucid.metrics.faithfulness.curves.CurveMetric].
        seed: Seeds these.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import Selectivity
        >>> problem = Problem(lambda x: x.sum(1), torch.tensor([[3.0, 1.0]]))
        >>> Selectivity()(problem, torch.tensor([[3.0, 1.0]])).values
        tensor([0.3750], dtype=torch.float64)
    """

    better: ClassVar[Better] = "lower"
    paper: ClassVar[str] = "https://arxiv.org/abs/1706.07979"

    def outputs(self, removals: Removals, ranks: Tensor, counts: Tensor) -> Tensor:
        """The outputs without the first features."""
        return removals.without_first(ranks, counts)

    def of_curve(self, curve: RemovalCurve, removals: Removals) -> Tensor:
        """The areas, in units of the prediction."""
        return curve.area / torch.where(removals.prediction > 0, removals.prediction, float("nan"))
