"""Where the rows of a CSV are in its text: found once something is wrong with one of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

csv.field_size_limit(2**31 - 1)  # of a text in a cell


def records(text: str) -> Iterator[tuple[int, list[str]]]:
    """The records of a CSV, each with the line that it begins in, from 1; without blank lines.

    Args:
        text: The CSV.
    """
    reader = csv.reader(io.StringIO(text, newline=""))
    line = 1
    for record in reader:
        if record and not (len(record) == 1 and record[0] and not record[0].strip()):
            yield line, record
        line = reader.line_num + 1


def line_of_row(text: str, row: int) -> int:
    """The line that a row begins in.

    Args:
        text: The CSV.
        row: The number of the row, from 0 behind the head.
    """
    return next(line for number, (line, _) in enumerate(records(text)) if number == row + 1)


def uneven(text: str) -> str:
    """What is wrong with the first record that is longer or shorter than the head; "" where none is.

    Args:
        text: The CSV.
    """
    width = 0
    for line, record in records(text):
        width = width or len(record)
        if len(record) != width:
            return f"line {line}: expected {width} cells, as in the first line, got {len(record)}"
    return ""
