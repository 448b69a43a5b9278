"""How numbers become verdicts: means over examples with their errors, grades, and words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from pellucid.explanation.checking.verdict import Grade, RemovalMeans, Verdict

LEAST = 0.001
"""A share below this is as good as none."""


NOTHING = "It cannot be told: values, or outputs, are all the same, or no numbers."
"""What is said where there is nothing to go by."""


class Bounds(NamedTuple):
    """Where grades end: `good` is better than `doubtful`, which says which way is better.

    Args:
        good: The last number that is good.
        doubtful: The last that is doubtful.
    """

    good: float
    doubtful: float

    def grade(self, value: float) -> Grade:
        """The grade of a number."""
        sign = 1.0 if self.good > self.doubtful else -1.0
        if sign * value >= sign * self.good:
            return "good"
        return "doubtful" if sign * value >= sign * self.doubtful else "bad"


class Finding(NamedTuple):
    """What a check found.

    Args:
        verdict: The verdict.
        curves: Outputs that were followed, by name.
        values: Other values of the same groups of features, [B, groups], by where they come from.
    """

    verdict: Verdict
    curves: Mapping[str, RemovalMeans] = {}
    values: Mapping[str, Tensor] = {}


Said: TypeAlias = Callable[[float, "float | None"], str]
"""What is said of a number and its standard error."""


def graded(values: Tensor, bounds: Bounds, said: Said, advice: str) -> Finding:
    """The verdict of numbers, one for each example.

    Args:
        values: The numbers, [B]; NaN where there is none.
        bounds: The grades.
        said: What is said of their mean.
        advice: What to do where it is not good.
    """
    known = known_of(values)
    return _verdict(mean_and_error(known), values, bounds, said, advice) if len(known) else untold(NOTHING)


def graded_ratio(parts: Tensor, wholes: Tensor, bounds: Bounds, said: Said, advice: str) -> Finding:
    """The verdict of the share that parts have in wholes, of all examples together: some wholes may be next to nothing.

    Args:
        parts: Of each example, [B]; NaN where there is none.
        wholes: Likewise, from zero on.
        bounds: The grades.
        said: What is said of the share.
        advice: What to do where it is not good.
    """
    known = parts.isfinite() & wholes.isfinite()
    total, count = float(wholes[known].sum()), int(known.sum())
    if not total > 0:
        return untold(NOTHING)
    ratio = float(parts[known].sum()) / total
    spread = float((parts - ratio * wholes)[known].square().sum() * count / max(1, count - 1)) ** 0.5
    shares = torch.where(known & (wholes > 0), parts / wholes, float("nan"))
    return _verdict((ratio, spread / total if count > 1 else None), shares, bounds, said, advice)


def known_of(values: Tensor) -> Tensor:
    """The numbers among values.

    Args:
        values: Of any number of examples.
    """
    return values[values.isfinite()]


def mean_and_error(values: Tensor) -> tuple[float, float | None]:
    """The mean over examples, and its standard error; None of a single one.

    Args:
        values: One for each, [B].
    """
    return float(values.mean()), float(values.std() / len(values) ** 0.5) if len(values) > 1 else None


def _verdict(found: tuple[float, float | None], by_example: Tensor, bounds: Bounds, said: Said, advice: str) -> Finding:
    """The verdict of a number and its error; it says how many examples have none."""
    grade, missing = bounds.grade(found[0]), len(by_example) - len(known_of(by_example))
    left_out = f" {missing} of {len(by_example)} examples, which have no such number, are left out." if missing else ""
    verdict = Verdict(
        grade=grade,
        says=said(*found) + left_out,
        advice="" if grade == "good" else advice,
        value=found[0],
        stderr=found[1],
        by_example=tuple(each if math.isfinite(each) else None for each in by_example.tolist()),
    )
    return Finding(verdict)


def untold(why: str) -> Finding:
    """The verdict where nothing can be told.

    Args:
        why: Why not.
    """
    return Finding(Verdict(grade="untold", says=why))


def percent(value: float, error: float | None) -> str:
    """A share with its 95 % interval: `93 ± 1 %`."""
    if 0 <= value < LEAST:
        return f"less than {100 * LEAST:g} %"
    width = "" if error is None else f" ± {_short(196 * error)}"
    return f"{_short(100 * value)}{width} %"


def number(value: float, error: float | None) -> str:
    """A number with its 95 % interval: `0.93 ± 0.01`."""
    return f"{value:.2f}" + ("" if error is None else f" ± {1.96 * error:.2f}")


def _short(value: float) -> str:
    """A number of two digits."""
    return f"{value:.0f}" if abs(value) >= 10 or round(value, 1) == 0 else f"{value:.1f}"
