"""The file of explanations, `NAME.pellucid`: a stored zip of JSON and safetensors, which executes nothing."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np

from pellucid.errors import InvalidFile
from pellucid.explanation.explanation import Explanation
from pellucid.explanation.part import Array
from pellucid.explanation.schema import SCHEMA, VERSION, as_json, from_json
from pellucid.files import whole_files

JSON_NAME, TENSORS_NAME = "explanation.json", "tensors.safetensors"
MOST_JSON, MOST_TENSOR = 64 * 2**20, 2 * 2**30
"""How large the JSON, and one tensor, may be, in bytes."""

MOST_HEADER = 2**25
"""How large the list of tensors may be, in bytes."""


@contextmanager
def safetensors_needed() -> Iterator[None]:
    """A `with` statement around imports of safetensors, which says what to install where it is not there."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            'files of explanations take safetensors: pip install "pellucid[files]"', name=missing.name
        ) from missing


def write(explanations: Sequence[Explanation], path: Path | str, *, inputs: bool, several: bool) -> None:
    """Write explanations into a file.

    It is written under a temporary name beside its own and moved there, so that nobody reads half of it.

    Args:
        explanations: The explanations.
        path: The file.
        inputs: Whether inputs are kept.
        several: Whether what is read is a list, also of one.

    Raises:
        ModuleNotFoundError: safetensors is not there.
        OSError: The file cannot be written.
    """
    with safetensors_needed():
        from safetensors.numpy import save
    arrays: dict[str, Array] = {}
    entries = [as_json(one, f"{number}/", arrays, inputs=inputs) for number, one in enumerate(explanations)]
    document = {"schema": SCHEMA, "version": list(VERSION), "several": several, "explanations": entries}
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
    if len(text) > MOST_JSON:
        raise InvalidFile(
            f"{path}: names and texts take {len(text)} bytes, more than the {MOST_JSON} of a file. "
            "Hint: save fewer explanations in one."
        )
    _check_sizes(path, {name: array.nbytes for name, array in arrays.items()})
    tensors = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    with whole_files() as temporary, zipfile.ZipFile(temporary(Path(path)), "w", zipfile.ZIP_STORED) as archive:
        for name, data in ((JSON_NAME, text), (TENSORS_NAME, tensors)):
            member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            member.external_attr = 0o644 << 16
            archive.writestr(member, data)


def load(path: Path | str) -> Explanation | list[Explanation]:
    """Read explanations from a file that [save][pellucid.Explanation.save] wrote.

    Nothing in it is executed, and nothing is read before its size is checked.

    Args:
        path: The file.

    Returns:
        The explanation, or the list that was saved.

    Raises:
        InvalidFile: It is no such file, cut, changed, too large, or of a later version.
        FileNotFoundError: There is no file.
        ModuleNotFoundError: safetensors is not there.

    Examples:
        >>> import pellucid, torch
        >>> explanation = pellucid.explain(torch.nn.Linear(3, 1), torch.ones(1, 3))
        >>> explanation.save("linear.pellucid")  # doctest: +SKIP
        >>> pellucid.load("linear.pellucid").features.names  # doctest: +SKIP
        ('feature 0', 'feature 1', 'feature 2')
    """
    path = Path(path)
    text, tensors = _members(path)
    document = _document(path, text)
    arrays = _arrays(path, tensors)
    try:
        explanations = [from_json(entry, arrays, f"{number}/") for number, entry in enumerate(document["explanations"])]
        several = bool(document["several"])
    except InvalidFile as error:
        raise InvalidFile(f"{path}: {error}") from error
    except Exception as error:  # whatever a field of another type or size leads to
        raise InvalidFile(f"{path}: what it says does not fit together ({type(error).__name__}: {error}).") from error
    if not several and len(explanations) != 1:
        raise InvalidFile(f"{path}: it must hold one explanation: got {len(explanations)}.")
    return explanations if several else explanations[0]


def _members(path: Path) -> tuple[bytes, bytes]:
    """The two members, whose sizes are checked before they are read.

    Raises:
        InvalidFile: There are others, or these are larger than they may be, or than they say.
    """
    with path.open("rb") as file:
        return _read_members(path, file)


def _read_members(path: Path, file: IO[bytes]) -> tuple[bytes, bytes]:
    size = os.fstat(file.fileno()).st_size
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            if sorted(names) != [JSON_NAME, TENSORS_NAME]:
                _refuse(path, f"it must hold {JSON_NAME} and {TENSORS_NAME}, and nothing else")
            for member in members:
                _check_member(path, member, size)
            return archive.read(JSON_NAME), archive.read(TENSORS_NAME)
    except (
        zipfile.BadZipFile,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        struct.error,
    ) as error:
        if isinstance(error, InvalidFile):
            raise
        raise InvalidFile(f"{path}: it is no file of explanations, or only a part of one ({error}).") from error


def _check_member(path: Path, member: zipfile.ZipInfo, size: int) -> None:
    if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
        _refuse(path, f"{member.filename} must be stored as it is")
    if member.header_offset + member.file_size > size:
        _refuse(path, f"{member.filename} says that it is larger than the file")
    if member.filename == JSON_NAME and member.file_size > MOST_JSON:
        _refuse(path, f"{JSON_NAME} takes {member.file_size} bytes, more than {MOST_JSON}")


def _document(path: Path, text: bytes) -> Mapping[str, Any]:
    """The JSON, of a version that can be read."""
    try:
        document = json.loads(text.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise InvalidFile(f"{path}: {JSON_NAME} is no JSON ({error}).") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        _refuse(path, f"its schema must be {SCHEMA!r}")
    version = document.get("version")
    if not (isinstance(version, list) and len(version) == 2 and all(type(number) is int for number in version)):
        _refuse(path, "its version must be two numbers")
    if version[0] != VERSION[0]:
        _refuse(path, f"its version is {version[0]}.{version[1]}, and {VERSION[0]}.x can be read")
    if not isinstance(document.get("explanations"), list):
        _refuse(path, "it must hold a list of explanations")
    return document


def _arrays(path: Path, tensors: bytes) -> dict[str, Array]:
    """The tensors, whose sizes are checked before they are made."""
    with safetensors_needed():
        from safetensors import SafetensorError
        from safetensors.numpy import load as load_tensors
    length = int.from_bytes(tensors[:8], "little") if len(tensors) >= 8 else -1
    if not 0 <= length <= min(MOST_HEADER, len(tensors) - 8):
        _refuse(path, f"{TENSORS_NAME} is cut, or its list of tensors is too long")
    try:
        header = json.loads(tensors[8 : 8 + length])
        offsets = {name: entry["data_offsets"] for name, entry in header.items() if name != "__metadata__"}
        _check_sizes(path, {name: end - start for name, (start, end) in offsets.items()})
        arrays = load_tensors(tensors)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, InvalidFile):
            raise
        raise InvalidFile(f"{path}: {TENSORS_NAME} is not what it should be ({error}).") from error
    return dict(arrays)


def _check_sizes(path: Path | str, sizes: Mapping[str, int]) -> None:
    for name, size in sizes.items():
        if size > MOST_TENSOR:
            raise InvalidFile(
                f"{path}: the tensor {name!r} takes {size} bytes, more than {MOST_TENSOR}. "
                "Hint: explanation[:1000].save(...), or inputs=False."
            )


def _refuse(path: Path, why: str) -> NoReturn:
    raise InvalidFile(f"{path}: {why}.")
