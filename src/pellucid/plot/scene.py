"""What a chart looks like, as marks in a plane: what every renderer draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from pellucid.core.summaries import Summarized
from pellucid.plot.arrays import Array

Anchor: TypeAlias = Literal["start", "middle", "end"]
"""Which part of a text is where it stands: its beginning, middle or end; of one that is read from right to left, too,
the left, middle or right."""

Place: TypeAlias = tuple[float, float]
"""From the left and from the top."""

HATCH = 7.0
"""How far apart the lines are that cross what is negative, in pixels of a page."""


@dataclass(frozen=True, kw_only=True)
class Rectangle:
    """A rectangle.

    Args:
        x: Its left edge.
        y: Its upper edge.
        width: From zero on.
        height: From zero on.
        fill: Its colour, `#rrggbb`.
        tip: What a page says of it under the pointer.
        hatched: Whether lines cross it, as a sign that needs no colour.
        character: What fills it in terminals; "" for blocks.
    """

    x: float
    y: float
    width: float
    height: float
    fill: str
    tip: str = ""
    hatched: bool = False
    character: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line through some places.

    Args:
        places: At least two.
        colour: Its colour.
        width: How thick it is.
        dashed: Whether it has gaps.
        tip: What a page says of it under the pointer.
    """

    places: tuple[Place, ...]
    colour: str
    width: float = 1.0
    dashed: bool = False
    tip: str = ""


@dataclass(frozen=True, kw_only=True)
class Polygon:
    """An area between lines.

    Args:
        places: Its corners, at least three.
        fill: Its colour.
        opacity: From 0 to 1.
        tip: What a page says of it under the pointer.
    """

    places: tuple[Place, ...]
    fill: str
    opacity: float = 1.0
    tip: str = ""


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A dot.

    Args:
        x: Its middle.
        y: Its middle.
        radius: From zero on.
        fill: Its colour.
        hollow: Whether its middle is empty, as a sign that needs no colour.
        tip: What a page says of it under the pointer.
    """

    x: float
    y: float
    radius: float
    fill: str
    hollow: bool = False
    tip: str = ""


@dataclass(frozen=True, kw_only=True)
class Text:
    """A text on one line.

    Args:
        x: Where its anchor is.
        y: Where the middle of the line is.
        text: What it says.
        colour: Its colour.
        anchor: See [Anchor][pellucid.plot.scene.Anchor].
        scale: Its size, as a share of that of the sheet.
        bold: Whether it is set in bold letters.
        upright: Whether it is turned to be read from below; its anchor is then vertical.
        tinted: Whether it has its colour in terminals, too, and not that of other text there.
    """

    x: float
    y: float
    text: str
    colour: str
    anchor: Anchor = "start"
    scale: float = 1.0
    bold: bool = False
    upright: bool = False
    tinted: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Pixels(Summarized):
    """A picture of pixels.

    Args:
        x: Its left edge.
        y: Its upper edge.
        width: Of the picture.
        height: Of the picture.
        levels: uint8 (rows, columns, 4): red, green, blue and opacity.
        label: What it shows, for those who cannot see it.
    """

    x: float
    y: float
    width: float
    height: float
    levels: Array
    label: str = ""


Mark: TypeAlias = Rectangle | Line | Polygon | Dot | Text | Pixels


def moved(mark: Mark, right: float, down: float) -> Mark:
    """A mark somewhere else.

    Args:
        mark: The mark.
        right: How far it is moved to the right.
        down: How far it is moved down.
    """
    if isinstance(mark, Line | Polygon):
        return replace(mark, places=tuple((x + right, y + down) for x, y in mark.places))
    return replace(mark, x=mark.x + right, y=mark.y + down)


def hatching(mark: Rectangle) -> list[tuple[Place, Place]]:
    """The ends of lines that cross a rectangle from its lower left to its upper right."""
    lines = []
    offset = HATCH / 2
    while offset < mark.width + mark.height:
        low = (mark.x + max(0.0, offset - mark.height), mark.y + min(offset, mark.height))
        high = (mark.x + min(offset, mark.width), mark.y + max(0.0, offset - mark.width))
        lines.append((low, high))
        offset += HATCH
    return lines


def dashes_of(mark: Line) -> tuple[float, float]:
    """How long the dashes of a line are, and how long the gaps between them: longer in wide lines."""
    times = max(1.0, mark.width / 3)
    return 4.0 * times, 3.0 * times


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a chart looks like on a sheet.

    Args:
        width: Of the sheet.
        height: Of the sheet.
        marks: From the bottom up.
        background: Its colour.
        description: The chart in a sentence.
        letter: The size of letters.
    """

    width: float
    height: float
    marks: tuple[Mark, ...]
    background: str
    description: str
    letter: float
