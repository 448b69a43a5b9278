"""Attributions of time series, drawn with Matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.plot.arrays import Array
from pellucid.plot.canvas import Canvas, matplotlib_needed
from pellucid.plot.colours import colour_map
from pellucid.plot.heat_maps import Look, draw_colour_bar, heat_options
from pellucid.plot.theme import LIGHT
from pellucid.plot.timeseries import SeriesPlot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.figure import Figure

OUTLINE = 1.0
"""How much wider than a coloured line the line below it is, in points."""

MARGIN = 0.15
"""How much of the range of a series is left free above and below its line, for the numbers of panels not to meet."""


def draw_series(plot: SeriesPlot, look: Look, canvas: Canvas, **lines: Any) -> tuple[Figure, NDArray[Any]]:
    """Draw a time series with its colours, and return the figure and its axes, one for each channel or one for all.

    Args:
        plot: What is drawn.
        look: How it looks.
        canvas: Where.
        lines: Options of Matplotlib's lines, or of its collection of lines where these have the colours.
    """
    with matplotlib_needed():
        colour_map(look.colours, plot.colours.sign, LIGHT)  # an unknown name shows before there is a figure
    together = plot.view == "overlay_combined"
    figure, axes = canvas.subplots(1 if together else len(plot.series), theme=look.theme, sharex=True)
    options = heat_options(plot.colours, look, figure)
    for channel, one in enumerate(axes):
        if together:
            shown: PolyCollection | LineCollection = _draw_surroundings(one, plot, plot.colours.values, look, options)
            _draw_lines(one, plot, lines)
        elif plot.view == "overlay_individual":
            shown = _draw_surroundings(one, plot, plot.colours.values[channel], look, options)
            one.plot(plot.times, plot.series[channel], **_ink(one, plot) | lines)
            one.margins(y=MARGIN)
        else:
            shown = _draw_coloured_line(one, plot, channel, options, lines)
        _set_ends(one, plot)
        if plot.names and not together:
            one.set_ylabel(plot.names[channel])
    if look.title:
        axes[0].set_title(look.title)
    if canvas.drawn is None and len(axes) > 1:
        figure.subplots_adjust(hspace=0)
    if look.colour_bar:
        draw_colour_bar(figure, list(axes), shown, look.theme)
    canvas.show()
    return figure, axes


def _draw_surroundings(
    axes: Axes, plot: SeriesPlot, values: Array, look: Look, options: dict[str, Any]
) -> PolyCollection:
    """Colour what is around each step, from the bottom to the top."""
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import Normalize

    sides = zip(plot.edges[:-1], plot.edges[1:], strict=True)
    spans = PolyCollection(
        [[(start, 0), (start, 1), (end, 1), (end, 0)] for start, end in sides],
        array=np.ma.masked_invalid(values),
        cmap=options["cmap"],
        norm=Normalize(options["vmin"], options["vmax"]),
        alpha=look.opacity,
        linewidths=0,
        antialiaseds=False,  # or light lines show between them
        transform=axes.get_xaxis_transform(),
        zorder=0,
    )
    axes.add_collection(spans, autolim=False)
    return spans


def _draw_lines(axes: Axes, plot: SeriesPlot, lines: dict[str, Any]) -> None:
    """Draw all channels, in colours that tell them apart."""
    from matplotlib import colormaps

    colours = colormaps["Dark2"].colors  # type: ignore[attr-defined]  # of a listed map
    for channel, series in enumerate(plot.series):
        name = {"label": plot.names[channel]} if plot.names else {}
        axes.plot(plot.times, series, **_ink(axes, plot) | {"color": colours[channel % len(colours)]} | name | lines)
    if plot.names:
        axes.legend(loc="best", facecolor=axes.get_facecolor(), labelcolor=axes.xaxis.label.get_color())


def _ink(axes: Axes, plot: SeriesPlot) -> dict[str, Any]:
    """What a line is drawn with: the colour of letters, which is readable on all others; and a dot if it is a point."""
    return {"color": axes.xaxis.label.get_color(), "marker": "o" if len(plot.times) == 1 else ""}


def _draw_coloured_line(
    axes: Axes, plot: SeriesPlot, channel: int, options: dict[str, Any], lines: dict[str, Any]
) -> LineCollection:
    """Draw a channel as a line that has the colour of each step from there to the next."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import Normalize

    series, values = plot.series[channel], plot.colours.values[channel]
    points = np.column_stack([plot.times, series])
    segments = np.stack([points[:-1], points[1:]], axis=1)
    norm = Normalize(options["vmin"], options["vmax"])
    line = LineCollection(list(segments), cmap=options["cmap"], norm=norm, **lines)
    line.set_array(np.ma.masked_invalid(values[: len(segments)]))
    axes.add_collection(line)
    # A line around it, or the colour of zero could not be told from the background.
    width = float(np.max(line.get_linewidth())) + OUTLINE
    axes.plot(plot.times, series, **_ink(axes, plot) | {"color": LIGHT.neutral, "linewidth": width, "zorder": 1})
    low, high = float(np.nanmin(series)), float(np.nanmax(series))
    margin = MARGIN * (high - low) or 1.0
    axes.set_ylim(low - margin, high + margin)
    return line


def _set_ends(axes: Axes, plot: SeriesPlot) -> None:
    """Let the axis reach from the first step to the last."""
    ends = plot.times if len(plot.times) > 1 else plot.edges
    axes.set_xlim(float(ends[0]), float(ends[-1]))
