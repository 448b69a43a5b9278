"""Texts as words on the colours of what is attributed to them, each with its number."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.plot.axis import MINUS, signed_number
from pellucid.plot.charts.base import NOTE, Body, Chart, paragraph
from pellucid.plot.charts.legends import colour_legend
from pellucid.plot.colours import readable_on
from pellucid.plot.lettering import columns_of
from pellucid.plot.scale import Scale
from pellucid.plot.scene import Anchor, Mark, Rectangle, Text
from pellucid.plot.sheet import Sheet
from pellucid.plot.text import MARKED, is_right_to_left

NUMBER = 0.72
"""The size of the numbers below words."""

PAD, BAR, APART = 3.0, 2.0, 4.0
"""On pages: what is left free beside words, how high the bars of signs are, and how far words are apart."""

ISOLATE, POP = "\u2068", "\u2069"
"""Around a word that is read from right to left in a terminal, so that it moves no other."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """A piece of a text.

    Args:
        text: What is shown of it.
        value: What it adds; NaN where that is unknown.
        is_joined: Whether it follows the one before without a space.
        ends_line: Whether the text goes on in a new line.
    """

    text: str
    value: float
    is_joined: bool = False
    ends_line: bool = False


@dataclass(frozen=True, kw_only=True)
class TextRow:
    """A text.

    Args:
        headline: What stands above it, in bold letters.
        label: What stands below that.
        tokens: Its pieces.
        scale: What colours stand for.
    """

    headline: str
    tokens: tuple[Token, ...]
    scale: Scale
    label: str = ""

    @property
    def is_right_to_left(self) -> bool:
        """Whether it is read from right to left."""
        return is_right_to_left(token.text for token in self.tokens)


@dataclass(frozen=True)
class _Cell:
    """A piece of a word, its number, and where they are in a line that is read from the left.

    Args:
        token: What it is a piece of.
        text: What is shown.
        number: What stands below; "" below all pieces of a token but the first.
        width: How wide both are.
        anchor: Which side the text is at, next to the other pieces of its word.
        left: Where it begins.
    """

    token: Token
    text: str
    number: str
    width: float
    anchor: Anchor = "middle"
    left: float = 0.0


@dataclass(frozen=True, kw_only=True, repr=False)
class TokenTexts(Chart):
    """Texts one below another.

    Args:
        rows: The texts.
        scale: What the colours of all stand for; None where each has its own.
        legend: What there is to say of colours and numbers.
    """

    rows: tuple[TextRow, ...]
    scale: Scale | None = None
    legend: str = ""

    @property
    def exponent(self) -> int:
        """The power of ten that numbers are given in, for them to be short."""
        largest = max((row.scale.largest for row in self.rows), default=0.0)
        return 0 if largest == 0 or 1e-2 <= largest < 1e3 else math.floor(math.log10(largest))

    @property
    def description(self) -> str:
        """The chart in a sentence."""
        tokens = [token for row in self.rows for token in row.tokens if math.isfinite(token.value)]
        largest = sorted(tokens, key=lambda token: -abs(token.value))[:3]
        listed = ", ".join(f"{token.text} {signed_number(token.value)}" for token in largest) or "none"
        count = len(self.rows)
        return f"{self.title or 'Texts'}: {count} text{'s' * (count != 1)}; the largest attributions are {listed}."

    def body(self, sheet: Sheet, top: float) -> Body:
        """The texts, and the legend."""
        left = 0.0 if sheet.is_grid else sheet.gap
        place = (left, sheet.width - 2 * left)
        marks: list[Mark] = []
        for row in self.rows:
            text = self._row(row, sheet, top, place)
            marks += text.marks
            top = text.bottom + (0.0 if sheet.is_grid else sheet.gap)
        words = self.legend
        if self.exponent:
            words = f"{words} Numbers are in units of 1e{self.exponent}.".strip().replace("e-", f"e{MINUS}")
        if not sheet.is_grid:
            words = f"Bar above a token: it adds; bar below: it takes away. {words}".strip()
        if self.scale is None or sheet.is_grid:
            legend = paragraph(words, sheet, top, NOTE)
        else:
            legend = colour_legend(self.scale, words, sheet, top, place, is_hatched=False)
        return Body((*marks, *legend.marks), legend.bottom)

    def _row(self, row: TextRow, sheet: Sheet, top: float, place: tuple[float, float]) -> Body:
        """A headline, a label, and lines of words."""
        left, room = place
        marks: list[Mark] = []
        for text, bold in ((row.headline, True), (row.label, False)):
            for line in sheet.lines_of(text, room, bold=bold) if text else ():
                marks.append(Text(x=left, y=top + sheet.line / 2, text=line, colour=sheet.theme.text, bold=bold))
                top += sheet.line
        if not row.tokens:
            marks.append(Text(x=left, y=top + sheet.line / 2, text="(no tokens)", colour=sheet.theme.text))
            return Body(tuple(marks), top + sheet.line)
        turned = row.is_right_to_left
        for cells in self._lines(row, sheet, room):
            for cell in cells:
                mirrored = _mirrored(cell, room) if turned else cell
                marks += _drawn(mirrored, left, top, row.scale, sheet)
            top += 3.0 if sheet.is_grid else _height(sheet)
        return Body(tuple(marks), top)

    def _lines(self, row: TextRow, sheet: Sheet, room: float) -> list[list[_Cell]]:
        """Cells in lines, words whole where they fit."""
        lines: list[list[_Cell]] = [[]]
        gap = 1.0 if sheet.is_grid else APART
        for word in _words(row.tokens):
            cells = [cell for token in word for cell in self._cells(token, row.scale, sheet, room)]
            start = _end_of(lines[-1], gap)
            if lines[-1] and start + sum(cell.width for cell in cells) > room:
                lines.append([])
                start = 0.0
            for index, piece in enumerate(_split(cells, room)):
                if index:
                    lines.append([])
                lines[-1] += _placed(piece, start * (index == 0))
            if word[-1].ends_line:
                lines.append([])
        return [line for line in lines if line]

    def _cells(self, token: Token, scale: Scale, sheet: Sheet, room: float) -> list[_Cell]:
        """A token, or the pieces of one that is wider than a line."""
        unit = 10.0**self.exponent
        number = signed_number(token.value / unit, 10 * scale.largest / unit)
        pad = 0.0 if sheet.is_grid else 2 * PAD
        pieces = sheet.lines_of(token.text, room - pad) if sheet.text_width(token.text) > room - pad else [token.text]
        cells = []
        for index, piece in enumerate(pieces):
            below = number if index == 0 else ""
            wide = sheet.text_width(below, scale=NUMBER) + (1.0 if sheet.is_grid else 2.0)
            cells.append(_Cell(token, piece, below, min(room, max(sheet.text_width(piece) + pad, wide))))
        return cells


def _words(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Tokens that are joined, together."""
    word: list[Token] = []
    for token in tokens:
        if word and (not token.is_joined or word[-1].ends_line):
            yield word
            word = []
        word.append(token)
    if word:
        yield word


