"""The numbers of a table as texts: signed and aligned where some are below zero, in three digits of the largest."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pellucid.plot.axis import signed_number


class Column(NamedTuple):
    """A column of a table.

    Args:
        heading: What it holds.
        cells: Its texts.
        is_of_numbers: Whether it is aligned at the right.
    """

    heading: str
    cells: tuple[str, ...]
    is_of_numbers: bool


def columns_of(table: Any) -> list[Column]:
    """The columns of a table as texts, the names of its rows first.

    Args:
        table: A `pandas.DataFrame`. Numbers have three digits of the largest of their column; a column of intervals,
            whose heading begins with ±, has as many decimals as the one before it.
    """
    columns = [Column(str(table.index.name or ""), tuple(map(str, table.index)), False)]
    largest = 0.0
    for position, heading in enumerate(map(str, table.columns)):
        values = table.iloc[:, position].to_numpy()
        if values.dtype.kind not in "iuf":
            columns.append(Column(heading, tuple(map(str, values)), False))
            continue
        is_of_intervals = heading.startswith("±")
        if not is_of_intervals:
            largest = float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values)))
        cells = [_number(value, largest) for value in values.tolist()]
        if is_of_intervals:
            cells = ["" if cell == "NaN" else cell for cell in cells]
        if not (values < 0).any():
            cells = [cell.removeprefix("+") for cell in cells]
        columns.append(Column(heading, tuple(cells), True))
    return columns


def _number(value: float, largest: float) -> str:
    return str(value) if isinstance(value, int) else signed_number(value, largest)
