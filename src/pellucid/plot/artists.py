"""Scenes drawn with Matplotlib, without pyplot and without global settings."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pellucid.plot.canvas import matplotlib_needed
from pellucid.plot.lettering import printable
from pellucid.plot.scene import Dot, Line, Mark, Pixels, Polygon, Rectangle, Scene, Text, dashes_of, hatching

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AxesOrNone: TypeAlias = "Axes | None"
"""The axes to draw in; None for a new figure."""

PIXELS, POINTS = 96.0, 72.0
"""How many of a page's pixels, and of a font's points, there are in an inch."""

ALIGNMENT = {"start": "left", "middle": "center", "end": "right"}
VERTICAL = {"start": "bottom", "middle": "center", "end": "top"}


FAMILIES = (
    "DejaVu Sans",
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei", "Droid Sans Fallback"),
    *("Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo"),
    *("Arial Unicode MS", "Noto Sans", "Noto Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Symbola"),
)
"""The fonts that letters are taken from: the first of these that is there and has one."""


@functools.cache
def font_families() -> tuple[str, ...]:
    """Those of these fonts that Matplotlib finds, which complains of others."""
    from matplotlib.font_manager import fontManager

    there = set(fontManager.get_font_names())
    return FAMILIES[:1] + tuple(family for family in FAMILIES[1:] if family in there)


def save_figure(figure: Figure, path: Path, **options: Any) -> None:
    """Write a figure; that no font has a letter is a warning, also where warnings are errors.

    Args:
        figure: The figure.
        path: Where.
        options: What else Matplotlib's `savefig` takes.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("default", message="Glyph .* missing from ")
        figure.savefig(path, **options)


def new_figure(width: float, height: float) -> Figure:
    """A figure of a size in pixels of a page, which pyplot does not know of."""
    with matplotlib_needed():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    figure = Figure(figsize=(width / PIXELS, height / PIXELS))
    FigureCanvasAgg(figure)
    return figure


def width_of_axes(axes: Axes) -> float:
    """The width of axes in pixels of a page."""
    return float(axes.get_window_extent().width / axes.figure.dpi * PIXELS)


def draw_scene(scene: Scene, axes: AxesOrNone = None) -> Figure:
    """Draw a scene in a figure of its size, or in axes, at the size that fits.

    Args:
        scene: What is drawn.
        axes: Where; None makes a figure.

    Returns:
        The figure.
    """
    if axes is None:
        figure = new_figure(scene.width, scene.height)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        figure.set_facecolor(scene.background)
    axes.set_xlim(0, scene.width)
    axes.set_ylim(scene.height, 0)
    axes.set_aspect("equal", anchor="NW")
    axes.set_axis_off()
    extent = axes.get_window_extent()
    dots = min(extent.width / scene.width, extent.height / scene.height)  # per unit of the scene
    points = float(dots / axes.figure.dpi * POINTS)
    for level, mark in enumerate(scene.marks):
        _draw(mark, axes, points, scene, {"zorder": 2 + level / 1e4, "clip_on": False})
    return axes.figure  # type: ignore[return-value]  # of axes in a part of a figure, that part


@functools.singledispatch
def _draw(mark: Mark, axes: Axes, points: float, scene: Scene, look: dict[str, Any]) -> None:
    raise TypeError(f"no mark: {type(mark).__name__}")


@_draw.register
def _rectangle(mark: Rectangle, axes: Any, points: float, scene: Scene, look: dict[str, Any]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle as Patch

    axes.add_artist(Patch((mark.x, mark.y), mark.width, mark.height, facecolor=mark.fill, linewidth=0, **look))
    for (x, y), (x_end, y_end) in hatching(mark) if mark.hatched else ():
        axes.add_artist(Line2D([x, x_end], [y, y_end], color=scene.background, linewidth=points, alpha=0.55, **look))


@_draw.register
def _line(mark: Line, axes: Any, points: float, scene: Scene, look: dict[str, Any]) -> None:
    from matplotlib.lines import Line2D

    # Matplotlib gives dashes in widths of the line.
    style: Any = (0, tuple(length / mark.width for length in dashes_of(mark))) if mark.dashed else "-"
    xs, ys = zip(*mark.places, strict=True)
    axes.add_artist(Line2D(xs, ys, color=mark.colour, linewidth=mark.width * points, linestyle=style, **look))


@_draw.register
def _polygon(mark: Polygon, axes: Any, points: float, scene: Scene, look: dict[str, Any]) -> None:
    from matplotlib.patches import Polygon as Patch

    axes.add_artist(Patch(mark.places, closed=True, facecolor=mark.fill, alpha=mark.opacity, linewidth=0, **look))


@_draw.register
def _dot(mark: Dot, axes: Any, points: float, scene: Scene, look: dict[str, Any]) -> None:
    from matplotlib.patches import Circle

    fill, edge = (scene.background, 1.5 * points) if mark.hollow else (mark.fill, 0.0)
    axes.add_artist(Circle((mark.x, mark.y), mark.radius, facecolor=fill, edgecolor=mark.fill, linewidth=edge, **look))


@_draw.register
def _text(mark: Text, axes: Any, points: float, scene: Scene, look: dict[str, Any]) -> None:
    horizontal, vertical = ALIGNMENT[mark.anchor], "center_baseline"
    if mark.upright:
        horizontal, vertical = "center", VERTICAL[mark.anchor]
    text = axes.text(
        mark.x,
        mark.y,
        printable(mark.text),
        color=mark.colour,
        fontsize=scene.letter * mark.scale * points,
        fontweight="bold" if mark.bold else "normal",
        fontfamily=font_families(),
        horizontalalignment=horizontal,
        verticalalignment=vertical,
        rotation=90 if mark.upright else 0,
        parse_math=False,
        **look,
    )
    text.set_in_layout(False)


@_draw.register
def _pixels(mark: Pixels, axes: Any, points: float, scene: Scene, look: dict[str, Any]) -> None:
    from matplotlib.image import AxesImage

    edges = (mark.x, mark.x + mark.width, mark.y + mark.height, mark.y)
    image = AxesImage(axes, extent=edges, interpolation="nearest", origin="upper", zorder=look["zorder"])
    image.set_data(mark.levels)
    image.set_clip_path(axes.patch)
    axes.add_image(image)
