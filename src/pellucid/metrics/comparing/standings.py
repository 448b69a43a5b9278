"""How methods stand by a metric: means, intervals, and which differences may be chance."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from pellucid.metrics.comparing.method_comparison import Entry, Standing
from pellucid.metrics.comparing.resampling import Array, bootstrap_interval, holm, sign_flip_p_value
from pellucid.metrics.scores import Metric

NAN = float("nan")


@final
@dataclass(frozen=True)
class Resampling:
    """How intervals and tests are made.

    Args:
        level: How sure they are to be.
        resamples: How often examples, and signs, are drawn again.
        seed: Seeds that.
    """

    level: float
    resamples: int
    seed: int


def entries_of(name: str, metric: Metric, scores: Mapping[str, Array], resampling: Resampling) -> list[Entry]:
    """How methods stand by a metric, over the examples of which all methods that have scores have one.

    Args:
        name: The name of the metric.
        metric: The metric.
        scores: The scores of each method, NaN where there is none.
        resampling: How intervals and tests are made.
    """
    told = {method: values for method, values in scores.items() if not np.isnan(values).all()}
    common = ~np.isnan(list(told.values())).any(0) if told else np.zeros(0, dtype=bool)
    known = {method: values[common] for method, values in told.items()}
    sign = 1.0 if metric.better == "higher" else -1.0
    best = max(known, key=lambda method: sign * _mean(known[method]), default=None) if common.any() else None
    p_values = _p_values(known, resampling) if best is not None else {}

    def entry(method: str) -> Entry:
        values = known.get(method, np.zeros(0))
        p_value = (
            NAN if best is None or method in (best, *(set(scores) - set(known))) else p_values[_pair(best, method)]
        )
        return Entry(
            metric=name,
            method=method,
            better=metric.better,
            mean=_mean(values),
            interval=bootstrap_interval(values, resampling.level, resampling.resamples, _generator(resampling)),
            examples=len(values),
            p_value=p_value,
            standing=_standing(method == best, p_value, least_p_value(len(values), len(known)), resampling.level),
        )

    return [entry(method) for method in scores]


def least_p_value(examples: int, methods: int) -> float:
    """The least p-value that a difference can have, once all pairs of methods are counted.

    Args:
        examples: How many have scores.
        methods: How many are compared.
    """
    return min(1.0, 2.0 ** (1 - examples) * max(1, methods * (methods - 1) // 2))


def _p_values(known: Mapping[str, Array], resampling: Resampling) -> dict[tuple[str, str], float]:
    """Of the differences of all pairs: the best is not known before, so that each of them might be looked at."""
    pairs = list(itertools.combinations(sorted(known), 2))
    found = [
        sign_flip_p_value(known[one] - known[other], resampling.resamples, _generator(resampling))
        for one, other in pairs
    ]
    return dict(zip(pairs, holm(found), strict=True))


def _pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def _generator(resampling: Resampling) -> np.random.Generator:
    return np.random.default_rng((abs(resampling.seed), int(resampling.seed < 0)))


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else NAN


def _standing(is_best: bool, p_value: float, least: float, level: float) -> Standing:
    if is_best:
        return "best"
    if p_value != p_value or least > 1 - level:
        return "unknown"
    return "tied" if p_value > 1 - level else "worse"
