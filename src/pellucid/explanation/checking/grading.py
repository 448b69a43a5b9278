"""How numbers become verdicts: means over examples with their errors, grades, and words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from pellucid.explanation.checking.verdict import Grade, RemovalMeans, Verdict

LEAST = 0.001
"""A share below this is as good as none."""


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
    known = values[~values.isnan()]
    if not len(known):
        return untold("It cannot be told: values, or outputs, are all the same.")
    return _verdict(*mean_and_error(known), values, bounds, said, advice)


def mean_and_error(values: Tensor) -> tuple[float, float | None]:
    """The mean over examples, and its standard error; None of a single one.

    Args:
        values: One for each, [B].
    """
    return float(values.mean()), float(values.std() / len(values) ** 0.5) if len(values) > 1 else None


def graded_ratio(parts: Tensor, wholes: Tensor, bounds: Bounds, said: Said, advice: str) -> Finding:
    """The verdict of the share that parts have in wholes, of all examples together: some wholes may be next to nothing.

    Args:
        parts: Of each example, [B].
        wholes: Likewise, from zero on.
        bounds: The grades.
        said: What is said of the share.
        advice: What to do where it is not good.
    """
    total, count = float(wholes.sum()), len(wholes)
    if not total > 0:
        return untold("It cannot be told: values, or outputs, are all the same.")
    ratio = float(parts.sum()) / total
    spread = float((parts - ratio * wholes).square().sum() * count / max(1, count - 1)) ** 0.5
    shares = parts / torch.where(wholes > 0, wholes, float("nan"))
    return _verdict(ratio, spread / total if count > 1 else None, shares, bounds, said, advice)


def _verdict(value: float, error: float | None, by_example: Tensor, bounds: Bounds, said: Said, advice: str) -> Finding:
    grade = bounds.grade(value)
    verdict = Verdict(
        grade=grade,
        says=said(value, error),
        advice="" if grade == "good" else advice,
        value=value,
        stderr=error,
        by_example=tuple(None if each != each else each for each in by_example.tolist()),
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
