"""Data, and how it was come by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final

DataKind: TypeAlias = Literal["table", "array", "images", "texts"]

Namer: TypeAlias = Callable[[int, str], str]
"""Where a row and a column of a table are, in words: `line 4, column 'age'`."""


@final
@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """What is said of DATA besides its name.

    Args:
        format: What it is, of the standard input or where the suffix does not say so.
        key: Which array of several.
        columns: The columns that the model takes, in order; "" for all.
        drop: Columns that are left out.
        index: The column that names the rows; "" for none.
        rows: Which of them, START:STOP; "" for all.
    """

    format: str = ""
    key: str = ""
    columns: str = ""
    drop: str = ""
    index: str = ""
    rows: str = ""


@final
@dataclass(frozen=True, kw_only=True)
class LoadedData:
    """Data.

    Args:
        inputs: As `pellucid.explain` takes it.
        kind: What it is.
        label: What messages call it.
        code: Lines of Python that make it, as `inputs`.
        names: What its rows are called; () for numbers, and of tables, which know it themselves.
        place: Where cells of a table are; None of what is none.
        first: The number of the first row in the file.
    """

    inputs: Any
    kind: DataKind
    label: str
    code: tuple[str, ...]
    names: tuple[str, ...] = ()
    place: Namer | None = None
    first: int = 0
