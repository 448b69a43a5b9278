"""DeepLIFT one number at a time: every number knows its value, that for the baseline, and what it is made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence


class Number:
    """A number of the input run and the same of the baseline run, and how it changes with those it is made of."""

    def __init__(self, value: float, value0: float, parts: Sequence[tuple[Number, float]] = ()):
        self.value, self.reference_value, self.parts = value, value0, parts

    @property
    def change(self) -> float:
        return self.value - self.reference_value

    def __add__(self, other: Number | float) -> Number:
        other = constant(other)
        return Number(
            self.value + other.value, self.reference_value + other.reference_value, [(self, 1.0), (other, 1.0)]
        )

    __radd__ = __add__

    def __mul__(self, other: Number | float) -> Number:
        """Half of the change by each factor, while the other is in the middle."""
        other = constant(other)
        middles = [(each.value + each.reference_value) / 2 for each in (self, other)]
        product, product0 = self.value * other.value, self.reference_value * other.reference_value
        return Number(product, product0, [(self, middles[1]), (other, middles[0])])

    __rmul__ = __mul__


def constant(value: Number | float) -> Number:
    return value if isinstance(value, Number) else Number(value, value)


def applied(function: Callable[[float], float], x: Number) -> Number:
    """The ratio of changes; where there is none, a difference quotient."""
    y, y0 = function(x.value), function(x.reference_value)
    slope = (
        (y - y0) / x.change if abs(x.change) > 1e-10 else (function(x.value + 1e-6) - function(x.value - 1e-6)) / 2e-6
    )
    return Number(y, y0, [(x, slope)])


def largest(numbers: Sequence[Number]) -> Number:
    """The place of the maximum gains what lies above the old one; the old place loses what lies below."""
    top, top0 = max(numbers, key=lambda x: x.value), max(numbers, key=lambda x: x.reference_value)
    between = max(top.value, top0.reference_value)
    parts = {id(x): [x, 0.0] for x in numbers}
    parts[id(top)][1] += between - top0.reference_value
    parts[id(top0)][1] += top.value - between
    slopes = [(x, share / x.change if x.change else 0.0) for x, share in parts.values()]
    return Number(top.value, top0.reference_value, slopes)


def softmax(numbers: Sequence[Number]) -> list[Number]:
    """exp(x - log(sum of exp(x)))"""
    total = applied(math.log, sum((applied(math.exp, x) for x in numbers), start=constant(0.0)))
    return [applied(math.exp, x + -1.0 * total) for x in numbers]


def contributions(output: Number, inputs: Sequence[Number]) -> list[float]:
    """What each input contributes to the change of the output, along all paths to it."""
    found = dict.fromkeys(map(id, inputs), 0.0)

    def walk(number: Number, multiplier: float) -> None:
        if id(number) in found:
            found[id(number)] += multiplier * number.change
        for part, slope in number.parts:
            walk(part, multiplier * slope)

    walk(output, 1.0)
    return [found[id(each)] for each in inputs]
