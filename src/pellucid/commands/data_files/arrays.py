"""Arrays of NumPy: `.npy`, and one of an `.npz`. Nothing is unpickled."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from pellucid.commands.data_files.loaded import DataOptions, LoadedData
from pellucid.commands.usage import UsageError, not_among
from pellucid.errors import InvalidFile


def read_array(label: str, data: bytes, options: DataOptions) -> LoadedData:
    """The array of a file.

    Args:
        label: The name of the file.
        data: What it holds.
        options: Which of several arrays.

    Raises:
        UsageError: There are several, and none is named.
        InvalidFile: It is no such file, or holds Python objects.
    """
    import numpy as np

    code = f"inputs = numpy.load({label!r})"
    try:
        array: Any = np.load(io.BytesIO(data), allow_pickle=False)
        if not isinstance(array, np.ndarray):
            key = _key_of(label, list(array), options.key)
            array, code = array[key], f"{code}[{key!r}]"
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        has_objects = "allow_pickle" in str(error) and data[:6] in (b"\x93NUMPY", b"PK\x03\x04")
        why = (
            "it holds Python objects, which are not unpickled, as that runs whatever code they hold"
            if has_objects
            else "it is no file of NumPy, or only a part of one"
        )
        raise InvalidFile(f"{label}: {why}.") from error
    if array.dtype.kind not in "biuf" or array.ndim < 2 or not len(array):
        raise InvalidFile(f"{label}: expected numbers, in rows: got {array.dtype} of shape {array.shape}.")
    return LoadedData(inputs=array, kind="array", label=label, code=("import numpy", code))


def _key_of(label: str, keys: list[str], key: str) -> str:
    if not key and len(keys) != 1:
        hint = f" Hint: --key {keys[0]}." if keys else ""
        raise UsageError(f"DATA {label} holds {len(keys)} arrays: {', '.join(keys)}.{hint}")
    if key and key not in keys:
        raise not_among("--key", keys, key)
    return key or keys[0]
