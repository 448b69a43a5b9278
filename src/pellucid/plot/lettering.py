"""How wide texts are, without a library of fonts, and where they are broken into lines."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Mapping

# The widths of DejaVu Sans in percent of its size. Verdana is as wide; other fonts of screens are narrower.
_BY_WIDTH = {
    28: "ijl'",
    29: "IJ",
    32: " ,.",
    34: "/:;\\|",
    35: "f",
    36: "-",
    39: "()[]t",
    41: "r!",
    46: '"',
    50: "*_`",
    53: "sz?",
    56: "cL",
    58: "Fk",
    60: "vxyP",
    62: "TYaoe",
    64: "ESbdghnpqu$0123456789{}",
    69: "AVKBRXZ",
    73: "CU",
    78: "HNDG&",
    82: "OQw",
    84: "#+<=>^~\N{MINUS SIGN}",
    97: "Mm%",
    100: "W@",
}
PERCENT: Mapping[str, int] = {character: width for width, characters in _BY_WIDTH.items() for character in characters}
OTHER_PERCENT, WIDE_PERCENT = 70, 105
BOLD_PERCENT = 7
"""How much wider each bold letter is."""


@functools.lru_cache(maxsize=4096)
def width_of(text: str, *, bold: bool = False) -> float:
    """The width of a text in letters of size one; a little more than less."""
    return (sum(map(_percent, text)) + BOLD_PERCENT * len(text) * bold) / 100


@functools.lru_cache(maxsize=4096)
def columns_of(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(_columns(character) for character in text)


@functools.lru_cache(maxsize=4096)
def printable(text: str) -> str:
    """A text on one line, without what would control a terminal, break a page or turn what follows."""
    return "".join(map(_printable, text))


def _printable(character: str) -> str:
    if character.isspace():
        return " " if character in "\n\t\r\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029" else character
    is_control = unicodedata.category(character) in ("Cc", "Cs") or character in "\ufffe\uffff"
    return "\ufffd" if is_control or "\u202a" <= character <= "\u202e" else character


def _percent(character: str) -> int:
    columns = _columns(character)
    return PERCENT.get(character, WIDE_PERCENT if columns == 2 else OTHER_PERCENT if columns else 0)


def _columns(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
