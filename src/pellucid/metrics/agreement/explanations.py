"""How far two explanations of the same predictions agree."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.features import FeatureMask, Features, mask_of_points
from pellucid.core.problem.problem import Problem
from pellucid.core.summaries import summary
from pellucid.core.tensors import Tensors, flatten_examples, format_shapes
from pellucid.errors import WrongShape, warn
from pellucid.metrics.given import AttributionsLike, are_of_features, of_features, score, tensors_of
from pellucid.metrics.scores import CORRELATION, SHARE, Better, Metric, Scores
from pellucid.metrics.statistics import rank_correlation

PAPER = "https://arxiv.org/abs/2202.01602"


@dataclass(frozen=True, kw_only=True)
class AgreementMetric(Metric, ABC):
    """A metric of two explanations; no model is run."""

    better: ClassVar[Better] = "higher"
    range: ClassVar[tuple[float, float]] = SHARE
    paper: ClassVar[str] = PAPER

    def __call__(
        self,
        problem: Problem | ModelFunction,
        attributions: AttributionsLike,
        /,
        *,
        other: AttributionsLike,
        feature_mask: FeatureMask = None,
    ) -> Scores:
        """How far attributions agree with others.

        Args:
            problem: What they answer.
            attributions: See [AttributionsLike][pellucid.metrics.given.AttributionsLike].
            other: The others, likewise.
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].

        Returns:
            Scores of the B examples; NaN where attributions or others are.

        Raises:
            WrongShape: Attributions do not have the shapes of the source.
        """

        def scored(f: ModelFunction, tensors: Tensors) -> Scores:
            others = tensors_of(other, "other")
            if len(f) < f.problem.batch_size == len(others[0]):  # examples with features of their own come one by one
                others = tuple(tensor[f.examples.to(tensor.device)] for tensor in others)
            if [tensor.shape for tensor in others] != [tensor.shape for tensor in tensors]:
                raise WrongShape(
                    f"other must have the shapes of attributions, {format_shapes(tensors)}: "
                    f"got {format_shapes(others)}."
                )
            features = Features.of(f.x, mask_of_points(f, feature_mask))
            finite = tuple(tensor.nan_to_num(0.0, 0.0, 0.0) for tensor in others)
            theirs = of_features(features, finite, are_of_features(other))
            values = self.of_features(of_features(features, tensors, are_of_features(attributions)), theirs)
            unknown = ~torch.stack([flatten_examples(tensor).isfinite().all(1).cpu() for tensor in others]).all(0)
            if unknown.any():
                which = summary(f.examples[unknown].tolist())
                warn(f"other of examples {which} contains NaN, or infinity: {self.name} of them is NaN.")
            return Scores(self, values.masked_fill(unknown, float("nan")))

        return score(self, problem, attributions, scored, feature_mask)

    @abstractmethod
    def of_features(self, a: Tensor, b: Tensor) -> Tensor:
        """The scores [n] of attributions of features, [n, features], and others."""


@final
@dataclass(frozen=True, kw_only=True)
class RankCorrelation(AgreementMetric):
    """Spearman's correlation of two explanations: 1 where all features are in the same order.

    ρ_i(a_i, b_i)

    NaN where one does not vary.

    Krishna, Han, Gu, Wu, Jabbari, Lakkaraju, "The disagreement problem in explainable machine learning", 2022,
    https://arxiv.org/abs/2202.01602.

    Args:
        of_sizes: Whether absolute values are compared.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import RankCorrelation
        >>> problem = Problem(lambda x: x.sum(1), torch.rand(1, 3))
        >>> a, b = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[3.0, 2.0, 1.0]])
        >>> RankCorrelation()(problem, a, other=b).values.round(decimals=4)
        tensor([-1.], dtype=torch.float64)
    """

    of_sizes: bool = False

    range: ClassVar[tuple[float, float]] = CORRELATION

    def of_features(self, a: Tensor, b: Tensor) -> Tensor:
        """The correlations."""
        return rank_correlation(a.abs(), b.abs()) if self.of_sizes else rank_correlation(a, b)


@dataclass(frozen=True, kw_only=True)
class TopAgreement(AgreementMetric):
    """A metric of the k features of the largest sizes, in their order.

    Args:
        k: How many; no more than there are.
    """

    k: int = 5

    def of_features(self, a: Tensor, b: Tensor) -> Tensor:
        """The share of the top."""
        k = min(check_count("k", self.k), a.shape[1])
        tops = [values.abs().argsort(dim=1, descending=True, stable=True)[:, :k] for values in (a, b)]
        return self.agreed(a, b, tops[0], tops[1]).double().sum(1) / k

    @abstractmethod
    def agreed(self, a: Tensor, b: Tensor, top_a: Tensor, top_b: Tensor) -> Tensor:
        """On which of the top features both agree, bool [n, k]; the top of each, int64 [n, k]."""


@final
@dataclass(frozen=True, kw_only=True)
class FeatureAgreement(TopAgreement):
    """Which share of the k features of the largest sizes two explanations have in common.

    |top k of a ∩ top k of b| / k

    Krishna, Han, Gu, Wu, Jabbari, Lakkaraju, "The disagreement problem in explainable machine learning", 2022,
    https://arxiv.org/abs/2202.01602.

    Args:
        k: How many; no more than there are.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import FeatureAgreement
        >>> problem = Problem(lambda x: x.sum(1), torch.rand(1, 3))
        >>> a, b = torch.tensor([[1.0, -2.0, 3.0]]), torch.tensor([[3.0, 2.0, 1.0]])
        >>> FeatureAgreement(k=2)(problem, a, other=b).values
        tensor([0.5000], dtype=torch.float64)
    """

    def agreed(self, a: Tensor, b: Tensor, top_a: Tensor, top_b: Tensor) -> Tensor:
        """Which are in both."""
        return (top_a[:, :, None] == top_b[:, None]).any(2)


@final
@dataclass(frozen=True, kw_only=True)
class RankAgreement(TopAgreement):
    """Which share of the k features of the largest sizes has the same place in both explanations.

    Krishna, Han, Gu, Wu, Jabbari, Lakkaraju, "The disagreement problem in explainable machine learning", 2022,
    https://arxiv.org/abs/2202.01602.

    Args:
        k: How many; no more than there are.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import RankAgreement
        >>> problem = Problem(lambda x: x.sum(1), torch.rand(1, 3))
        >>> a, b = torch.tensor([[1.0, -2.0, 3.0]]), torch.tensor([[3.0, 2.0, 1.0]])
        >>> RankAgreement(k=2)(problem, a, other=b).values
        tensor([0.5000], dtype=torch.float64)
    """

    def agreed(self, a: Tensor, b: Tensor, top_a: Tensor, top_b: Tensor) -> Tensor:
        """Which are in the same place."""
        return top_a == top_b


@final
@dataclass(frozen=True, kw_only=True)
class SignAgreement(TopAgreement):
    """Which share of the k features of the largest sizes is in both explanations, with the same sign.

    Krishna, Han, Gu, Wu, Jabbari, Lakkaraju, "The disagreement problem in explainable machine learning", 2022,
    https://arxiv.org/abs/2202.01602.

    Args:
        k: How many; no more than there are.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import SignAgreement
        >>> problem = Problem(lambda x: x.sum(1), torch.rand(1, 3))
        >>> a, b = torch.tensor([[1.0, -2.0, 3.0]]), torch.tensor([[3.0, 2.0, 1.0]])
        >>> SignAgreement(k=2)(problem, a, other=b).values
        tensor([0.], dtype=torch.float64)
    """

    def agreed(self, a: Tensor, b: Tensor, top_a: Tensor, top_b: Tensor) -> Tensor:
        """Which are in both, with the same sign."""
        same = a.gather(1, top_a).sign() == b.gather(1, top_a).sign()
        return (top_a[:, :, None] == top_b[:, None]).any(2) & same


@final
@dataclass(frozen=True, kw_only=True)
class TopKOverlap(TopAgreement):
    """How much the k features of the largest sizes of two explanations overlap, as a share of all of these (Jaccard).

    |top k of a ∩ top k of b| / |top k of a ∪ top k of b|

    Ghorbani, Abid, Zou, "Interpretation of neural networks is fragile", 2019, https://arxiv.org/abs/1710.10547.

    Args:
        k: How many; no more than there are.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import TopKOverlap
        >>> problem = Problem(lambda x: x.sum(1), torch.rand(1, 3))
        >>> a, b = torch.tensor([[1.0, -2.0, 3.0]]), torch.tensor([[3.0, 2.0, 1.0]])
        >>> TopKOverlap(k=2)(problem, a, other=b).values.round(decimals=4)
        tensor([0.3333], dtype=torch.float64)
    """

    paper: ClassVar[str] = "https://arxiv.org/abs/1710.10547"

    def of_features(self, a: Tensor, b: Tensor) -> Tensor:
        """The shares of all."""
        common = super().of_features(a, b)
        return common / (2 - common)

    def agreed(self, a: Tensor, b: Tensor, top_a: Tensor, top_b: Tensor) -> Tensor:
        """Which are in both."""
        return (top_a[:, :, None] == top_b[:, None]).any(2)
