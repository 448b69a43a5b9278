"""Metrics of faithfulness as their papers have them: an example, a feature, a step at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.stats import pearsonr, spearmanr
from torch import Tensor

Output = Callable[[Tensor], float]
"""The output of one example, a vector of features."""


def without(x: Tensor, gone: Sequence[int], baseline: Tensor) -> Tensor:
    changed = x.clone()
    for feature in gone:
        changed[feature] = baseline[feature]
    return changed


def descending(attributions: Tensor) -> list[int]:
    return sorted(range(len(attributions)), key=lambda feature: -float(attributions[feature]))


def deletion_curve(
    output: Output, x: Tensor, attributions: Tensor, baseline: Tensor, counts: Sequence[int]
) -> list[float]:
    order = descending(attributions)
    return [output(without(x, order[:count], baseline)) for count in counts]


def insertion_curve(
    output: Output, x: Tensor, attributions: Tensor, baseline: Tensor, counts: Sequence[int]
) -> list[float]:
    order = descending(attributions)
    return [output(without(x, order[count:], baseline)) for count in counts]


def area(values: Sequence[float], shares: Sequence[float]) -> float:
    total = 0.0
    for step in range(len(values) - 1):
        total += (values[step] + values[step + 1]) / 2 * (shares[step + 1] - shares[step])
    return total


def faithfulness_estimate(output: Output, x: Tensor, attributions: Tensor, baseline: Tensor) -> float:
    drops = [output(x) - output(without(x, [feature], baseline)) for feature in range(len(x))]
    return pearsonr(attributions.numpy(), drops).statistic


def monotonicity(output: Output, x: Tensor, attributions: Tensor, baseline: Tensor) -> float:
    rising = list(reversed(descending(attributions)))
    values = [output(without(x, rising[count:], baseline)) for count in range(len(x) + 1)]
    return float(np.mean([after >= before for before, after in itertools.pairwise(values)]))


def correlation_of_sets(
    output: Output, x: Tensor, attributions: Tensor, baseline: Tensor, sets: Sequence[Sequence[int]], *, by_rank: bool
) -> float:
    sums = [float(sum(attributions[feature] for feature in each)) for each in sets]
    drops = [output(x) - output(without(x, each, baseline)) for each in sets]
    return (spearmanr if by_rank else pearsonr)(sums, drops).statistic


def infidelity_of_sets(
    output: Output, x: Tensor, attributions: Tensor, baseline: Tensor, sets: Sequence[Sequence[int]]
) -> float:
    total = 0.0
    for each in sets:
        said = float(sum(attributions[feature] for feature in each))
        total += (said - (output(x) - output(without(x, each, baseline)))) ** 2
    return total / len(sets)


def effective_complexity(output: Output, x: Tensor, attributions: Tensor, baseline: Tensor, tolerance: float) -> int:
    order = descending(attributions.abs())
    losses = [(output(x) - output(without(x, order[count:], baseline))) ** 2 for count in range(len(x) + 1)]
    needed = len(x)
    while needed > 0 and losses[needed - 1] <= tolerance * losses[0]:
        needed -= 1
    return needed


def noisy_linear(image: Tensor, holes: Tensor) -> Tensor:
    """An image (H, W) whose holes solve the equations of their neighbours, as one dense system."""
    height, width = image.shape
    unknown = [(row, column) for row in range(height) for column in range(width) if holes[row, column]]
    index = {place: number for number, place in enumerate(unknown)}
    system, known = torch.zeros(len(unknown), len(unknown), dtype=torch.float64), torch.zeros(len(unknown)).double()
    for number, (row, column) in enumerate(unknown):
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                place = (row + down, column + right)
                if (down, right) == (0, 0) or not (0 <= place[0] < height and 0 <= place[1] < width):
                    continue
                weight = 1 / 12 if down and right else 1 / 6
                system[number, number] += weight
                if place in index:
                    system[number, index[place]] -= weight
                else:
                    known[number] += weight * float(image[place])
    filled = image.double().clone()
    for (row, column), value in zip(unknown, torch.linalg.solve(system, known), strict=True):
        filled[row, column] = value
    return filled
