"""Plain chart data, drawn with Matplotlib in a light or a dark theme."""

from pellucid.plot.chart import Bars, Chart, Histogram, Panels, Scatter, centred_bins, signed
from pellucid.plot.figure import draw, save
from pellucid.plot.theme import DARK, LIGHT, Theme

__all__ = [
    "DARK",
    "LIGHT",
    "Bars",
    "Chart",
    "Histogram",
    "Panels",
    "Scatter",
    "Theme",
    "centred_bins",
    "draw",
    "save",
    "signed",
]
