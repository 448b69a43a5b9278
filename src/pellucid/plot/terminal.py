"""Scenes in characters, as terminals show them."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass, field

from pellucid.plot.colours import read, written
from pellucid.plot.lettering import columns_of, printable
from pellucid.plot.scene import Dot, Line, Mark, Pixels, Polygon, Rectangle, Scene, Text

EIGHTHS = " ▏▎▍▌▋▊▉█"
"""Blocks from the left edge on, by how many eighths of a character they fill."""

UPWARDS = " ▁▂▃▄▅▆▇█"
"""The same from below."""


@dataclass
class Grid:
    """Characters, and the colour of each where it has one of its own.

    Args:
        columns: How many there are in a row.
        rows: How many rows.
    """

    columns: int
    rows: int
    characters: list[list[str]] = field(init=False)
    colours: list[list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.characters = [[" "] * self.columns for _ in range(self.rows)]
        self.colours = [[""] * self.columns for _ in range(self.rows)]

    def put(self, column: int, row: int, character: str, colour: str = "") -> None:
        """Put a character in its place; nothing where that is outside."""
        if 0 <= row < self.rows and 0 <= column < self.columns:
            self.characters[row][column], self.colours[row][column] = character, colour

    def write(self, column: int, row: int, text: str, colour: str = "") -> None:
        """Write a text from a column on; wide characters take two."""
        for character in printable(text):
            width = columns_of(character)
            if width == 0 and 0 < column <= self.columns and 0 <= row < self.rows:
                self.characters[row][column - 1] += character
                continue
            self.put(column, row, character, colour)
            for further in range(1, width):
                self.put(column + further, row, "", colour)
            column += width

    def text(self, *, coloured: bool) -> str:
        """All rows.

        Args:
            coloured: Whether colours are written, as terminals understand them.
        """
        return "\n".join(self._row(row, coloured) for row in range(self.rows))

    def _row(self, row: int, coloured: bool) -> str:
        if not coloured:
            return "".join(self.characters[row]).rstrip()
        written, current = "", ""
        for character, colour in zip(self.characters[row], self.colours[row], strict=True):
            if colour != current:
                written += _escape(colour)
                current = colour
            written += character
        return (written + _escape("") if current else written).rstrip()


def _escape(colour: str) -> str:
    """What sets the colour of the characters that follow; "" the terminal's own."""
    if not colour:
        return "\x1b[0m"
    return "\x1b[38;2;{:.0f};{:.0f};{:.0f}m".format(*read(colour))


def text_of(scene: Scene, *, coloured: bool = False) -> str:
    """A scene in characters, of a sheet whose unit is a character.

    Args:
        scene: What is drawn.
        coloured: Whether colours are written, as terminals understand them.
    """
    grid = Grid(math.ceil(scene.width), math.ceil(scene.height))
    for mark in scene.marks:
        _draw(mark, grid)
    return grid.text(coloured=coloured)


@functools.singledispatch
def _draw(mark: Mark, grid: Grid) -> None:
    raise TypeError(f"no mark: {type(mark).__name__}")


@_draw.register
def _rectangle(mark: Rectangle, grid: Grid) -> None:
    first, last = mark.x, mark.x + mark.width
    if mark.height % 1 and last - first >= 0.5:
        _column(grid, mark)
        return
    rows = [row for row in range(grid.rows) if mark.y <= row + 0.5 < mark.y + mark.height] or [
        int(mark.y + mark.height / 2)
    ]
    for row in rows:
        _fill(grid, row, first, last, mark)


def _column(grid: Grid, mark: Rectangle) -> None:
    """Fill an upright bar, to an eighth of a character at its upper end; what is there is seen."""
    bottom = math.floor(mark.y + mark.height + 0.5)
    for column in range(
        math.floor(mark.x + 0.5), max(math.floor(mark.x + 0.5) + 1, math.floor(mark.x + mark.width + 0.5))
    ):
        left = max(1, round(8 * mark.height)) if mark.height > 0 else 0
        for row in range(bottom - 1, -1, -1):
            if left <= 0:
                break
            grid.put(column, row, UPWARDS[min(8, left)], mark.fill)
            left -= 8


