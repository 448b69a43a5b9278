"""Scales: from which size on colours are full, in the numbers of the attributions themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

import numpy as np

from pellucid.plot.arrays import Array, check_fraction, check_name
from pellucid.plot.colours import mixed, ramp, written
from pellucid.plot.normalization import Sign, of_sign, outlier_threshold
from pellucid.plot.theme import Theme

COLOURS_OF_MAPS = 127
"""How many colours pictures of maps have: an odd number, for zero to have its own, and few enough for a palette."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What colours stand for.

    Args:
        largest: The size from which on they are full; 0 where all values are zero.
        sign: Which values have a colour.
        beyond: How many values are larger.
    """

    largest: float
    sign: Sign = "all"
    beyond: int = 0

    @classmethod
    def over(cls, values: Iterable[Array], sign: Sign = "all", outlier_percent: float = 2.0) -> Scale:
        """The scale of arrays that share it.

        Args:
            values: Of any shapes.
            sign: Which values have a colour.
            outlier_percent: How much of the sum of all sizes may lie beyond the full colours.

        Raises:
            UnknownName: There is no such sign.
            InvalidArgument: The percentage is not from 0 to 100.
        """
        check_name("sign", sign, get_args(Sign))
        check_fraction("outlier_percent", outlier_percent, 100)
        numbers = np.concatenate([np.ravel(array).astype(float) for array in values] or [np.zeros(0)])
        known = numbers[np.isfinite(numbers)]
        sizes = np.abs(of_sign(known, sign))
        threshold = outlier_threshold(sizes, outlier_percent) or float(sizes.max(initial=0.0))
        beyond = int((sizes > threshold * (1 + 1e-9)).sum())
        return cls(largest=threshold, sign=sign, beyond=beyond)

    @property
    def ends(self) -> tuple[float, float]:
        """The numbers of the first and of the last colour."""
        match self.sign:
            case "all":
                return -self.largest, self.largest
            case "negative":
                return 0.0, -self.largest
            case _:
                return 0.0, self.largest

    def shares(self, values: Array) -> Array:
        """Values as shares of the largest: from -1 to 1 of all signs, or else from 0 to 1; NaN where unknown.

        Args:
            values: Of any shape.
        """
        numbers = of_sign(np.where(np.isfinite(values), values, np.nan).astype(float), self.sign)
        shares: Array = np.clip(numbers / (self.largest or 1.0), -1.0, 1.0)
        return shares

    def levels(self, shares: Array, theme: Theme) -> Array:
        """The colours of shares, uint8 (..., 3); of NaN, that of zero.

        Args:
            shares: Of any shape.
            theme: Where colours come from.
        """
        known = np.nan_to_num(shares)
        upwards = (known + 1) / 2 if self.sign == "all" else known
        steps = COLOURS_OF_MAPS - 1
        return mixed(ramp(self.sign, theme), np.rint(upwards * steps) / steps)

    def colour(self, share: float, theme: Theme) -> str:
        """The colour `#rrggbb` of one share.

        Args:
            share: See `shares`.
            theme: Where colours come from.
        """
        return written(self.levels(np.array(share), theme))

    def is_against(self, shares: Array) -> Array:
        """Where values are drawn as negative ones, which lines cross: beyond a tenth of the scale.

        Args:
            shares: See `shares`.
        """
        known = np.nan_to_num(shares)
        return known < -0.1 if self.sign == "all" else known > 0.1 if self.sign == "negative" else known > 2.0
