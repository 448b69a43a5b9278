"""Charts drawn with Matplotlib, without pyplot and without global settings."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.plot.canvas import matplotlib_needed
from pellucid.plot.chart import Bars, Chart, Histogram, Panels, Scatter, signed
from pellucid.plot.theme import LIGHT, Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT, FURTHER_ROW = 8.0, 4.5, 2.2  # inches
MARGIN = 0.12  # inches
TITLE: dict[str, Any] = {"fontsize": 13, "fontweight": "bold"}
LABEL_SIZE = 11
LARGEST_DOT = 1600.0  # square points
SMALLEST_BAR = 0.6  # the start of a logarithmic count axis, below one, so that a single count has a bar


def draw(chart: Chart | Panels, theme: Theme = LIGHT) -> "Figure":
    """Draw a chart, or several as panels, in the colours of a theme."""
    if isinstance(chart, Panels):
        return _draw_panels(chart, theme)
    figure = _new_figure(theme)
    axes = figure.add_subplot()
    _draw_chart(axes, chart, theme)
    axes.set_title(chart.title, loc="left", color=theme.text, pad=12, **TITLE)
    axes.set_xlabel(chart.x_label, color=theme.text, fontsize=LABEL_SIZE, labelpad=8)
    axes.set_ylabel(chart.y_label, color=theme.text, fontsize=LABEL_SIZE, labelpad=8)
    return figure


def save(chart: Chart | Panels, path: Path | str, theme: Theme = LIGHT, *, dpi: int = 150) -> None:
    """Draw a chart and write it as a PNG; the same chart gives the same bytes."""
    draw(chart, theme).savefig(path, format="png", dpi=dpi, metadata={"Software": None})


def _new_figure(theme: Theme, rows: int = 1) -> "Figure":
    with matplotlib_needed():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    size = (WIDTH, HEIGHT + (rows - 1) * FURTHER_ROW)
    figure = Figure(
        figsize=size, facecolor=theme.background, layout=ConstrainedLayoutEngine(w_pad=MARGIN, h_pad=MARGIN)
    )
    FigureCanvasAgg(figure)
    return figure


def _draw_panels(panels: Panels, theme: Theme) -> "Figure":
    figure = _new_figure(theme, panels.rows)
    grid = figure.subplots(panels.rows, panels.columns, sharex=True, sharey=True, squeeze=False)
    for axes, chart in zip(grid.flat, panels.charts, strict=True):
        _draw_chart(axes, chart, theme)
        axes.set_title(chart.title, loc="left", color=theme.text, fontsize=LABEL_SIZE, pad=8)
        axes.locator_params(axis="x", nbins=5, steps=[1, 2, 5, 10])
        axes.tick_params(axis="x", pad=6)  # clear of the lowest label of the y axis
        axes.margins(x=panels.columns * axes.margins()[0])  # the numbers are as long as on a wide chart
        for number in axes.texts:
            number.set_fontsize(9)
    figure.suptitle(panels.title, x=MARGIN / WIDTH, horizontalalignment="left", color=theme.text, **TITLE)
    figure.supxlabel(panels.x_label, color=theme.text, fontsize=LABEL_SIZE)
    figure.supylabel(panels.y_label, color=theme.text, fontsize=LABEL_SIZE)
    return figure


def _draw_chart(axes: "Axes", chart: Chart, theme: Theme) -> None:
    _lay_out(axes, theme)
    match chart:
        case Bars():
            _draw_bars(axes, chart, theme)
        case Histogram():
            _draw_histogram(axes, chart, theme)
        case Scatter():
            _draw_scatter(axes, chart, theme)
        case _:
            raise TypeError(f"chart: expected Bars, Histogram or Scatter, got {type(chart).__name__}")


def _lay_out(axes: "Axes", theme: Theme) -> None:
    axes.set_facecolor(theme.background)
    axes.tick_params(colors=theme.text, labelsize=10, length=0)
    axes.spines[:].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(color=theme.faint, linewidth=0.8)


def _draw_bars(axes: "Axes", chart: Bars, theme: Theme) -> None:
    colours = [theme.by_sign(value) for value in chart.values]
    bars = axes.barh(chart.names, chart.values, color=colours, height=0.7)
    axes.bar_label(bars, labels=[signed(value) for value in chart.values], padding=4, color=theme.text, fontsize=10)
    axes.yaxis.set_inverted(True)  # sets, rather than toggles, as panels share the axis
    axes.grid(visible=False, axis="y")
    axes.axvline(0, color=theme.text, linewidth=1)
    axes.margins(x=0.12, y=0.02)  # sideways, room for the numbers


def _draw_histogram(axes: "Axes", chart: Histogram, theme: Theme) -> None:
    edges = np.array(chart.edges)
    middles = (edges[:-1] + edges[1:]) / 2
    colours = [theme.by_sign(middle) for middle in middles]
    bars = axes.bar(middles, chart.counts, width=0.9 * np.diff(edges), color=colours)
    numbers = [str(count) if count else "" for count in chart.counts]
    axes.bar_label(bars, labels=numbers, padding=3, color=theme.text, fontsize=10)
    axes.grid(visible=False, axis="x")
    if chart.logarithmic:
        axes.set_yscale("log")
        axes.set_ylim(bottom=SMALLEST_BAR)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
    axes.margins(x=0.02, y=0.1)


def _draw_scatter(axes: "Axes", chart: Scatter, theme: Theme) -> None:
    largest = max(chart.sizes, default=1.0)
    area_per_size = LARGEST_DOT / largest
    areas = [area_per_size * size for size in chart.sizes]
    axes.axhline(0, color=theme.text, linewidth=1)
    # Above the lines, whose zorder is 2.
    axes.scatter(chart.x, chart.y, s=areas, c=[theme.by_sign(y) for y in chart.y], edgecolors="none", zorder=3)
    axes.margins(x=0.08, y=0.15)
    examples = [
        axes.scatter([], [], s=area_per_size * size, c=theme.neutral, edgecolors="none", label=f"{size:g}")
        for size in _example_sizes(largest)
    ]
    legend = axes.legend(
        handles=examples,
        title=chart.size_label,
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
        labelspacing=2.4,
        handletextpad=1.6,
        borderpad=1.2,
        frameon=False,
        labelcolor=theme.text,
    )
    legend.get_title().set_color(theme.text)


def _example_sizes(largest: float) -> list[float]:
    """Choose three round sizes up to the largest, each about a fourth of the next."""
    power = np.floor(np.log10(largest))
    steps = [digit * 10.0**exponent for exponent in (power - 2, power - 1, power) for digit in (1, 2, 5)]
    return [step for step in steps if step <= largest][-5::2]
