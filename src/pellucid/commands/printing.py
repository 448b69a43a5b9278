"""What `pellucid explain` prints: of few examples each, of many the mean sizes and the first ones."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pellucid.commands.ends import is_watched
from pellucid.commands.messages import in_options
from pellucid.explanation.terminal import text_of_explanation

if TYPE_CHECKING:
    from pellucid.explanation import Comparison, Explanation

FEW, FIRST = 5, 3
"""So many examples are all printed; of more, so many."""

NARROWEST, WIDEST = 40, 120
"""In characters."""


def text_of_results(explanation: Explanation | Comparison) -> str:
    """The tables of an explanation, as wide as the terminal, and in colour where there is one.

    Args:
        explanation: One, or several.
    """
    several = explanation.values() if isinstance(explanation, Mapping) else [explanation]
    return "\n\n".join(block for one in several for block in _blocks(one)) + "\n"


def _blocks(explanation: Explanation) -> Iterator[str]:
    count = len(explanation)
    if count == 1:
        yield _titled(explanation, 0, _text(explanation))
        return
    if count > FEW:
        yield _text(explanation)
    shown = FIRST if count > FEW else count
    for number in range(shown):
        yield _titled(explanation, number, _text(replace(explanation[number], notes=())))
    if count > shown:
        yield f"and {count - shown} more. Hint: --out explanation.csv."
    elif explanation.notes:
        yield "\n".join(f"* {in_options(note)}" for note in explanation.notes)


def _titled(explanation: Explanation, number: int, text: str) -> str:
    """A table below what its row is called."""
    names = explanation.parts[0].index
    title = " ".join(str(names[number] if len(names) else number).split())
    return f"{title}: {text}" if len(names) or len(explanation) > 1 else text


def width_of_terminal() -> int:
    """How wide what is printed may be, in characters."""
    return min(WIDEST, max(NARROWEST, shutil.get_terminal_size((88, 24)).columns))


def _text(explanation: Explanation) -> str:
    columns = width_of_terminal()
    explanation = replace(explanation, notes=tuple(map(in_options, explanation.notes)))
    return text_of_explanation(explanation, columns=columns, coloured=is_watched(sys.stdout))
