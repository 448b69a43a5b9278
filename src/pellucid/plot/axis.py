"""Axes: numbers as places on a sheet, round numbers to write beside them, and numbers as texts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Axis:
    """Numbers as places.

    Args:
        low: The number at the first place.
        high: The number at the last place; another one.
        first: A place.
        last: A place.
    """

    low: float
    high: float
    first: float
    last: float

    @classmethod
    def over(cls, low: float, high: float, first: float, last: float, *, margin: float = 0.0) -> Axis:
        """An axis that has room for numbers, also where they are all the same.

        Args:
            low: The lowest.
            high: The highest.
            first: The place of the first.
            last: The place of the last.
            margin: How much of the axis is left empty at either end.
        """
        if not high > low:
            half = abs(low) / 2 or 0.5
            low, high = low - half, high + half
        room = (high - low) * margin
        return cls(low - room, high + room, first, last)

    def __call__(self, number: float) -> float:
        """The place of a number."""
        return self.first + (number - self.low) / (self.high - self.low) * (self.last - self.first)

    def ticks(self, most: int = 5) -> tuple[float, ...]:
        """Round numbers within the axis, at most so many."""
        step = _round_step((self.high - self.low) / max(1, most - 1))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return tuple(number * step for number in range(first, last + 1))

    def tick_texts(self, most: int = 5) -> tuple[tuple[float, str], ...]:
        """Round numbers, and how they are written: with as many decimals as tell them apart."""
        ticks = self.ticks(most)
        step = min((after - before for before, after in itertools.pairwise(ticks)), default=1.0)
        return tuple((tick, _plain(tick, step)) for tick in ticks)


@dataclass(frozen=True)
class LogAxis:
    """Numbers above zero as places, as far apart as their logarithms.

    Args:
        low: The number at the first place, above zero.
        high: The number at the last place; a larger one.
        first: A place.
        last: A place.
    """

    low: float
    high: float
    first: float
    last: float

    @classmethod
    def over(cls, numbers: Iterable[float], first: float, last: float) -> LogAxis:
        """An axis from the lowest number above zero to the highest, as far apart as a factor of ten at least.

        Args:
            numbers: Some numbers; those that are not above zero have no place.
            first: The place of the first.
            last: The place of the last.
        """
        known = [number for number in numbers if 0 < number < math.inf] or [1.0]
        low, high = min(known), max(known)
        if high < 10 * low:
            middle = math.sqrt(low * high)
            low, high = middle / math.sqrt(10), middle * math.sqrt(10)
        return cls(low, high, first, last)

    def __call__(self, number: float) -> float:
        """The place of a number; of one that is too low for the axis, the first."""
        share = math.log(max(number, self.low) / self.low) / math.log(self.high / self.low)
        return self.first + share * (self.last - self.first)

    def tick_texts(self, most: int = 5) -> tuple[tuple[float, str], ...]:
        """Powers of ten within the axis, at most so many, with 2 and 5 times these where there are few.

        Args:
            most: How many.
        """
        first = math.floor(math.log10(self.low) + 1e-9)
        last = math.ceil(math.log10(self.high) - 1e-9)
        for digits in ((1, 2, 5), (1, 3), (1,)):
            powers = range(first, last + 1)
            ticks = [digit * 10.0**power for power in powers for digit in digits]
            inside = [tick for tick in ticks if self.low * (1 - 1e-9) <= tick <= self.high * (1 + 1e-9)]
            if len(inside) <= most:
                break
        else:
            inside = inside[:: math.ceil(len(inside) / max(1, most))]
        return tuple((tick, _power_text(tick)) for tick in inside)


AnyAxis: TypeAlias = Axis | LogAxis
"""Numbers as places, as far apart as they are, or as their logarithms are."""


def _power_text(tick: float) -> str:
    """A number as it is said, `1 000`, or as `2e−6`."""
    if 1e-3 <= tick < 1e5:
        return _plain(tick, 10.0 ** math.floor(math.log10(tick) + 1e-9))
    return f"{tick:.0e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e").replace("-", MINUS)


def _round_step(least: float) -> float:
    """The least of 1, 2 or 5 times a power of ten that is not below this."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= least * (1 - 1e-9))


def _plain(tick: float, step: float) -> str:
    if abs(tick) < step / 2:
        return "0"
    if abs(tick) >= 1e5 or step < 1e-4:
        return f"{tick:.4g}".replace("-", MINUS)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{tick:,.{decimals}f}".replace(",", "\N{THIN SPACE}").replace("-", MINUS)


def signed_number(number: float, like: float | None = None) -> str:
    """A number with its sign, in three digits of the largest that it stands beside.

    Args:
        number: The number; NaN reads as such.
        like: The size of the largest; None for its own.
    """
    if not math.isfinite(number):
        return {math.inf: "+∞", -math.inf: f"{MINUS}∞"}.get(number, "NaN")
    size = abs(number if like is None or not math.isfinite(like) else like)
    if size == 0:
        return "0"
    if size >= 1e6 or size < 1e-4:
        return f"{number:+.2e}".replace("-", MINUS) if number else "0"
    decimals = min(6, max(0, 2 - math.floor(math.log10(size))))
    text = f"{number:+.{decimals}f}".replace("-", MINUS)
    return text if float(text.replace(MINUS, "-")) else f"{0:.{decimals}f}"


def signed(value: float, decimals: int = 2) -> str:
    """A number with its sign and so many decimals; one that rounds to zero has no sign.

    Args:
        value: The number.
        decimals: How many.
    """
    text = f"{value:+.{decimals}f}"
    return text.replace("-", MINUS) if float(text) else text[1:]


def number_text(number: float) -> str:
    """A number in four digits, without a plus."""
    if not math.isfinite(number):
        return signed_number(number).removeprefix("+")
    return f"{number:.4g}".replace("-", MINUS)
