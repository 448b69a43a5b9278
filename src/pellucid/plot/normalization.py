"""Attributions on one scale: of one sign or all, and without the few largest deciding about all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from pellucid.core.summaries import Summarized, summary
from pellucid.errors import InvalidArgument, warn
from pellucid.plot.arrays import Array, check_fraction, check_name

Sign: TypeAlias = Literal["all", "positive", "negative", "absolute_value"]
"""Which attributions are drawn: `all` with their signs, those of one sign, or the sizes of all."""

Normalization: TypeAlias = Literal["outliers"] | None
"""How attributions are scaled: so that all but the largest reach from -1 to 1, or not at all."""

SMALLEST_SCALE = 1e-5
"""Below it attributions may be little more than the rounding of a model's output, of size one."""


@dataclass(frozen=True)
class ScaledValues:
    """What colours show: values, NaN where there is nothing to show, and those of the first and the last colour."""

    values: Array
    limits: tuple[float, float]
    sign: Sign

    @property
    def shares(self) -> Array:
        """How far values are between the limits, from 0 to 1, zero where there is nothing to show."""
        low, high = self.limits
        shares: Array = np.nan_to_num(np.clip((self.values - low) / (high - low), 0, 1))
        return shares


@dataclass(frozen=True)
class Scaling(Summarized):
    """How attributions become values with a colour.

    Args:
        sign: Which of them are drawn. Negative ones alone are drawn as positive values.
        outlier_percent: How much of the sum of all sizes may lie beyond the last colour.
        normalization: Whether they are divided by the size from which on that is so; None leaves them as they are.
        limits: The values of the first and the last colour; None chooses -1 and 1 for normalized values and the largest
            size for others, or zero and that where one sign is drawn.
    """

    sign: Sign = "all"
    outlier_percent: float = 2.0
    normalization: Normalization = "outliers"
    limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_name("sign", self.sign, get_args(Sign))
        check_fraction("outlier_percent", self.outlier_percent, 100)
        if self.normalization not in (None, "outliers"):
            raise InvalidArgument(f"normalization must be 'outliers' or None: got {summary(self.normalization)}.")
        if self.limits is not None:
            _check_limits(self.limits)

    def __call__(self, attributions: Array) -> ScaledValues:
        """Values of any shape, all of them on one scale."""
        known = np.isfinite(attributions)
        signed_values = np.where(known, attributions, 0) if attributions.dtype.kind == "f" else attributions * 1.0
        values = of_sign(signed_values, self.sign)
        _warn_of_gaps(known)
        if not values.any():
            _warn_of_nothing(bool(signed_values.any()), self.sign)
        if self.normalization == "outliers":
            values = _divided(values, outlier_threshold(np.abs(values), self.outlier_percent))
        if not known.all():
            values = np.where(known, values, np.nan)
        return ScaledValues(values, self.limits or self._limits(values), self.sign)

    def _limits(self, values: Array) -> tuple[float, float]:
        largest = 1.0 if self.normalization else float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
        return (-largest if self.sign == "all" else 0.0), largest


def outlier_threshold(sizes: Array, outlier_percent: float) -> float:
    """The size up to which the sum of all sizes reaches all but some percent of the whole sum.

    Args:
        sizes: Numbers of zero or more.
        outlier_percent: The percentage of the sum that may lie in the larger ones.
    """
    ordered = np.sort(sizes, axis=None)
    if not ordered.size:
        return 0.0
    sums = np.cumsum(ordered)
    # Rounding may bring the share above the sum of all.
    index = min(int(np.searchsorted(sums, sums[-1] * 0.01 * (100 - outlier_percent))), ordered.size - 1)
    return float(ordered[index])


def of_sign(values: Array, sign: Sign) -> Array:
    """Values as far as they are drawn: those of one sign, which are then positive, or the sizes, or all.

    Args:
        values: Of any shape.
        sign: Which of them.
    """
    match sign:
        case "positive":
            return np.maximum(values, 0)
        case "negative":
            return np.maximum(-values, 0)
        case "absolute_value":
            return np.abs(values)
        case _:
            return values


def _divided(values: Array, threshold: float) -> Array:
    if threshold == 0:  # nothing but zeros, or else everything is beyond the threshold
        return np.sign(values)
    if threshold < SMALLEST_SCALE:
        warn(
            f"Attributions are drawn as shares of {threshold:.2g}: so small, they may be little but rounding. "
            "Hint: multiply them by a number to draw them without this warning."
        )
    return np.clip(values / threshold, -1, 1)


def _warn_of_gaps(known: Array) -> None:
    unknown = int(known.size - known.sum())
    if unknown:
        warn(f"{unknown} of {known.size} attributions are NaN or infinite: they are left blank.")


def _warn_of_nothing(of_another_sign: bool, sign: Sign) -> None:
    if of_another_sign:
        warn(f"No attribution is {sign}: the map is empty. Hint: sign='all' draws those of both signs.")
    else:
        warn("No attribution differs from zero: the map is empty.")


def _check_limits(limits: object) -> None:
    message = f"limits must be two numbers, the lower first: got {summary(limits)}."
    try:
        low, high = limits  # type: ignore[misc]  # or it raises
        fine = bool(low < high) and bool(np.isfinite([low, high]).all())  # type: ignore[has-type]
    except (TypeError, ValueError) as error:
        raise InvalidArgument(message) from error
    if not fine:
        raise InvalidArgument(message)
