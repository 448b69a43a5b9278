"""Whether the features of the largest attributions are enough, and whether the others do without them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.metrics.faithfulness.removals import FaithfulnessMetric, Removals
from pellucid.metrics.scores import UNBOUNDED, Better, RemovalCurve, Scores

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
"""The shares of features of the paper."""


@dataclass(frozen=True, kw_only=True)
class RationaleMetric(FaithfulnessMetric):
    """A metric of the features of the largest attributions, in the mean over shares.

    Args:
        shares: Which shares of the features.
    """

    shares: tuple[float, ...] = SHARES

    range: ClassVar[tuple[float, float]] = UNBOUNDED

    def scores(self, removals: Removals) -> Scores:
        """The mean drops of the output."""
        if not isinstance(self.shares, tuple) or not self.shares or not all(0 < share <= 1 for share in self.shares):
            raise InvalidArgument(
                f"shares must be a tuple of numbers above zero, and one at most: got {summary(self.shares)}."
            )
        shares = torch.tensor(self.shares, dtype=torch.float64, device="cpu")
        counts = (shares * removals.features - 1e-9).ceil().long()
        values = self.outputs(removals, counts)
        drops = removals.prediction[:, None] - values
        return Scores(self, drops.mean(1), curve=RemovalCurve(shares, values))

    @abstractmethod
    def outputs(self, removals: Removals, counts: Tensor) -> Tensor:
        """The outputs, [n, S], for so many of the first features, int64 [S]."""


@final
@dataclass(frozen=True, kw_only=True)
class Comprehensiveness(RationaleMetric):
    """By how much the output drops without the features of the largest attributions, in the mean over shares of these.

    mean over s of f(x) - f(x without the share s of features of the largest attributions)

    DeYoung, Jain, Rajani, Lehman, Xiong, Socher, Wallace, "ERASER: A benchmark to evaluate rationalized NLP models",
    2020, https://arxiv.org/abs/1911.03429.

    Args:
        shares: Which shares of the features; a part of a feature counts as one.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import Comprehensiveness
        >>> problem = Problem(lambda x: x.sum(1), torch.tensor([[3.0, 1.0]]))
        >>> Comprehensiveness(shares=(0.5, 1.0))(problem, torch.tensor([[3.0, 1.0]])).values
        tensor([3.5000], dtype=torch.float64)
    """

    better: ClassVar[Better] = "higher"
    paper: ClassVar[str] = "https://arxiv.org/abs/1911.03429"

    def outputs(self, removals: Removals, counts: Tensor) -> Tensor:
        """The outputs without them."""
        return removals.without_first(removals.ranks, counts)


@final
@dataclass(frozen=True, kw_only=True)
class Sufficiency(RationaleMetric):
    """By how much the output drops with nothing but the features of the largest attributions, in the mean over shares.

    mean over s of f(x) - f(the share s of features of the largest attributions alone)

    DeYoung, Jain, Rajani, Lehman, Xiong, Socher, Wallace, "ERASER: A benchmark to evaluate rationalized NLP models",
    2020, https://arxiv.org/abs/1911.03429.

    Args:
        shares: Which shares of the features; a part of a feature counts as one.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import Sufficiency
        >>> problem = Problem(lambda x: x.sum(1), torch.tensor([[3.0, 1.0]]))
        >>> Sufficiency(shares=(0.5, 1.0))(problem, torch.tensor([[3.0, 1.0]])).values
        tensor([0.5000], dtype=torch.float64)
    """

    better: ClassVar[Better] = "lower"
    paper: ClassVar[str] = "https://arxiv.org/abs/1911.03429"

    def outputs(self, removals: Removals, counts: Tensor) -> Tensor:
        """The outputs with them alone."""
        return removals.with_first(removals.ranks, counts)
