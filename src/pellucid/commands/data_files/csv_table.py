"""CSV files, as frames of pandas."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from typing import Any

from pellucid.commands.data_files.csv_lines import line_of_row, records, uneven
from pellucid.commands.data_files.loaded import DataOptions, LoadedData
from pellucid.commands.data_files.texts import decoded
from pellucid.errors import InvalidFile

OTHER_SEPARATORS = (";", "\t", "|")
"""What stands between columns in files that are no CSV of commas."""


def read_csv(label: str, data: bytes, options: DataOptions) -> LoadedData:
    """The table of a CSV file with a head, separated by commas, in UTF-8.

    Args:
        label: The name of the file.
        data: What it holds.
        options: Of no use here.

    Raises:
        InvalidFile: It is none; the message names the line.
    """
    text = decoded(label, data)
    head = next(records(text), (0, []))[1]
    if not head:
        raise InvalidFile(f"{label} is empty: expected a line with the names of the columns, and rows below.")
    again = [name for name, count in Counter(head).items() if count > 1]
    if again:
        raise InvalidFile(f"{label}, line 1: the column {again[0]!r} is there {Counter(head)[again[0]]} times.")
    if len(head) == 1 and (separators := [sign for sign in OTHER_SEPARATORS if sign in head[0]]):
        raise InvalidFile(f"{label}, line 1: expected commas between columns, got {separators[0]!r}.")
    frame = _frame(label, text)
    if not len(frame):
        raise InvalidFile(f"{label} has no rows below the names of its columns.")

    def place(row: int, column: str) -> str:
        return f"line {line_of_row(text, row)}, column {column!r}"

    source = "sys.stdin" if label == "standard input" else repr(label)
    imports = ("import pandas, sys",) if label == "standard input" else ("import pandas",)
    code = (*imports, f"inputs = pandas.read_csv({source})")
    return LoadedData(inputs=frame, kind="table", label=label, code=code, place=place)


def _frame(label: str, text: str) -> Any:
    import pandas

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)  # of rows that are longer than the head
            warnings.simplefilter("ignore", pandas.errors.DtypeWarning)
            frame = pandas.read_csv(io.StringIO(text, newline=""), index_col=False)
    except (pandas.errors.ParserError, pandas.errors.ParserWarning) as error:
        wrong = uneven(text) or " ".join(str(error).split())
        raise InvalidFile(f"{label}, {wrong}.") from error
    if frame.iloc[:, -1].isna().any() and (wrong := uneven(text)):  # pandas fills rows that are too short
        raise InvalidFile(f"{label}, {wrong}.")
    return frame
