"""Parquet files, as frames of pandas."""

from __future__ import annotations

import io
from importlib.util import find_spec

from pellucid.commands.data_files.loaded import DataOptions, LoadedData
from pellucid.errors import InvalidFile


def read_parquet(label: str, data: bytes, options: DataOptions) -> LoadedData:
    """The table of a parquet file.

    Args:
        label: The name of the file.
        data: What it holds.
        options: Of no use here.

    Raises:
        ModuleNotFoundError: pyarrow is not there.
        InvalidFile: It is none, or has no rows.
    """
    if find_spec("pyarrow") is None:
        raise ModuleNotFoundError(f"{label}: parquet takes pyarrow: pip install pyarrow", name="pyarrow")
    import pandas

    try:
        frame = pandas.read_parquet(io.BytesIO(data), engine="pyarrow")
    except (ValueError, OSError) as error:  # of which pyarrow's errors are
        raise InvalidFile(f"{label}: it is no parquet file, or only a part of one.") from error
    if not len(frame):
        raise InvalidFile(f"{label} has no rows.")

    def place(row: int, column: str) -> str:
        return f"row {row + 1}, column {column!r}"

    code = ("import pandas", f"inputs = pandas.read_parquet({label!r})")
    return LoadedData(inputs=frame, kind="table", label=label, code=code, place=place)
