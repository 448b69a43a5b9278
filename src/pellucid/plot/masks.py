"""Masks of images: their borders and their names, drawn over an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from pellucid.core.counts import check_count
from pellucid.core.summaries import Summarized, summary
from pellucid.errors import InvalidArgument
from pellucid.plot.arrays import Array, as_array, check_fraction
from pellucid.plot.canvas import matplotlib_needed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AxesLike: TypeAlias = "Axes"
ColourLike: TypeAlias = "str | Array | tuple[float, ...]"
"""A colour of Matplotlib's: a name, `#rrggbb`, or levels from 0 to 1 of red, green, blue and, perhaps, opacity."""


@dataclass(frozen=True)
class Label(Summarized):
    """How a name is written: in a box with round corners."""

    size: float = 10
    colour: ColourLike = "white"
    box_colour: ColourLike = "black"
    box_opacity: float = 0.6

    def __post_init__(self) -> None:
        check_fraction("box_opacity", self.box_opacity, 1)


def border(mask: object, width: int) -> Array:
    """The pixels of a mask that lie within some pixels of its edge, counted along rows and columns.

    Args:
        mask: Booleans (H, W); what lies beyond the image is outside of it.
        width: How many pixels, or none.
    """
    inside = whole = _pixels_of(mask)
    for _ in range(check_count("width", width, least=0)):
        if not inside.any():
            break
        around = np.pad(inside, 1)
        inside = inside & around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return whole & ~inside


def middle(mask: object) -> tuple[float, float] | None:
    """The mean column and row of a mask, or None where it is empty."""
    rows, columns = np.nonzero(_pixels_of(mask))
    return (float(columns.mean()), float(rows.mean())) if len(rows) else None


def draw_border(axes: Axes, mask: object, width: int = 1, colour: ColourLike = "black") -> None:
    """Draw the border of a mask."""
    edge = border(mask, width)
    if edge.any():
        axes.imshow(edge[:, :, None] * _levels_of(colour))


def draw_name(axes: Axes, mask: object, name: str, label: Label) -> None:
    """Write a name in the middle of a mask."""
    place = middle(mask)
    if place is not None:
        box = {"boxstyle": "round", "facecolor": label.box_colour, "alpha": label.box_opacity}
        axes.text(
            *place, name, fontsize=label.size, color=label.colour, ha="center", va="center", bbox=box, parse_math=False
        )


def _pixels_of(mask: object) -> Array:
    pixels = as_array("mask", mask)
    if pixels.ndim != 2:
        raise InvalidArgument(f"mask must be of shape (H, W): got {summary(pixels)}.")
    if not np.isin(pixels, (0, 1)).all():
        raise InvalidArgument(
            f"mask must be of booleans, or of zeros and ones: got others in {summary(pixels)}. "
            "Hint: mask == 1 is the mask of the feature 1."
        )
    return pixels.astype(bool)


def _levels_of(colour: ColourLike) -> Array:
    with matplotlib_needed():
        from matplotlib.colors import to_rgba
    try:
        return np.array(to_rgba(colour if isinstance(colour, str) else tuple(colour)))
    except (ValueError, TypeError) as error:
        raise InvalidArgument(f"colour must be one that Matplotlib knows: got {summary(colour)}.") from error
