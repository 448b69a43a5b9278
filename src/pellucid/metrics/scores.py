"""Scores: what a metric says of each example, how sure it is, and which way is better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import ClassVar, Literal, TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.summaries import Summarized, summary
from pellucid.errors import InvalidArgument

Better: TypeAlias = Literal["higher", "lower"]
"""Which scores are better."""

UNBOUNDED = (-float("inf"), float("inf"))
FROM_ZERO = (0.0, float("inf"))
SHARE = (0.0, 1.0)
CORRELATION = (-1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Metric(Summarized):
    """What all metrics have: hyperparameters as fields, and what is known of their scores.

    Attributes:
        better: Which scores are better.
        range: The least and the largest score that there can be.
        paper: Where it was proposed.
    """

    better: ClassVar[Better]
    range: ClassVar[tuple[float, float]]
    paper: ClassVar[str]
    __call__: ClassVar[Callable[..., Scores]]

    @property
    def name(self) -> str:
        """The name of its class."""
        return type(self).__name__


@final
@dataclass(frozen=True, eq=False, repr=False)
class RemovalCurve:
    """The output as more and more features are taken away, or put back.

    Args:
        fractions: Which share of the features, float64 [S], from 0 to 1.
        values: The outputs, float64 [B, S].
        random: The same in random orders, float64 [B, orders, S]; None where none were tried.
    """

    fractions: Tensor
    values: Tensor
    random: Tensor | None = None

    def __repr__(self) -> str:
        orders = 0 if self.random is None else self.random.shape[1]
        return f"RemovalCurve({len(self.values)} examples, {len(self.fractions)} steps, {orders} random orders)"

    @property
    def area(self) -> Tensor:
        """The area under each curve, [B]."""
        return torch.trapezoid(self.values, self.fractions)

    @property
    def random_areas(self) -> Tensor | None:
        """The areas under the curves of random orders, [B, orders]."""
        return None if self.random is None else torch.trapezoid(self.random, self.fractions)

    def band(self, level: float = 0.9) -> tuple[Tensor, Tensor]:
        """Between which outputs a share of random orders lies at each step, [B, S] each.

        Args:
            level: The share.

        Raises:
            InvalidArgument: No random orders were tried.
        """
        if self.random is None:
            raise InvalidArgument("band needs random orders: got none. Hint: Deletion(random_orders=20).")
        ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64, device=self.random.device)
        low, high = torch.quantile(self.random, ends, dim=1)
        return low, high


@final
@dataclass(frozen=True, eq=False, repr=False)
class Scores:
    """What a metric says of each example.

    Args:
        metric: The metric.
        values: The scores, float64 [B] on the CPU; NaN where there is none.
        stderr: Their standard errors, [B], where the metric samples; else None.
        curve: What they are the areas of, of metrics that follow the output as features go.
        details: What else was measured on the way, [B, ...] each, by name.
    """

    metric: Metric
    values: Tensor
    stderr: Tensor | None = None
    curve: RemovalCurve | None = None
    details: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        low, high = self.metric.range
        mean, error = self.mean
        spread = "" if error is None else f" ± {error:.2g}"
        return (
            f"Scores({summary(self.metric)}: {mean:.4g}{spread} in the mean of {len(self)} examples, "
            f"{self.metric.better} is better, from {low:g} to {high:g})"
        )

    @property
    def better(self) -> Better:
        """Which scores are better."""
        return self.metric.better

    @property
    def mean(self) -> tuple[float, float | None]:
        """The mean over examples that have a score, and the standard error that sampling leaves in it."""
        known = ~self.values.isnan()
        if not known.any():
            return float("nan"), None
        mean = float(self.values[known].mean())
        if self.stderr is None:
            return mean, None
        return mean, float(self.stderr[known].square().sum().sqrt() / known.sum())

    def interval(self, level: float = 0.95) -> tuple[Tensor, Tensor]:
        """Between which values each score lies, as far as sampling goes, [B] each.

        Scores of correlations, whose errors are lopsided near -1 and 1, have the interval of Fisher's transform; those
        that begin at zero, such as mean squares, that of their logarithm.

        Args:
            level: How sure that is to be.
        """
        if self.stderr is None:
            return self.values.clone(), self.values.clone()
        reach = NormalDist().inv_cdf((1 + level) / 2)
        if self.metric.range == CORRELATION:
            inside = self.values.clamp(-1 + 1e-12, 1 - 1e-12)
            middle, width = inside.atanh(), reach * self.stderr / (1 - inside.square())
            return (middle - width).tanh(), (middle + width).tanh()
        low, high = self.metric.range
        if self.metric.range == FROM_ZERO:
            factor = (reach * self.stderr / self.values).nan_to_num(0.0, 0.0).exp()
            return self.values / factor, self.values * factor
        return (
            (self.values - reach * self.stderr).clamp(min=low),
            (self.values + reach * self.stderr).clamp(max=high),
        )


def joined(scores: Sequence[Scores]) -> Scores:
    """The scores of some examples after another; curves and details where they are of one shape.

    Args:
        scores: The scores, of one metric.
    """
    first, curves = scores[0], [each.curve for each in scores if each.curve is not None]
    errors = [each.stderr for each in scores if each.stderr is not None]
    details = {name: [each.details[name] for each in scores] for name in first.details}
    return Scores(
        first.metric,
        torch.cat([each.values for each in scores]),
        torch.cat(errors) if len(errors) == len(scores) else None,
        _joined_curve(curves) if len(curves) == len(scores) else None,
        {name: torch.cat(parts) for name, parts in details.items() if len({part.shape[1:] for part in parts}) == 1},
    )


def _joined_curve(curves: Sequence[RemovalCurve]) -> RemovalCurve | None:
    """The curves of all examples; None where they have different steps."""
    first = curves[0]
    if not all(torch.equal(curve.fractions, first.fractions) for curve in curves):
        return None
    random = [curve.random for curve in curves if curve.random is not None]
    return RemovalCurve(
        first.fractions,
        torch.cat([curve.values for curve in curves]),
        torch.cat(random) if len(random) == len(curves) else None,
    )
