"""Whether attributions lie where the object is that a prediction is of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.problem.problem import Problem
from pellucid.core.tensors import Tensors, as_tensor_tuple, describe, flatten_examples
from pellucid.errors import WrongShape
from pellucid.metrics.given import AttributionsLike, score
from pellucid.metrics.scores import FROM_ZERO, SHARE, Better, Metric, Scores
from pellucid.metrics.statistics import mean_ranks


@dataclass(frozen=True, kw_only=True)
class LocalisationMetric(Metric, ABC):
    """A metric of where attributions are; no model is run."""

    better: ClassVar[Better] = "higher"
    range: ClassVar[tuple[float, float]] = SHARE

    def __call__(
        self, problem: Problem | ModelFunction, attributions: AttributionsLike, /, *, truth: Tensor | Tensors
    ) -> Scores:
        """The scores of attributions.

        Args:
            problem: What they answer.
            attributions: See [AttributionsLike][pellucid.metrics.given.AttributionsLike].
            truth: Where the object is: true, or not zero, there; of shapes that broadcast to the inputs. Over
                dimensions in which it has one entry, as channels of images (B, 1, H, W), attributions are added up.

        Returns:
            Scores of the B examples; NaN where there is no object; of shares of attributions also where there are none
            to share, and of the area under the curve where there is nothing but the object.

        Raises:
            WrongShape: `truth` does not broadcast to the inputs, or attributions do not have their shapes.
        """

        def scored(f: ModelFunction, tensors: Tensors) -> Scores:
            masks = as_tensor_tuple(truth, "truth")
            if len(masks) != len(tensors):
                raise WrongShape(f"truth must be one for each of {len(tensors)} inputs: got {len(masks)}.")
            pairs = [_of_places(*pair) for pair in zip(tensors, masks, strict=True)]
            values, inside = (torch.cat(each, dim=1) for each in zip(*pairs, strict=True))
            scores = self.of_places(values, inside)
            return Scores(self, scores.masked_fill(~inside.any(1), float("nan")))

        return score(self, problem, attributions, scored)

    @abstractmethod
    def of_places(self, values: Tensor, inside: Tensor) -> Tensor:
        """The scores [n], given attributions [n, places], and which places are the object's, bool [n, places]."""


