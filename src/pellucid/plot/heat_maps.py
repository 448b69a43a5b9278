"""Attributions of images, drawn with Matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.core.summaries import Summarized
from pellucid.plot.arrays import Array, check_fraction
from pellucid.plot.canvas import Canvas, colour_axes, matplotlib_needed
from pellucid.plot.colours import ColourMapLike, colour_map, theme_of
from pellucid.plot.images import ImagePlot
from pellucid.plot.normalization import ScaledValues
from pellucid.plot.theme import LIGHT, Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure

BAR_HEIGHT, BAR_GAP = "5%", 0.1
"""Of a colour bar: its height as a part of the axes', and its distance in inches."""


@dataclass(frozen=True)
class Look(Summarized):
    """How a map of attributions looks.

    Args:
        colours: The colour map.
        opacity: That of colours over something else, from 0 to 1.
        colour_bar: Whether a bar of the colours and their values is drawn below.
        title: What is written above.
        theme: The colours of the background, of letters and of the map; None leaves those of Matplotlib's settings, and
            takes a map that suits the background.
    """

    colours: ColourMapLike = None
    opacity: float = 0.5
    colour_bar: bool = False
    title: str | None = None
    theme: Theme | None = None

    def __post_init__(self) -> None:
        check_fraction("opacity", self.opacity, 1)


def draw_images(plots: Sequence[ImagePlot], looks: Sequence[Look], canvas: Canvas) -> tuple[Figure, list[Axes]]:
    """Draw images side by side, each with its look; the first one's theme is that of the figure."""
    for plot, look in zip(plots, looks, strict=True):
        if plot.heat is not None:
            with matplotlib_needed():
                colour_map(look.colours, plot.heat.sign, LIGHT)  # an unknown name shows before there is a figure
    figure, axes = canvas.subplots(1, len(plots), theme=looks[0].theme)
    for plot, look, one in zip(plots, looks, axes, strict=True):
        _draw_image(figure, one, plot, look)
    if len(plots) > 1:
        figure.tight_layout()
    canvas.show()
    return figure, list(axes)


def pixels(plot: ImagePlot, look: Look) -> Array:
    """What is drawn, without a figure: levels (H, W, 3), or (H, W, 4) with opacities, from 0 to 255."""
    if plot.heat is None:
        return np.asarray(plot.colours)
    with matplotlib_needed():
        from matplotlib.colors import Normalize

        colours = colour_map(look.colours, plot.heat.sign, look.theme or LIGHT)
    low, high = plot.heat.limits
    colours_of_values = colours(Normalize(low, high)(np.ma.masked_invalid(plot.heat.values)))
    if plot.grey is not None:
        below = Normalize()(plot.grey).filled(0)[:, :, None]
        opacities = look.opacity * colours_of_values[:, :, 3:]
        colours_of_values[:, :, :3] = opacities * colours_of_values[:, :, :3] + (1 - opacities) * below
        colours_of_values[:, :, 3] = 1
    levels: Array = np.rint(colours_of_values * 255).astype(np.uint8)
    return levels


def draw_colour_bar(figure: Figure, axes: Sequence[Axes], shown: ScalarMappable, theme: Theme | None) -> None:
    """Draw the bar of colours below axes, which all become lower."""
    bar = figure.colorbar(shown, ax=axes, orientation="horizontal", fraction=0.05, pad=0.1, aspect=40)
    _colour_bar(bar, theme)


def _draw_bar_of_image(figure: Figure, axes: Axes, shown: ScalarMappable | None, theme: Theme | None) -> None:
    """Draw the bar of colours below an image, as wide as it; where there are no colours, a space as large."""
    from mpl_toolkits.axes_grid1 import make_axes_locatable  # type: ignore[import-untyped]

    below = make_axes_locatable(axes).append_axes("bottom", size=BAR_HEIGHT, pad=BAR_GAP)
    if shown is None:
        below.axis("off")
    else:
        _colour_bar(figure.colorbar(shown, orientation="horizontal", cax=below), theme)


def _colour_bar(bar: Colorbar, theme: Theme | None) -> None:
    if theme is not None:
        colour_axes(bar.ax, theme)
        bar.outline.set_edgecolor(theme.faint)


def heat_options(values: ScaledValues, look: Look, figure: Figure) -> dict[str, Any]:
    """How Matplotlib is to colour values."""
    low, high = values.limits
    return {"cmap": colour_map(look.colours, values.sign, look.theme or theme_of(figure)), "vmin": low, "vmax": high}


def _draw_image(figure: Figure, axes: Axes, plot: ImagePlot, look: Look) -> None:
    axes.tick_params(bottom=False, left=False, labelbottom=False, labelleft=False)
    axes.grid(visible=False)
    shown = None
    if plot.colours is not None:
        axes.imshow(plot.colours)
    if plot.grey is not None:
        axes.imshow(plot.grey, cmap="gray")
    if plot.heat is not None:
        opacity = None if plot.grey is None else look.opacity
        shown = axes.imshow(plot.heat.values, alpha=opacity, **heat_options(plot.heat, look, figure))
    if look.colour_bar:
        _draw_bar_of_image(figure, axes, shown, look.theme)
    if look.title:
        axes.set_title(look.title)
