"""Checks in characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.explanation.checking.verdict import SIGNS
from pellucid.plot.sheet import Sheet

if TYPE_CHECKING:
    from pellucid.explanation.checking.verdict import Check

COLOURS = {"good": "32", "doubtful": "33", "bad": "31", "untold": "2"}
"""Those of terminals."""


def text_of_check(check: Check, *, columns: int, coloured: bool) -> str:
    """The verdicts, a paragraph each, with what to do below.

    Args:
        check: The check.
        columns: How wide it may be.
        coloured: Whether signs are coloured, as terminals understand it.
    """
    sheet = Sheet.of_terminal(columns)
    width = max((len(verdict.name) for verdict in check.verdicts), default=0)
    lines = []
    for verdict in check.verdicts:
        sign = SIGNS[verdict.grade]
        mark = f"\x1b[{COLOURS[verdict.grade]}m{sign}\x1b[0m" if coloured else sign
        said = sheet.lines_of(verdict.says, columns - width - 4)
        advised = sheet.lines_of(f"Hint: {verdict.advice}", columns - width - 4) if verdict.advice else []
        first, *further = [*said, *advised]
        lines.append(f"{mark} {verdict.name:{width}s}  {first}".rstrip())
        lines += [f"{'':{width + 4}s}{line}" for line in further]
    return "\n".join(lines)