def _fill(grid: Grid, row: int, first: float, last: float, mark: Rectangle) -> None:
    """Fill a row from one place to another: to an eighth of a character at the right end."""
    start, stop = math.floor(first + 0.5), last
    if last - first < 0.5:  # what is there is seen
        grid.put(int((first + last) / 2), row, "▏" if first == last else "▌", mark.fill)
        return
    for column in range(start, math.ceil(stop)):
        share = min(8, max(0, round((stop - column) * 8)))
        character = mark.character if mark.character and share >= 4 else EIGHTHS[share]
        if character != " ":
            grid.put(column, row, "▒" if mark.hatched and share == 8 else character, mark.fill)


@_draw.register
def _line(mark: Line, grid: Grid) -> None:
    for (x, y), (x_end, y_end) in itertools.pairwise(mark.places):
        steps = max(1, round(2 * max(abs(x_end - x), abs(y_end - y))))
        character = "│" if abs(x_end - x) < 0.5 else "─" if abs(y_end - y) < 0.5 else "·"
        for step in range(steps + 1):
            column = math.floor(x + (x_end - x) * step / steps)
            row = math.floor(y + (y_end - y) * step / steps)
            if 0 <= row < grid.rows and 0 <= column < grid.columns and grid.characters[row][column] == " ":
                grid.put(column, row, "┊" if mark.dashed and character == "│" else character, mark.colour)


@_draw.register
def _polygon(mark: Polygon, grid: Grid) -> None:
    for row in range(grid.rows):
        crossings = sorted(_crossings(mark, row + 0.5))
        for first, last in zip(crossings[::2], crossings[1::2], strict=False):
            for column in range(math.floor(first + 0.5), max(math.floor(first + 0.5) + 1, math.floor(last + 0.5))):
                grid.put(column, row, "█" if mark.opacity > 0.6 else "▒", mark.fill)


def _crossings(mark: Polygon, y: float) -> list[float]:
    """Where the edges of a polygon cross a height."""
    corners = (*mark.places, mark.places[0])
    return [
        x + (y - y_start) / (y_end - y_start) * (x_end - x)
        for (x, y_start), (x_end, y_end) in itertools.pairwise(corners)
        if (y_start <= y) != (y_end <= y)
    ]


@_draw.register
def _dot(mark: Dot, grid: Grid) -> None:
    grid.put(math.floor(mark.x), math.floor(mark.y), "○" if mark.hollow else "●", mark.fill)


@_draw.register
def _text(mark: Text, grid: Grid) -> None:
    text, colour = printable(mark.text), mark.colour if mark.tinted else ""
    if mark.upright:
        length = len(text)
        last = math.floor(mark.y) + {"start": 0, "middle": length // 2, "end": length - 1}[mark.anchor]
        for index, character in enumerate(reversed(text)):
            grid.put(math.floor(mark.x), last - index, character, colour)
        return
    width = columns_of(text)
    start = {"start": mark.x, "middle": mark.x - width / 2, "end": mark.x - width}[mark.anchor]
    grid.write(math.floor(start + 0.5), math.floor(mark.y), text, colour)


@_draw.register
def _pixels(mark: Pixels, grid: Grid) -> None:
    """Two pixels a character, one above the other, of the nearest colours."""
    height, width = mark.levels.shape[:2]
    for row in range(math.floor(mark.y), math.ceil(mark.y + mark.height)):
        for column in range(math.floor(mark.x), math.ceil(mark.x + mark.width)):
            across = int((column + 0.5 - mark.x) / mark.width * width)
            down = int((row + 0.5 - mark.y) / mark.height * height)
            if 0 <= across < width and 0 <= down < height:
                red, green, blue, opacity = (int(level) for level in mark.levels[down, across])
                if opacity:
                    grid.put(column, row, _shade(red, green, blue), written(mark.levels[down, across, :3]))


SHADES = "█▓▒░ "


def _shade(red: int, green: int, blue: int) -> str:
    """A block as dense as a colour is dark, which tells something without colours, too."""
    lightness = (0.299 * red + 0.587 * green + 0.114 * blue) / 255
    return SHADES[min(len(SHADES) - 1, int(lightness * len(SHADES)))]
