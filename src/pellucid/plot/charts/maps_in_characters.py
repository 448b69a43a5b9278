"""Maps as terminals show them: a sign and a shade for each place, which can be read without colours."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from pellucid.plot.charts.base import Body
from pellucid.plot.charts.legends import cell_of, legend_of_cells
from pellucid.plot.charts.map_views import Panel
from pellucid.plot.raster import resized
from pellucid.plot.scene import Mark, Text
from pellucid.plot.sheet import Sheet
from pellucid.plot.theme import Theme

MOST_COLUMNS = 48
"""How wide a map in characters may be."""


def maps_beside(panels: Sequence[tuple[str, Panel]], sheet: Sheet, top: float, *, is_shared: bool) -> Body:
    """Maps from left to right and row by row, each with a headline.

    Args:
        panels: Headlines, and what is drawn below them.
        sheet: What they are laid out on.
        top: Where they begin.
        is_shared: Whether one scale is that of all, or else each has its own below it.
    """
    beside = max(1, min(len(panels), int(sheet.width) // 38))
    width = min(MOST_COLUMNS, int(sheet.width) // beside - 2 * (beside > 1))
    marks: list[Mark] = []
    for first in range(0, len(panels), beside):
        row = panels[first : first + beside]
        high = max(len(sheet.lines_of(headline, width)) for headline, _ in row)
        bottom = top
        for place, (headline, panel) in enumerate(row):
            left = place * (width + 2.0)
            body = top + high
            marks += _lines(sheet.lines_of(headline, width), left, top, sheet)
            for cells in map_in_characters(panel, width):
                marks += _coloured_runs(cells, left, body + 0.5, sheet.theme)
                body += 1
            if panel.scale is not None and not is_shared:
                own = sheet.lines_of(legend_of_cells(panel.scale), width)
                marks += _lines(own, left, body, sheet)
                body += len(own)
            bottom = max(bottom, body)
        top = bottom + 1
    return Body(tuple(marks), top)


def _lines(lines: Sequence[str], left: float, top: float, sheet: Sheet) -> list[Text]:
    return [Text(x=left, y=top + row + 0.5, text=line, colour=sheet.theme.text) for row, line in enumerate(lines)]


def _coloured_runs(cells: list[str], left: float, y: float, theme: Theme) -> list[Mark]:
    """A row of cells, those of a sign next to each other as one text."""
    marks: list[Mark] = []
    start = 0
    for sign, run in itertools.groupby(cells, key=lambda cell: cell[0]):
        text = "".join(run)
        if text.strip():
            colour = theme.by_sign({"+": 1.0, "-": -1.0}.get(sign, 0.0))
            marks.append(Text(x=left + start, y=y, text=text, colour=colour, tinted=True))
        start += len(text)
    return marks


def map_in_characters(panel: Panel, width: int) -> list[list[str]]:
    """A map as rows of cells of two characters, a sign and a shade.

    Args:
        panel: The map.
        width: How many characters there are in a line.
    """
    if panel.values is None or panel.scale is None:
        return []
    columns = panel.values.shape[1]
    across = min(width // 2, max(columns, 12))
    down = max(1, min(2 * across, round(across * panel.shape[0] / panel.shape[1])))
    shares = panel.scale.shares(panel.values)
    known = np.isfinite(shares)
    coarse = resized(np.where(known, shares, 0.0), down, across)
    largest = float(np.abs(coarse).max(initial=0.0))
    # Means of many pixels are smaller than these; the largest of them gets the fullest character.
    coarse = coarse * (float(np.abs(np.where(known, shares, 0.0)).max(initial=0.0)) / largest if largest else 1.0)
    blank = resized(known.astype(float), down, across) < 0.5
    return [list(map(cell_of, row)) for row in np.where(blank, np.nan, coarse)]
