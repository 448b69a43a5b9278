"""Shapley values again, slow and obvious: one example, one coalition, one forward at a time.

`f` takes the inputs of one example, a list of tensors (1, ...), and returns its explained value.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from reference.slow import Inputs, Value

Order = Sequence[int]


def numbers(masks: Inputs) -> list[int]:
    """The numbers of the features in the masks of one example."""
    return sorted({int(number) for mask in masks for number in mask.flatten()})


def all_orders(masks: Inputs) -> list[Order]:
    """All n! orders of the features."""
    return list(itertools.permutations(numbers(masks)))


def alone(x: Inputs) -> Inputs:
    """Masks in which each element is a feature."""
    counts = [0, *itertools.accumulate(each.numel() for each in x)]
    return [torch.arange(each.numel()).view(each.shape) + start for each, start in zip(x, counts[:-1], strict=True)]


def value_of(f: Value, x: Inputs, x0: Inputs, masks: Inputs, coalition: Sequence[int]) -> Tensor:
    """The value where only the features of the coalition are there."""
    point = [each.clone() for each in x0]
    for feature in coalition:
        for here, there, mask in zip(point, x, masks, strict=True):
            here[mask == feature] = there[mask == feature]
    return f(point).detach()


def shapley(f: Value, x: Inputs, x0: Inputs, masks: Inputs, orders: Sequence[Order]) -> Inputs:
    """What each feature adds when it joins those before it, on average over orders."""
    total = [torch.zeros_like(each) for each in x]
    for order in orders:
        for place, feature in enumerate(order):
            before = value_of(f, x, x0, masks, order[:place])
            added = value_of(f, x, x0, masks, order[: place + 1]) - before
            for each, mask in zip(total, masks, strict=True):
                each[mask == feature] += added / len(orders)
    return total


def by_subsets(f: Value, x: Inputs, x0: Inputs, masks: Inputs) -> Inputs:
    """The same over all orders, as a mean over the sizes of coalitions of means over coalitions of that size."""
    features, total = numbers(masks), [torch.zeros_like(each) for each in x]
    for feature in features:
        others = [each for each in features if each != feature]
        means = []
        for size in range(len(features)):
            added = [
                value_of(f, x, x0, masks, [*some, feature]) - value_of(f, x, x0, masks, some)
                for some in itertools.combinations(others, size)
            ]
            means.append(torch.stack(added).mean())
        for each, mask in zip(total, masks, strict=True):
            each[mask == feature] = torch.stack(means).mean()
    return total
