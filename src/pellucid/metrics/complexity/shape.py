"""How few features an explanation needs: the fewer, the easier it is to read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.features import FeatureMask, Features, mask_of_points
from pellucid.core.problem.problem import Problem
from pellucid.core.tensors import Tensors
from pellucid.metrics.given import AttributionsLike, are_of_features, of_features, score
from pellucid.metrics.scores import FROM_ZERO, SHARE, Better, Metric, Scores


@dataclass(frozen=True, kw_only=True)
class ComplexityMetric(Metric, ABC):
    """A metric of how sizes of attributions are distributed over features; no model is run."""

    def __call__(
        self,
        problem: Problem | ModelFunction,
        attributions: AttributionsLike,
        /,
        *,
        feature_mask: FeatureMask = None,
    ) -> Scores:
        """The scores of attributions.

        Args:
            problem: What they answer.
            attributions: See [AttributionsLike][pellucid.metrics.given.AttributionsLike].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].

        Returns:
            Scores of the B examples; NaN where all attributions are zero.

        Raises:
            WrongShape: The attributions do not have the shapes of the source.
        """

        def scored(f: ModelFunction, tensors: Tensors) -> Scores:
            features = Features.of(f.x, mask_of_points(f, feature_mask))
            sizes = of_features(features, tensors, are_of_features(attributions)).abs()
            totals = sizes.sum(1, keepdim=True)
            return Scores(self, self.of_shares(sizes / torch.where(totals > 0, totals, float("nan"))))

        return score(self, problem, attributions, scored, feature_mask)

    @abstractmethod
    def of_shares(self, shares: Tensor) -> Tensor:
        """The scores [n], given the share of each feature in the sum of sizes, [n, features]."""


@final
@dataclass(frozen=True, kw_only=True)
class Sparseness(ComplexityMetric):
    """The Gini index of the sizes of attributions: 0 where all are the same, near 1 where one has it all.

    1 - 2 Σ_k |a|_(k) / ‖a‖₁ · (d - k + 1/2) / d, where |a|_(k) is the k-th smallest of d

    Chalasani, Chen, Chowdhury, Jha, Wu, "Concise explanations of neural networks using adversarial training", 2020,
    https://arxiv.org/abs/1810.06583.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import Sparseness
        >>> Sparseness()(Problem(lambda x: x.sum(1), torch.rand(2, 4)), torch.tensor([[1.0] * 4, [0, 0, 0, 5]])).values
        tensor([0.0000, 0.7500], dtype=torch.float64)
    """

    better: ClassVar[Better] = "higher"
    range: ClassVar[tuple[float, float]] = SHARE
    paper: ClassVar[str] = "https://arxiv.org/abs/1810.06583"

    def of_shares(self, shares: Tensor) -> Tensor:
        """The Gini indices."""
        count = shares.shape[1]
        k = torch.arange(1, count + 1, dtype=torch.float64, device="cpu")
        return (1 - 2 * (shares.sort(dim=1).values * (count - k + 0.5) / count).sum(1)).clamp(min=0.0)


@final
@dataclass(frozen=True, kw_only=True)
class Complexity(ComplexityMetric):
    """The entropy of the sizes of attributions, in nats: 0 where one feature has it all, log d where all are the same.

    -Σ_i p_i log p_i, where p_i = |a_i| / Σ_j |a_j|

    Bhatt, Weller, Moura, "Evaluating and aggregating feature-based model explanations", 2020,
    https://arxiv.org/abs/2005.00631.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import Complexity
        >>> Complexity()(Problem(lambda x: x.sum(1), torch.rand(2, 2)), torch.tensor([[1.0, 1.0], [0.0, 5.0]])).values
        tensor([0.6931, 0.0000], dtype=torch.float64)
    """

    better: ClassVar[Better] = "lower"
    range: ClassVar[tuple[float, float]] = FROM_ZERO
    paper: ClassVar[str] = "https://arxiv.org/abs/2005.00631"

    def of_shares(self, shares: Tensor) -> Tensor:
        """The entropies."""
        return -torch.xlogy(shares, shares).sum(1) + 0.0
