"""An order of examples in which neighbours are alike."""

from __future__ import annotations

import numpy as np

from pellucid.plot.arrays import Array


def similar_order(values: Array) -> Array:
    """Indices of examples, in an order in which neighbours are alike, in halves of halves.

    The examples are sorted by their first principal component and divided where neighbours in the middle half differ
    most; each part is ordered in the same way, and turned so that its end that is nearer to what came before comes
    first. Ties keep the order of the examples.

    Args:
        values: Finite, [B, F].
    """
    order = _ordered(np.arange(len(values)), values)
    return np.array(order, dtype=int)


def _ordered(indices: Array, values: Array) -> list[int]:
    """The indices in their order, a part after the other; without recursion, which examples may be too many for."""
    finished: list[int] = []
    waiting = [indices]
    while waiting:
        part = waiting.pop()
        if len(part) > 2:
            line = _component(values[part])
            part, line = part[np.argsort(line, kind="stable")], np.sort(line)
        if len(part) <= 2 or line[-1] - line[0] < 1e-12:
            finished += _turned(part, finished, values).tolist()
            continue
        part = _turned(part, finished, values)
        cut = _cut(np.abs(np.diff(_component(values[part]))))
        waiting += [part[cut:], part[:cut]]
    return finished


def _component(values: Array) -> Array:
    """The first principal component of each example, [B], whose sign is that of its largest weight."""
    centred = values - values.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    direction = directions[0] * np.sign(directions[0][np.abs(directions[0]).argmax()] or 1.0)
    line: Array = centred @ direction
    return line


def _cut(gaps: Array) -> int:
    """Where to divide: at the largest gap of the middle half."""
    low, high = len(gaps) // 4, max(len(gaps) // 4 + 1, len(gaps) - len(gaps) // 4)
    return low + int(gaps[low:high].argmax()) + 1


def _turned(part: Array, before: list[int], values: Array) -> Array:
    """A part, whose end that is nearer to the last example before it comes first."""
    if not before or len(part) < 2:
        return part
    first, last = (np.linalg.norm(values[part[end]] - values[before[-1]]) for end in (0, -1))
    return part[::-1] if last < first else part
