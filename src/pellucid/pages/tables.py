"""The numbers of a table as texts: signed and aligned where some are below zero, in three digits of the largest."""

from __future__ import annotations

from collections.abc import Sequence
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
        if not heading.startswith("±"):
            largest = float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values)))
        columns.append(Column(heading, tuple(_numbers(values.tolist(), largest)), True))
    return columns


def _numbers(values: Sequence[float], largest: float) -> list[str]:
    """Numbers, with their signs where some are below zero."""
    texts = [_number(value, largest) for value in values]
    is_signed = any(value < 0 for value in values)
    return texts if is_signed else [text.removeprefix("+") for text in texts]


def _number(value: float, largest: float) -> str:
    """A number; "" where it is not known."""
    if value != value:
        return ""
    return str(value) if isinstance(value, int) else signed_number(value, largest)
