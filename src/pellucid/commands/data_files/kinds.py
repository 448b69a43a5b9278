"""Which kind of DATA a text names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from pellucid.commands.data_files import images
from pellucid.commands.data_files.arrays import read_array
from pellucid.commands.data_files.columns import with_columns, with_rows
from pellucid.commands.data_files.csv_table import read_csv
from pellucid.commands.data_files.loaded import DataOptions, LoadedData
from pellucid.commands.data_files.parquet import read_parquet
from pellucid.commands.data_files.texts import read_texts
from pellucid.commands.usage import UsageError, not_among
from pellucid.errors import InvalidFile

Reader: TypeAlias = Callable[[str, bytes, DataOptions], LoadedData]

FORMATS: Mapping[str, Reader] = {
    "csv": read_csv,
    "parquet": read_parquet,
    "npy": read_array,
    "npz": read_array,
    "text": read_texts,
}
"""What reads the bytes of a file, by what `--format` calls it."""

SUFFIXES: Mapping[str, str] = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".npy": "npy",
    ".npz": "npz",
    ".txt": "text",
    **dict.fromkeys(images.SUFFIXES, "image"),
}
"""The formats of files, by their suffixes."""


def data_of(text: str, options: DataOptions, what: str = "DATA") -> LoadedData:
    """The data that a user means: those rows and columns that are asked for.

    Args:
        text: What was typed: a file, a folder of images, or `-` for the standard input.
        options: What else is said of it.
        what: The argument that it is.

    Raises:
        UsageError: It is nothing that data is read of.
        InvalidFile: It is not what it should be.
    """
    return with_rows(with_columns(_read(text, options, what), options), options.rows)


def _read(text: str, options: DataOptions, what: str) -> LoadedData:
    if options.format and options.format not in FORMATS:
        raise not_among("--format", FORMATS, options.format)
    path = Path(text)
    if text == "-":
        return FORMATS[options.format or "csv"]("standard input", _input(), options)
    if path.is_dir():
        return images.read_folder(text, options)
    if not path.exists():
        raise UsageError(f"{what}: there is no file {text}.")
    form = options.format or SUFFIXES.get(path.suffix.lower(), "")
    if not form:
        raise UsageError(
            f"{what} must be a folder of images, -, or a file that ends in {', '.join(SUFFIXES)}: got {text!r}. "
            "Hint: --format csv."
        )
    return images.read_image(text, options) if form == "image" else FORMATS[form](text, path.read_bytes(), options)


def _input() -> bytes:
    """What is on the standard input.

    Raises:
        UsageError: That is a terminal, where nobody would type a table.
        InvalidFile: It is empty.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("DATA - is the standard input, to which nothing was sent. Hint: ... < data.csv.")
    data = sys.stdin.buffer.read()
    if not data:
        raise InvalidFile("standard input is empty.")
    return data
