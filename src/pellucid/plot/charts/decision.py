"""Decisions: how attributions add up, feature by feature, from the baseline to the predictions of many examples."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from pellucid.errors import InvalidArgument
from pellucid.plot.axis import Axis, number_text
from pellucid.plot.charts.base import Body, Chart, paragraph
from pellucid.plot.charts.legends import ramp_legend
from pellucid.plot.charts.rows import labelled_rows
from pellucid.plot.charts.ticks import ticks_below
from pellucid.plot.colours import colour_of_level
from pellucid.plot.scene import Dot, Line, Mark
from pellucid.plot.sheet import Sheet

MOST_LINES, MOST_OF_CHARACTERS = 200, 5
"""How many lines are drawn at most: of more examples, from the lowest prediction to the highest."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Decision(Chart):
    """A line for each example, from its baseline at the bottom to its prediction at the top.

    Args:
        names: Of the steps, from the bottom, [N].
        steps: How far each goes, [B][N].
        starts: Where each line begins, [B].
        unit: What outputs are.
    """

    names: tuple[str, ...]
    steps: tuple[tuple[float, ...], ...]
    starts: tuple[float, ...]
    unit: str = ""

    def __post_init__(self) -> None:
        if len(self.steps) != len(self.starts) or any(len(row) != len(self.names) for row in self.steps):
            raise InvalidArgument(
                f"steps must be {len(self.names)} for each of {len(self.starts)} starts: "
                f"got {len(self.steps)} rows of {sorted({len(row) for row in self.steps})}."
            )

    @property
    def paths(self) -> tuple[tuple[float, ...], ...]:
        """Where each line is before the first step and after each, [B][N + 1]."""
        return tuple(
            tuple(itertools.accumulate(row, initial=start))
            for row, start in zip(self.steps, self.starts, strict=True)
            if all(map(math.isfinite, (*row, start)))
        )

    @property
    def description(self) -> str:
        """The chart in a sentence."""
        ends = [path[-1] for path in self.paths]
        if not ends:
            return f"{self.title or 'Decisions'}: no lines."
        between = f"from {number_text(min(ends))} to {number_text(max(ends))}"
        return f"{self.title or 'Decisions'}: {len(ends)} lines over {len(self.names)} steps, which end {between}."

    def body(self, sheet: Sheet, top: float) -> Body:
        """Rows of features from the top, and lines across them."""
        top += 0.0 if sheet.is_grid else sheet.gap
        rows = labelled_rows(self.names[::-1], (), sheet, top)
        paths = sorted(self.paths, key=lambda path: path[-1])
        levels = [level for path in paths for level in path] or [0.0]
        axis = Axis.over(min(levels), max(levels), rows.right + 2 * sheet.gap, sheet.width - 2 * sheet.gap, margin=0.02)
        ticks, bottom = ticks_below(axis, top, rows.bottom, sheet, self.unit)
        marks: list[Mark] = [*rows.marks, *ticks]
        # A step is made in the row of its feature: from its lower edge to its upper one.
        heights = [rows.bottom, *((low + high) / 2 for low, high in itertools.pairwise(rows.middles[::-1])), top]
        low, high = (paths[0][-1], paths[-1][-1]) if paths else (0.0, 0.0)
        most = MOST_OF_CHARACTERS if sheet.is_grid else MOST_LINES
        chosen = np.unique(np.linspace(0, len(paths) - 1, min(most, len(paths))).round().astype(int)).tolist()
        for index in chosen:
            path = paths[index]
            level = (path[-1] - low) / (high - low) if high > low else 0.5
            marks += _path(path, heights, axis, colour_of_level(level, sheet.theme), sheet)
        if len(chosen) < len(paths):
            said, bottom = paragraph(f"{len(chosen)} of {len(paths)} examples are drawn.", sheet, bottom)
            marks += said
        if len(paths) > 1:
            ends = (number_text(low), number_text(high))
            legend, bottom = ramp_legend("Colour: prediction", ends, sheet, bottom)
            marks += legend
        return Body(tuple(marks), bottom)


def _path(path: tuple[float, ...], heights: list[float], axis: Axis, colour: str, sheet: Sheet) -> list[Mark]:
    """A line, which ends in a dot."""
    places = [(axis(level), height) for level, height in zip(path, heights, strict=True)]
    if not sheet.is_grid:
        end = Dot(x=places[-1][0], y=places[-1][1], radius=2.5, fill=colour)
        return [Line(places=tuple(places), colour=colour, width=1.2, tip=f"prediction {number_text(path[-1])}"), end]
    # In characters: what each example is at after the feature of the row.
    rows = [
        (x, math.floor((before + after) / 2) + 0.5) for (x, after), before in zip(places[1:], heights, strict=False)
    ]
    return [Dot(x=x, y=y, radius=0.5, fill=colour) for x, y in rows]