def _split(cells: list[_Cell], room: float) -> list[list[_Cell]]:
    """The cells of a word that is wider than a line, in lines."""
    lines: list[list[_Cell]] = [[]]
    for cell in cells:
        if lines[-1] and sum(each.width for each in lines[-1]) + cell.width > room:
            lines.append([])
        lines[-1].append(cell)
    return lines


def _end_of(line: list[_Cell], gap: float) -> float:
    """Where the next word of a line may begin."""
    return line[-1].left + line[-1].width + gap if line else 0.0


def _placed(cells: list[_Cell], start: float) -> list[_Cell]:
    """The cells of a word next to each other."""
    lefts = itertools.accumulate((cell.width for cell in cells[:-1]), initial=start)
    return [
        dataclasses.replace(cell, left=left, anchor=anchor)
        for cell, left, anchor in zip(cells, lefts, _anchors(len(cells)), strict=True)
    ]


def _anchors(count: int) -> tuple[Anchor, ...]:
    """Where the texts of a word's pieces are in their cells, for as little as may be between them."""
    middle: Anchor = "middle"
    return (middle,) if count == 1 else ("end", *(middle,) * (count - 2), "start")


def _mirrored(cell: _Cell, room: float) -> _Cell:
    """A cell of a line that is read from the right."""
    sides: dict[Anchor, Anchor] = {"start": "end", "end": "start", "middle": "middle"}
    left = room - cell.left - cell.width
    return dataclasses.replace(cell, anchor=sides[cell.anchor], left=left)


def _height(sheet: Sheet) -> float:
    """The height of a line of words on a page, with bars and numbers."""
    return sheet.line + 2 * (BAR + 1) + NUMBER * sheet.line + 4.0


def _drawn(cell: _Cell, left: float, top: float, scale: Scale, sheet: Sheet) -> list[Mark]:
    """A word on its colour, the bar of its sign, and its number."""
    x, theme = left + cell.left, sheet.theme
    share = float(scale.shares(np.array(cell.token.value)))
    if sheet.is_grid:
        text = f"{ISOLATE}{cell.text}{POP}" if is_right_to_left([cell.text]) else cell.text
        return [
            _anchored(cell, x, top + 0.5, text, theme.text, 0.0),
            Text(
                x=x + math.floor((cell.width - sheet.text_width(cell.number)) / 2),
                y=top + 1.5,
                text=cell.number,
                colour=theme.by_sign(cell.token.value),
                tinted=True,
            ),
        ]
    marks: list[Mark] = []
    word_top, ink = top + BAR + 1, theme.text
    if math.isfinite(share):
        fill = scale.colour(share, theme)
        ink = readable_on(fill)
        tip = f"{cell.token.text}: {signed_number(cell.token.value)}"
        box = Rectangle(x=x, y=word_top, width=cell.width - 0.75, height=sheet.line, fill=fill, tip=tip)
        marks.append(box)
        if abs(share) >= MARKED:
            y = top if share > 0 else word_top + sheet.line + 1
            marks.append(Rectangle(x=x, y=y, width=cell.width - 0.75, height=BAR, fill=theme.text))
    marks.append(_anchored(cell, x, word_top + sheet.line / 2, cell.text, ink, PAD))
    if cell.number:
        middle, y = x + cell.width / 2, word_top + sheet.line + BAR + 1 + NUMBER * sheet.line / 2
        marks.append(Text(x=middle, y=y, text=cell.number, colour=theme.text, anchor="middle", scale=NUMBER))
    return marks


def _anchored(cell: _Cell, x: float, y: float, text: str, colour: str, pad: float) -> Text:
    """The text of a cell, next to the other pieces of its word."""
    # Next to another piece there is hardly a gap.
    inner = 0.5 if pad else 0.0
    places = {"start": x + inner, "middle": x + cell.width / 2, "end": x + cell.width - inner}
    if not pad and cell.anchor == "middle":  # in terminals, from a whole column on
        width = float(columns_of(text))
        return Text(x=x + math.floor((cell.width - width) / 2), y=y, text=text, colour=colour)
    return Text(x=places[cell.anchor], y=y, text=text, colour=colour, anchor=cell.anchor)
