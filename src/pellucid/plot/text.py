"""Words on the colours of their attributions, as HTML: escaped, without scripts, and readable without colours."""

from __future__ import annotations

import html
import importlib
import math
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, warn
from pellucid.plot.arrays import as_array
from pellucid.plot.colours import colour_of, readable_on
from pellucid.plot.theme import LIGHT, Theme

MARKED = 0.05
"""From which share of the limit on a line says the sign of a word's attribution."""

VISIBLE = {"\n": "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}", "\t": "\N{RIGHTWARDS ARROW TO BAR}", "\r": ""}
"""What is written for white space that a page does not show."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
</head>
<body style="margin: 0">
{body}
</body>
</html>
"""


@dataclass(frozen=True, repr=False)
class Html:
    """A part of a page, which notebooks show; `str` is its source.

    Args:
        data: The source.
        title: What a page that holds nothing else is called.
    """

    data: str
    title: str = "Attributions"

    def __str__(self) -> str:
        return self.data

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.data)} characters)"

    def _repr_html_(self) -> str:
        return self.data

    def page(self) -> str:
        """The source of a whole page."""
        return PAGE.format(title=escaped(self.title), body=self.data)

    def save(self, path: Path | str) -> None:
        """Write a page that stands on its own."""
        Path(path).write_text(self.page(), encoding="utf-8")

    def display(self) -> None:
        """Show it, where IPython is running; otherwise do nothing."""
        ipython = sys.modules.get("IPython")
        if ipython is not None and ipython.get_ipython() is not None:
            importlib.import_module("IPython.display").display(self)


def escaped(text: object) -> str:
    """A text as it stands in HTML, within elements and in quotes; what cannot be encoded is a question mark."""
    return html.escape(str(text).encode("utf-8", "replace").decode(), quote=True)


def visible(text: str) -> str:
    """A text whose line breaks and tabulators are seen."""
    return "".join(VISIBLE.get(character, character) for character in text)


def without_brackets(token: str) -> str:
    """The name of a special token, `#pad` of `<pad>`; other tokens as they are."""
    return "#" + token.strip("<>") if token.startswith("<") and token.endswith(">") else token


def tooltip(item: object, text: object) -> str:
    """An item with a text that a style sheet may show when the pointer is there."""
    return f'<div class="tooltip">{escaped(item)} <span class="tooltiptext">{escaped(text)}</span></div>'


def bold_cell(text: object) -> str:
    """A cell of a table, in bold letters."""
    return f'<td style="padding-right: 2em"><b>{escaped(text)}</b></td>'


def word_cell(words: Iterable[object], values: object, *, limit: float = 1.0, theme: Theme = LIGHT) -> str:
    """A cell of a table with words on the colours of their attributions.

    Args:
        words: Words or tokens.
        values: As many numbers, or more; the cell of none is empty.
        limit: The size from which on colours are full.
        theme: Where colours come from.

    Raises:
        InvalidArgument: There are fewer numbers than words, or they are no list.
    """
    numbers = numbers_of(values)
    if not numbers:
        return "<td></td>"
    tokens = list(map(str, words))
    if len(numbers) < len(tokens):
        raise InvalidArgument(f"values must be one for each of {len(tokens)} words: got {len(numbers)}.")
    unknown = [number for number in numbers[: len(tokens)] if not math.isfinite(number)]
    if unknown:
        warn(f"{len(unknown)} of {len(tokens)} attributions of words are NaN or infinite: shown without a colour.")
    marks = " ".join(word(token, number / limit, number, theme) for token, number in zip(tokens, numbers, strict=False))
    direction = ' dir="rtl"' if is_right_to_left(tokens) else ""
    return f'<td{direction} style="line-height: 2; overflow-wrap: anywhere">{marks}</td>'


def numbers_of(values: object) -> Sequence[float]:
    """Attributions of words as numbers; None are none.

    Raises:
        InvalidArgument: They are not in a row.
    """
    if values is None:
        return ()
    array = as_array("values", values)
    if array.ndim != 1:
        raise InvalidArgument(
            f"values must be one number for each word: got {summary(array)}. Hint: values.sum(-1) adds up embeddings."
        )
    return [float(number) for number in array]


def word(token: str, share: float, value: float, theme: Theme) -> str:
    """A word on a colour; a line above it says that its attribution is positive, one below that it is negative."""
    share = max(-1.0, min(1.0, share)) if math.isfinite(share) else share
    background = colour_of(share if math.isfinite(share) else 0.0, theme)
    style = (
        f"background-color: {background}; color: {readable_on(background)}; padding: 2px 3px; "
        f"text-decoration: {_line(share)}"
    )
    shown = visible(without_brackets(token))
    # `dir` keeps what reverses the order of letters inside of the word.
    return f'<mark dir="auto" title="{value:+.4g}" style="{style}">{escaped(shown)}</mark>'


def _line(share: float) -> str:
    """The line that says a sign without a colour: none where there is hardly a value, a wave where there is none."""
    if not math.isfinite(share):
        return "underline wavy"
    if abs(share) < MARKED:
        return "none"
    return "overline 2px" if share > 0 else "underline 2px"


def is_right_to_left(tokens: Iterable[str]) -> bool:
    """Whether the first letter with a direction is one of Hebrew, Arabic and the like."""
    directions = (unicodedata.bidirectional(character) for token in tokens for character in token)
    return next((each for each in directions if each in ("L", "R", "AL")), "L") != "L"
