"""What is drawn of attributions of pixels, and of the picture they are of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from pellucid.core.summaries import Summarized
from pellucid.plot.arrays import Array
from pellucid.plot.colours import read
from pellucid.plot.raster import blended, grey, hatched, opaque, outlined, photograph, resized, size_shown, smoothed
from pellucid.plot.scale import Scale
from pellucid.plot.theme import Theme

MapView: TypeAlias = Literal["overlay", "heat_map", "contour", "masked", "alpha", "original"]
"""How attributions are shown: colours over the picture in grey, colours alone, lines around the regions of the largest
ones, the picture as far as they light it, the picture as far as they let it be seen, or the picture without them."""

CONTOUR = 0.4
"""Lines surround what is above this share of the largest of a map."""

COLOURED: tuple[MapView, ...] = ("overlay", "heat_map")
"""The views whose colours stand for numbers."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel(Summarized):
    """A picture, or a map, or one over the other.

    Args:
        label: What stands above it.
        picture: Levels uint8 (H, W, 3); None where there is none.
        values: Attributions (h, w); None for the picture alone.
        scale: What their colours stand for.
        view: How they are shown.
    """

    label: str
    picture: Array | None = None
    values: Array | None = None
    scale: Scale | None = None
    view: MapView = "overlay"

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the picture, or else of the map."""
        array = self.values if self.picture is None else self.picture
        return (1, 1) if array is None else (array.shape[0], array.shape[1])

    def pixels(self, shown_width: float, theme: Theme) -> Array:
        """What is drawn, uint8 (rows, columns, 4).

        Args:
            shown_width: How wide it is on the page.
            theme: Where colours come from.
        """
        size = size_shown(*self.shape, shown_width)
        if self.values is None or self.scale is None or self.view == "original":
            return photograph(resized(_levels_of(self.picture, size), *size))
        values = resized(self.values, *size)
        shares = self.scale.shares(values)
        if self.picture is None or self.view == "heat_map":
            drawn = _heat_map(shares, self, shown_width, theme)
        else:
            drawn = _DRAWN[self.view](resized(self.picture, *size).astype(float), shares, self, shown_width, theme)
        drawn[~np.isfinite(values)] = 0
        return drawn


MOST_COVERED = 0.72
"""How opaque a map may be where it lies over a picture, which is to be seen below all of it."""


def _levels_of(picture: Array | None, size: tuple[int, int]) -> Array:
    return np.full((*size, 3), 128.0) if picture is None else picture


def _overlay(picture: Array, shares: Array, panel: Panel, shown_width: float, theme: Theme) -> Array:
    sizes = np.abs(np.nan_to_num(shares))
    colours = _colours(shares, panel, theme)
    # What is next to nothing lets the picture be seen, faint enough for colours to stand out.
    faint = 0.55 * grey(picture) + 0.45 * read(theme.background)
    levels = blended(faint, colours, np.minimum(MOST_COVERED, 2.5 * sizes))
    return opaque(hatched(levels, _against(shares, panel), shown_width))


def _heat_map(shares: Array, panel: Panel, shown_width: float, theme: Theme) -> Array:
    levels = _colours(shares, panel, theme)
    return opaque(hatched(levels, _against(shares, panel), shown_width))


def _contour(picture: Array, shares: Array, panel: Panel, shown_width: float, theme: Theme) -> Array:
    smooth = smoothed(shares, round(shares.shape[1] / 32))
    level = CONTOUR * float(np.abs(np.nan_to_num(smooth)).max(initial=0.0))
    levels = picture
    if level > 0:
        for sign, colour in ((1, theme.positive), (-1, theme.negative)):
            is_against = sign < 0 or (panel.scale is not None and panel.scale.sign == "negative")
            shade = theme.negative if is_against else colour
            where = np.nan_to_num(sign * smooth) > level
            levels = outlined(levels, where, read(shade), shown_width, dashed=is_against)
    return photograph(levels)


def _masked(picture: Array, shares: Array, panel: Panel, shown_width: float, theme: Theme) -> Array:
    levels = picture * np.abs(np.nan_to_num(shares))[:, :, None]
    return opaque(hatched(levels, _against(shares, panel), shown_width))


def _alpha(picture: Array, shares: Array, panel: Panel, shown_width: float, theme: Theme) -> Array:
    pixels = opaque(hatched(picture, _against(shares, panel), shown_width))
    pixels[:, :, 3] = np.rint(np.abs(np.nan_to_num(shares)) * 255)
    return pixels


def _colours(shares: Array, panel: Panel, theme: Theme) -> Array:
    scale = panel.scale or Scale(largest=1.0)
    return scale.levels(shares, theme).astype(float)


def _against(shares: Array, panel: Panel) -> Array:
    scale = panel.scale or Scale(largest=1.0)
    return scale.is_against(shares)


_DRAWN = {
    "overlay": _overlay,
    "contour": _contour,
    "masked": _masked,
    "alpha": _alpha,
}