def _of_places(values: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Attributions (n, ...) as [n, places], added up over dimensions that truth does not tell apart; and truth."""
    if truth.ndim != values.ndim or any(
        size not in (1, length) for size, length in zip(truth.shape, values.shape, strict=True)
    ):
        raise WrongShape(f"truth must broadcast to the inputs, {tuple(values.shape)}: got {describe(truth)}.")
    joined = [dimension for dimension in range(1, truth.ndim) if truth.shape[dimension] == 1]
    summed = values.cpu().double().sum(joined, keepdim=True) if joined else values.cpu().double()
    inside = (truth.cpu() != 0).expand(len(values), *truth.shape[1:])
    return flatten_examples(summed), flatten_examples(inside)


@final
@dataclass(frozen=True, kw_only=True)
class PointingGame(LocalisationMetric):
    """Whether the largest attribution is on the object: 1 or 0; of several largest, the share that is.

    Zhang, Bargal, Lin, Brandt, Shen, Sclaroff, "Top-down neural attention by excitation backprop", 2018,
    https://arxiv.org/abs/1608.00507.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import PointingGame
        >>> problem = Problem(lambda x: x.sum(1), torch.rand(1, 3))
        >>> PointingGame()(problem, torch.tensor([[0.1, 0.9, 0.2]]), truth=torch.tensor([[0, 1, 1]])).values
        tensor([1.], dtype=torch.float64)
    """

    paper: ClassVar[str] = "https://arxiv.org/abs/1608.00507"

    def of_places(self, values: Tensor, inside: Tensor) -> Tensor:
        """Whether the largest is inside."""
        largest = values == values.amax(1, keepdim=True)
        return (largest & inside).sum(1) / largest.sum(1).double()


@final
@dataclass(frozen=True, kw_only=True)
class TopKIntersection(LocalisationMetric):
    """Which share of the k largest attributions is on the object.

    |top k ∩ object| / k

    Theiner, Müller-Budack, Ewerth, "Interpretable semantic photo geolocation", 2022, https://arxiv.org/abs/2104.14995.

    Args:
        k: How many; no more than there are.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import TopKIntersection
        >>> problem = Problem(lambda x: x.sum(1), torch.rand(1, 3))
        >>> TopKIntersection(k=2)(problem, torch.tensor([[0.5, 0.9, 0.2]]), truth=torch.tensor([[0, 1, 1]])).values
        tensor([0.5000], dtype=torch.float64)
    """

    k: int = 1000

    paper: ClassVar[str] = "https://arxiv.org/abs/2104.14995"

    def of_places(self, values: Tensor, inside: Tensor) -> Tensor:
        """The shares of the top that are inside."""
        k = min(check_count("k", self.k), values.shape[1])
        return share_of_top(values, inside, torch.full((len(values),), k, device="cpu")) / k


@final
@dataclass(frozen=True, kw_only=True)
class RelevanceRankAccuracy(LocalisationMetric):
    """Which share of the object's places is among as many places of the largest attributions.

    |top K ∩ object| / K, where K is the size of the object

    Arras, Osman, Samek, "CLEVR-XAI: A benchmark dataset for the ground truth evaluation of neural network
    explanations", 2022, https://arxiv.org/abs/2003.07258.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import RelevanceRankAccuracy
        >>> problem = Problem(lambda x: x.sum(1), torch.rand(1, 3))
        >>> RelevanceRankAccuracy()(problem, torch.tensor([[0.5, 0.9, 0.2]]), truth=torch.tensor([[0, 1, 1]])).values
        tensor([0.5000], dtype=torch.float64)
    """

    paper: ClassVar[str] = "https://arxiv.org/abs/2003.07258"

    def of_places(self, values: Tensor, inside: Tensor) -> Tensor:
        """The shares of objects that are in the top."""
        sizes = inside.sum(1)
        return share_of_top(values, inside, sizes) / sizes.clamp(min=1)


def share_of_top(values: Tensor, inside: Tensor, k: Tensor) -> Tensor:
    """How many of the k largest of each row are inside, [n]; where the last of them are tied, the expected number.

    Args:
        values: [n, places].
        inside: bool [n, places].
        k: int64 [n].
    """
    last = values.sort(dim=1, descending=True).values.gather(1, (k.clamp(min=1) - 1)[:, None])
    above, tied = values > last, values == last
    left = (k - above.sum(1)).double()
    return (above & inside).sum(1) + left * (tied & inside).sum(1) / tied.sum(1).clamp(min=1)


@final
@dataclass(frozen=True, kw_only=True)
class RelevanceMassAccuracy(LocalisationMetric):
    """Which share of the sizes of attributions is on the object.

    Σ_{i ∈ object} |a_i| / Σ_i |a_i|

    Arras, Osman, Samek, "CLEVR-XAI: A benchmark dataset for the ground truth evaluation of neural network
    explanations", 2022, https://arxiv.org/abs/2003.07258.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import RelevanceMassAccuracy
        >>> problem = Problem(lambda x: x.sum(1), torch.rand(1, 3))
        >>> RelevanceMassAccuracy()(problem, torch.tensor([[2.0, -1.0, 1.0]]), truth=torch.tensor([[0, 1, 1]])).values
        tensor([0.5000], dtype=torch.float64)
    """

    paper: ClassVar[str] = "https://arxiv.org/abs/2003.07258"

    def of_places(self, values: Tensor, inside: Tensor) -> Tensor:
        """The shares of sizes."""
        return _share(values.abs(), inside)


@final
@dataclass(frozen=True, kw_only=True)
class AttributionLocalisation(LocalisationMetric):
    """Which share of the positive attributions is on the object.

    μ = Σ_{i ∈ object} max(a_i, 0) / Σ_i max(a_i, 0); weighted, μ · places / places of the object

    Kohlbrenner, Bauer, Nakajima, Binder, Samek, Lapuschkin, "Towards best practice in explaining neural network
    decisions with LRP", 2020, https://arxiv.org/abs/1910.09840.

    Args:
        weighted: Whether in units of what attributions that are the same everywhere have.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import AttributionLocalisation
        >>> problem = Problem(lambda x: x.sum(1), torch.rand(1, 3))
        >>> AttributionLocalisation()(problem, torch.tensor([[3.0, -1.0, 1.0]]), truth=torch.tensor([[0, 1, 1]])).values
        tensor([0.2500], dtype=torch.float64)
    """

    weighted: bool = False

    range: ClassVar[tuple[float, float]] = FROM_ZERO
    paper: ClassVar[str] = "https://arxiv.org/abs/1910.09840"

    def of_places(self, values: Tensor, inside: Tensor) -> Tensor:
        """The shares of positive attributions."""
        shares = _share(values.clamp(min=0), inside)
        return shares * inside.shape[1] / inside.sum(1).clamp(min=1) if self.weighted else shares


@final
@dataclass(frozen=True, kw_only=True)
class LocalisationAUC(LocalisationMetric):
    """The area under the ROC curve of attributions as a guess of where the object is: 1/2 by chance.

    P(a_i > a_j) + P(a_i = a_j) / 2, for i on the object and j elsewhere

    Fawcett, "An introduction to ROC analysis", 2006, https://doi.org/10.1016/j.patrec.2005.10.010.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import LocalisationAUC
        >>> problem = Problem(lambda x: x.sum(1), torch.rand(1, 3))
        >>> LocalisationAUC()(problem, torch.tensor([[0.5, 0.9, 0.2]]), truth=torch.tensor([[0, 1, 1]])).values
        tensor([0.5000], dtype=torch.float64)
    """

    paper: ClassVar[str] = "https://doi.org/10.1016/j.patrec.2005.10.010"

    def of_places(self, values: Tensor, inside: Tensor) -> Tensor:
        """The areas, as Mann and Whitney have them."""
        within = inside.sum(1).double()
        outside = inside.shape[1] - within
        ranks = (mean_ranks(values) * inside).sum(1)
        pairs = within * outside
        return (ranks - within * (within + 1) / 2) / torch.where(pairs > 0, pairs, float("nan"))


@final
@dataclass(frozen=True, kw_only=True)
class Focus(LocalisationMetric):
    """Which share of the positive attributions of a mosaic is on images of the class that is explained.

    Σ_{i on images of the class} max(a_i, 0) / Σ_i max(a_i, 0)

    [mosaics][pellucid.metrics.mosaics] makes mosaics, and says where they show the class.

    Arias-Duart, Parés, Garcia-Gasulla, Giménez-Ábalos, "Focus! Rating XAI methods and finding biases", 2022,
    https://arxiv.org/abs/2109.15035.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import Focus
        >>> problem = Problem(lambda x: x.sum((1, 2, 3)), torch.rand(1, 1, 2, 2))
        >>> attributions, truth = torch.tensor([[[[3.0, -1.0], [0.0, 1.0]]]]), torch.tensor([[[[1, 0], [1, 0]]]])
        >>> Focus()(problem, attributions, truth=truth).values
        tensor([0.7500], dtype=torch.float64)
    """

    paper: ClassVar[str] = "https://arxiv.org/abs/2109.15035"

    def of_places(self, values: Tensor, inside: Tensor) -> Tensor:
        """The shares of positive attributions."""
        return _share(values.clamp(min=0), inside)


def _share(values: Tensor, inside: Tensor) -> Tensor:
    """The share of values from zero on that is inside, [n]."""
    totals = values.sum(1)
    return (values * inside).sum(1) / torch.where(totals > 0, totals, float("nan"))
