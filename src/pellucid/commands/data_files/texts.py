"""Texts, a line each."""

from __future__ import annotations

from pellucid.commands.data_files.loaded import DataOptions, LoadedData
from pellucid.errors import InvalidFile

LONGEST = 60
"""How many letters of a text name its row."""


def decoded(label: str, data: bytes) -> str:
    """What a file of text holds.

    Args:
        label: The name of the file.
        data: What it holds.

    Raises:
        InvalidFile: It is no UTF-8; the message names the line.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidFile(
            f"{label}, line {line}: expected UTF-8, got other bytes. Hint: iconv -f LATIN1 -t UTF-8."
        ) from error


def read_texts(label: str, data: bytes, options: DataOptions) -> LoadedData:
    """The lines of a file that are not blank.

    Args:
        label: The name of the file.
        data: What it holds.
        options: Of no use here.

    Raises:
        InvalidFile: It is no UTF-8, or has no such line.
    """
    lines = [(number, line.strip()) for number, line in enumerate(decoded(label, data).split("\n"), 1) if line.strip()]
    if not lines:
        raise InvalidFile(f"{label} is empty: expected a text in each line.")
    texts = [line for _, line in lines]
    opened = "sys.stdin" if label == "standard input" else f'open({label!r}, encoding="utf-8-sig")'
    code = f"inputs = [line.strip() for line in {opened} if line.strip()]"
    names = tuple(_name(number, line, texts.count(line) > 1) for number, line in lines)
    return LoadedData(inputs=texts, kind="texts", label=label, code=("import sys", code), names=names)


def _name(number: int, line: str, is_again: bool) -> str:
    """A text as the name of its row, shortened, and with the number of its line where others are the same."""
    short = line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
    return f"line {number}: {short}" if is_again or short != line else short
