"""Colours of values: maps for Matplotlib, and single colours for pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from pellucid.errors import UnknownName
from pellucid.plot.arrays import Array
from pellucid.plot.normalization import Sign
from pellucid.plot.theme import DARK, LIGHT, Theme

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import FigureBase

ColourMapLike: TypeAlias = "Colormap | str | None"
"""A colour map of Matplotlib's or its name; None for ours, `"captum"` for those of Captum, which are red and green."""

COLOURS = 257
"""How many a map has: an odd number, for zero to have its own."""

CAPTUMS = {"positive": "Greens", "negative": "Reds", "absolute_value": "Blues"}
CAPTUMS_DIVERGING = ("red", "white", "green")


def ramp(sign: Sign, theme: Theme) -> tuple[str, ...]:
    """The colours of a theme, from the lowest limit of values of a sign to the highest."""
    middle = len(theme.diverging) // 2
    match sign:
        case "all":
            return theme.diverging
        case "positive":
            return theme.diverging[middle:]
        case "negative":
            return theme.diverging[middle::-1]
        case _:
            return theme.magnitude


def colour_map(colours: ColourMapLike, sign: Sign, theme: Theme) -> Colormap:
    """The map of Matplotlib's that is meant, or else the one for values of a sign.

    Raises:
        UnknownName: There is none of this name.
    """
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap

    if colours is None:
        return LinearSegmentedColormap.from_list(f"{theme.name} {sign}", ramp(sign, theme), N=COLOURS)
    if colours == "captum" and sign == "all":
        return LinearSegmentedColormap.from_list("captum", CAPTUMS_DIVERGING)
    try:
        return colormaps.get_cmap(CAPTUMS[sign] if colours == "captum" else colours)
    except ValueError as error:
        raise UnknownName(
            f"colours must be the name of a map of Matplotlib's, 'captum' or None: got {colours!r}."
        ) from error


def theme_of(figure: FigureBase) -> Theme:
    """The theme whose colours suit the background of a figure."""
    from matplotlib.colors import to_rgba

    *colour, opacity = to_rgba(figure.get_facecolor())
    return DARK if opacity > 0.5 and _luminance(np.array(colour)) < 0.18 else LIGHT


def colour_of(share: float, theme: Theme) -> str:
    """The colour `#rrggbb` of a value between -1 and 1, in a theme."""
    return written(mixed(theme.diverging, np.array((share + 1) / 2)))


def colour_of_level(level: float, theme: Theme) -> str:
    """The colour `#rrggbb` of a number between 0, low, and 1, high; that of neither sign where it is NaN."""
    return theme.neutral if np.isnan(level) else written(mixed(theme.sequence, np.array(level)))


def colour_of_size(share: float, theme: Theme) -> str:
    """The colour `#rrggbb` of a size between 0 and 1, in a theme."""
    return written(mixed(theme.magnitude, np.array(share)))


def mixed(colours: tuple[str, ...], places: Array) -> Array:
    """The levels of colours between others, uint8 (..., 3).

    Args:
        colours: The others, as `#rrggbb`.
        places: From the first of them, 0, to the last, 1, of any shape.
    """
    stops = np.linspace(0, 1, len(colours))
    channels = [np.interp(places, stops, channel) for channel in np.stack([read(colour) for colour in colours], axis=1)]
    levels: Array = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return levels


def read(colour: str) -> Array:
    """The levels of `#rrggbb`, from 0 to 255, (3,)."""
    return np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)], dtype=float)


def written(levels: Array) -> str:
    """A colour `#rrggbb` of levels from 0 to 255, (3,)."""
    red, green, blue = levels.tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"


def readable_on(background: str) -> str:
    """Black or white, whichever has more contrast to a background `#rrggbb`: at least 4.58, so WCAG's AA."""
    luminance = _luminance(read(background) / 255)
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"


def _luminance(levels: Array) -> float:
    """The relative luminance of WCAG 2."""
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
