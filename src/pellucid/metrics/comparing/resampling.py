"""Intervals of means and tests of differences, from the examples alone: no distribution is assumed."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NORMAL = NormalDist()

EXACT = 12
"""Of so many examples at most, all signs of differences are tried."""


def bootstrap_interval(
    values: Array, level: float, resamples: int, generator: np.random.Generator
) -> tuple[float, float]:
    """Between which numbers the mean over all examples that could have been drawn lies: bias-corrected, accelerated.

    Efron, "Better bootstrap confidence intervals", 1987, https://doi.org/10.1080/01621459.1987.10478410.

    Args:
        values: One for each example, without NaN.
        level: How sure that is to be.
        resamples: How many means of examples drawn again.
        generator: What draws.

    Returns:
        Both ends; NaN of fewer than two examples.
    """
    count = len(values)
    if count < 2:
        return float("nan"), float("nan")
    mean = values.mean()
    if np.ptp(values) <= 1e-9 * np.abs(values).max():
        return float(mean), float(mean)
    means = np.concatenate(
        [values[generator.integers(count, size=(size, count))].mean(1) for size in _blocks(resamples, count)]
    )
    below = (np.sum(means < mean) + 0.5 * np.sum(means == mean)) / resamples
    bias = NORMAL.inv_cdf(float(np.clip(below, 1 / resamples, 1 - 1 / resamples)))
    left_out = (values.sum() - values) / (count - 1)
    centred = left_out.mean() - left_out
    acceleration = float((centred**3).sum() / (6 * (centred**2).sum() ** 1.5))
    ends = []
    for share in ((1 - level) / 2, (1 + level) / 2):
        reach = bias + NORMAL.inv_cdf(share)
        ends.append(NORMAL.cdf(bias + reach / (1 - acceleration * reach)))
    low, high = np.quantile(means, ends)
    return float(low), float(high)


def sign_flip_p_value(differences: Array, resamples: int, generator: np.random.Generator) -> float:
    """How often differences with random signs have a mean as far from zero: of pairs that differ by chance alone.

    Args:
        differences: One for each example, without NaN.
        resamples: How many signs are drawn; of few examples all are tried.
        generator: What draws.

    Returns:
        The two-sided p-value; NaN of fewer than two examples.
    """
    count = len(differences)
    if count < 2:
        return float("nan")
    observed = abs(differences.sum()) * (1 - 1e-12)
    if count <= EXACT:
        all_signs = 1 - 2 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
        return float((np.abs(all_signs @ differences) >= observed).mean())
    extreme = 0
    for size in _blocks(resamples, count):
        signs = 1.0 - 2.0 * generator.integers(2, size=(size, count))
        extreme += int((np.abs(signs @ differences) >= observed).sum())
    return (extreme + 1) / (resamples + 1)


def holm(p_values: list[float]) -> list[float]:
    """P-values that hold for all of them together; those that are NaN stay so, and are not counted.

    Holm, "A simple sequentially rejective multiple test procedure", 1979.

    Args:
        p_values: One for each test.
    """
    known = sorted((value, number) for number, value in enumerate(p_values) if value == value)
    adjusted, largest = list(p_values), 0.0
    for rank, (value, number) in enumerate(known):
        largest = max(largest, min(1.0, value * (len(known) - rank)))
        adjusted[number] = largest
    return adjusted


def _blocks(resamples: int, count: int) -> list[int]:
    """Resamples in blocks that fit into memory."""
    most = max(1, 2**22 // count)
    return [min(most, resamples - start) for start in range(0, resamples, most)]
