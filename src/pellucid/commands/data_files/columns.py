"""Which columns and rows of a table a model takes, and whether they hold numbers."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pellucid.commands.data_files.loaded import DataOptions, LoadedData
from pellucid.commands.usage import UsageError, not_among
from pellucid.errors import InvalidFile

_CHANGES: Mapping[str, Callable[[Any, list[str]], tuple[Any, str]]] = {
    "--index": lambda frame, names: (frame.set_index(names[0]), f".set_index({names[0]!r})"),
    "--drop": lambda frame, names: (frame.drop(columns=names), f".drop(columns={names!r})"),
    "--columns": lambda frame, names: (frame[names], f"[{names!r}]"),
}
"""What options make of a frame, and how that is written in Python."""


def listed(text: str) -> list[str]:
    """Names that commas separate; those that hold one are in quotes.

    Args:
        text: The names.
    """
    return [name.strip() for name in next(csv.reader([text], skipinitialspace=True), [])]


def with_columns(data: LoadedData, options: DataOptions) -> LoadedData:
    """A table of the columns that are wanted, whose rows have names.

    Args:
        data: The data.
        options: Which columns.

    Raises:
        UsageError: There is no such column, or the data is no table.
    """
    asked = {"--index": [options.index], "--drop": listed(options.drop), "--columns": listed(options.columns)}
    wanted = {option: names for option, names in asked.items() if any(names)}
    if data.kind != "table" or not wanted:
        if wanted:
            raise UsageError(f"{next(iter(wanted))} is of tables: got {data.kind}.")
        return data
    frame, code = data.inputs, ""
    for option, names in wanted.items():
        _check_names(option, names, data.inputs.columns, frame.columns)
        frame, added = _CHANGES[option](frame, names)
        code += added
    if not len(frame.columns):
        raise UsageError("--drop leaves no column.")
    return replace(data, inputs=frame, code=(*data.code, f"inputs = inputs{code}"))


def _check_names(option: str, names: Sequence[str], columns: Any, left: Any) -> None:
    """Check the columns of an option.

    Raises:
        UsageError: One is not there, is named twice, or is taken by an option before.
    """
    for name in names:
        if name not in columns:
            raise not_among(option, map(str, columns), name)
        if name not in left:
            raise UsageError(f"{option}: the column {name!r} is taken by an option before it.")
    again = [name for number, name in enumerate(names) if name in names[:number]]
    if again:
        raise UsageError(f"{option} must name each column once: got {again[0]!r} twice.")


def with_rows(data: LoadedData, rows: str) -> LoadedData:
    """Some of the rows.

    Args:
        data: The data.
        rows: START:STOP, from 0, without the last; or a single one; "" for all.

    Raises:
        UsageError: It is neither, or there are no such rows.
    """
    if not rows:
        return data
    parsed = re.fullmatch(r"(\d*)(:?)(\d*)", rows)
    if parsed is None or rows == ":":
        raise UsageError(f"--rows must be START:STOP, such as 0:100: got {rows!r}.")
    start = int(parsed[1] or 0)
    stop = start + 1 if not parsed[2] else int(parsed[3]) if parsed[3] else None
    chosen, count = slice(start, stop), len(data.inputs)
    is_table = data.kind == "table"
    inputs = data.inputs.iloc[chosen] if is_table else data.inputs[chosen]
    if not len(inputs):
        raise UsageError(f"--rows {rows!r} leaves none of the {count} rows of {data.label}.")
    names = data.names or () if is_table else (data.names or tuple(map(str, range(count))))[chosen]
    code = f"inputs = inputs{'.iloc' * is_table}[{start}:{'' if stop is None else stop}]"
    return replace(data, inputs=inputs, names=names, first=data.first + start, code=(*data.code, code))


def of_numbers(data: LoadedData, *, may_miss: bool) -> LoadedData:
    """A table whose columns are all numbers, as models of tensors take it.

    Args:
        data: A table.
        may_miss: Whether numbers may be missing.

    Raises:
        InvalidFile: A cell is no number, or is missing; the message names its line and column, and never shows it.
    """
    import numpy
    import pandas

    frame = data.inputs
    converted = {column: pandas.to_numeric(frame[column], errors="coerce") for column in _wordy(frame)}
    wrong = {column: (numbers.isna() & frame[column].notna()).to_numpy() for column, numbers in converted.items()}
    _refuse_any(data, wrong, "expected a number")
    frame = frame.assign(**converted) if converted else frame
    missing = {} if may_miss else {column: frame[column].isna().to_numpy() for column in frame.columns}
    endless = {column: numpy.isinf(frame[column].to_numpy(dtype=float, na_value=0)) for column in frame.columns}
    _refuse_any(data, missing, "a number is missing")
    _refuse_any(data, endless, "expected a finite number")
    return replace(data, inputs=frame)


def _wordy(frame: Any) -> list[Any]:
    """The columns that hold no numbers, or that pandas keeps in a way of its own."""
    return [
        column for column in frame.columns if not hasattr(frame[column].dtype, "kind") or not _is_plain(frame[column])
    ]


def _is_plain(column: Any) -> bool:
    import numpy as np

    return isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf"


def _refuse_any(data: LoadedData, cells: Mapping[Any, Any], why: str) -> None:
    """Refuse the columns of which some cells are wrong."""
    wrong = [column for column, of_rows in cells.items() if of_rows.any()]
    if wrong:
        _refuse(data, wrong, cells[wrong[0]], why)


def _refuse(data: LoadedData, columns: Sequence[Any], cells: Any, why: str) -> None:
    """Say where the first of some cells is.

    Raises:
        InvalidFile: Always.
    """
    row = data.first + int(cells.argmax())
    place = data.place(row, str(columns[0])) if data.place else f"row {row + 1}"
    names = ",".join(f'"{column}"' if re.search(r'[,\s"]', str(column)) else str(column) for column in columns)
    quoted = f"'{names}'" if '"' in names else names
    raise InvalidFile(f"{data.label}, {place}: {why}. Hint: --drop {quoted}.")
