"""Charts, images, time series and texts as plain data, drawn with Matplotlib or written as HTML, light or dark."""

from pellucid.plot.axis import signed
from pellucid.plot.canvas import Canvas
from pellucid.plot.charts import Bars, Body, Chart, Histogram, Limits, Panels, Scatter, Waterfall, centred_bins
from pellucid.plot.coloured_series import draw_series
from pellucid.plot.heat_maps import Look, draw_images, pixels
from pellucid.plot.images import ImagePlot, image_plot
from pellucid.plot.masks import Label, draw_border, draw_name
from pellucid.plot.normalization import ScaledValues, Scaling
from pellucid.plot.text import Html
from pellucid.plot.text_table import TextRecord, text_table
from pellucid.plot.theme import DARK, LIGHT, Theme
from pellucid.plot.timeseries import SeriesAxis, SeriesPlot, series_plot

__all__ = [
    "DARK",
    "LIGHT",
    "Bars",
    "Body",
    "Canvas",
    "Chart",
    "Histogram",
    "Html",
    "ImagePlot",
    "Label",
    "Limits",
    "Look",
    "Panels",
    "ScaledValues",
    "Scaling",
    "Scatter",
    "SeriesAxis",
    "SeriesPlot",
    "TextRecord",
    "Theme",
    "Waterfall",
    "centred_bins",
    "draw_border",
    "draw_images",
    "draw_name",
    "draw_series",
    "image_plot",
    "pixels",
    "series_plot",
    "signed",
    "text_table",
]
