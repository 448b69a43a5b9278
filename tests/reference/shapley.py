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


def subsets(of: Sequence[int]) -> list[Order]:
    """All coalitions of some features."""
    return [some for size in range(len(of) + 1) for some in itertools.combinations(of, size)]


def banzhaf(f: Value, x: Inputs, x0: Inputs, masks: Inputs) -> Inputs:
    """What each feature adds to the others, on average over all coalitions of them."""
    total = [torch.zeros_like(each) for each in x]
    for feature in numbers(masks):
        others = subsets([each for each in numbers(masks) if each != feature])
        for some in others:
            added = value_of(f, x, x0, masks, [*some, feature]) - value_of(f, x, x0, masks, some)
            for each, mask in zip(total, masks, strict=True):
                each[mask == feature] += added / len(others)
    return total


def banzhaf_of(f: Value, x: Inputs, x0: Inputs, masks: Inputs, coalitions: Sequence[Order]) -> Inputs:
    """The mean value of the coalitions with each feature, less that of those without it."""
    total = [torch.zeros_like(each) for each in x]
    for feature in numbers(masks):
        beside = [value_of(f, x, x0, masks, some) for some in coalitions if feature in some]
        without = [value_of(f, x, x0, masks, some) for some in coalitions if feature not in some]
        for each, mask in zip(total, masks, strict=True):
            each[mask == feature] = torch.stack(beside).mean() - torch.stack(without).mean()
    return total


def unbroken(masks: Inputs, groups: Inputs) -> list[Order]:
    """All orders of the features in which those of a group follow each other."""
    of = {
        int(feature): int(group)
        for mask, belongs in zip(masks, groups, strict=True)
        for feature, group in zip(mask.flatten(), belongs.flatten(), strict=True)
    }

    def interrupted(order: Order) -> bool:
        return len(list(itertools.groupby(order, of.get))) > len(set(of.values()))

    return [order for order in all_orders(masks) if not interrupted(order)]


def owen(f: Value, x: Inputs, x0: Inputs, masks: Inputs, groups: Inputs) -> Inputs:
    """What each feature adds when it joins those before it, on average over the orders that break up no group."""
    return shapley(f, x, x0, masks, unbroken(masks, groups))


def interactions(f: Value, x: Inputs, x0: Inputs, masks: Inputs) -> Tensor:
    """How much more two features add together than apart, on average over sizes of means over coalitions of a size."""
    features = numbers(masks)
    found = torch.zeros(len(features), len(features), dtype=x[0].dtype)
    for (place, one), (further, other) in itertools.permutations(enumerate(features), 2):
        others = [each for each in features if each not in (one, other)]
        means = []
        for size in range(len(others) + 1):
            together = [
                value_of(f, x, x0, masks, [*some, one, other])
                - value_of(f, x, x0, masks, [*some, one])
                - value_of(f, x, x0, masks, [*some, other])
                + value_of(f, x, x0, masks, some)
                for some in itertools.combinations(others, size)
            ]
            means.append(torch.stack(together).mean())
        found[place, further] = torch.stack(means).mean()
    return found
