"""What every method returns, and how far it is from complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from pellucid.core.expectation import along, values
from pellucid.core.pathway import Pathway
from pellucid.core.tensors import Tensors, total


@final
@dataclass(frozen=True, eq=False)
class Attributions:
    """What a method found.

    Args:
        values: Attributions of the shapes and dtypes of the inputs (integers as floats).
        delta: How far they are from adding up to the change of the output; only where asked for.
        stderr: Standard errors of the values, for methods that sample at least twice.
    """

    values: Tensors
    delta: Tensor | None = None
    stderr: Tensors | None = None


def completeness_gap(path: Pathway, attributions: Tensors, start: Tensors) -> Tensor:
    """How far attributions are from adding up to the change of the output: sum(a) - (F(x) - F(start)).

    Args:
        path: The pathway.
        attributions: Attributions of the points in `path.x`.
        start: Where they started from, like `path.x`.

    Returns:
        One gap per point, [n]; a single one where the model collapses the batch.
    """
    ends = [tuple(each.unsqueeze(1) for each in end) for end in (start, path.x)]
    return gaps(path, total(attributions)[:, None], *ends)


def gaps(path: Pathway, totals: Tensor, start: Tensors, end: Tensors) -> Tensor:
    """The same for several samples of every point.

    Args:
        path: The pathway.
        totals: Each sample's attributions added up, [n, samples].
        start: Where each started from, (n, samples, ...).
        end: Where it ended, (n, samples, ...).

    Returns:
        One gap per sample, [n * samples], those of a point together; [samples] where the model collapses the batch.
    """
    samples = totals.shape[1]
    change = values(path, samples, along(end)) - values(path, samples, along(start))
    totals = totals.detach()
    return (totals - change).flatten() if len(change) == len(totals) else totals.sum(0) - change.sum(0)
