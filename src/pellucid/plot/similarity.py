"""An order of examples in which neighbours are alike."""

from __future__ import annotations

import numpy as np

from pellucid.plot.arrays import Array

SMALLEST, POWERS = 4, 12
"""How many examples are not divided further, and how often a direction is turned to where examples differ most."""


def similar_order(values: Array) -> Array:
    """Indices of examples, in an order in which neighbours are alike, in halves of halves.

    The examples are sorted by their first principal component and divided where neighbours in the middle half differ
    most; each part is ordered in the same way, and turned so that its end that is nearer to what came before comes
    first. Ties keep the order of the examples.

    Args:
        values: Finite, [B, F].
    """
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    order = _ordered(np.arange(len(values)), values / largest)
    return np.array(order, dtype=int)


def _ordered(indices: Array, values: Array) -> list[int]:
    """The indices in their order, a part after the other; without recursion, which examples may be too many for."""
    finished: list[int] = []
    waiting = [indices]
    while waiting:
        part = waiting.pop()
        line = _component(values[part]) if len(part) > 2 else np.zeros(len(part))
        order = np.argsort(line, kind="stable")
        part, line = part[order], line[order]
        if _is_nearer_at_its_end(part, finished, values):
            part, line = part[::-1], line[::-1]
        if len(part) <= SMALLEST or abs(line[-1] - line[0]) < 1e-12:
            finished += part.tolist()
            continue
        cut = _cut(np.abs(np.diff(line)))
        waiting += [part[cut:], part[:cut]]
    return finished


def _component(values: Array) -> Array:
    """About the first principal component of each example, [B]: from the widest column on, turned by powers."""
    centred = values - values.mean(0)
    direction = np.zeros(values.shape[1])
    direction[np.abs(centred).sum(0).argmax()] = 1.0
    for _ in range(POWERS):
        turned = centred.T @ (centred @ direction)
        size = np.linalg.norm(turned)
        if not size > 0:
            break
        direction = turned / size
    line: Array = centred @ direction
    return line


def _cut(gaps: Array) -> int:
    """Where to divide: at the largest gap of the middle half."""
    low, high = len(gaps) // 4, max(len(gaps) // 4 + 1, len(gaps) - len(gaps) // 4)
    return low + int(gaps[low:high].argmax()) + 1


def _is_nearer_at_its_end(part: Array, before: list[int], values: Array) -> bool:
    """Whether the last of a part is nearer than its first to the last example before it."""
    if not before or len(part) < 2:
        return False
    first, last = (float(np.linalg.norm(values[part[end]] - values[before[-1]])) for end in (0, -1))
    return last < first
