"""Charts, images, time series and texts as plain data, drawn with Matplotlib or written as HTML, light or dark."""

from pellucid.plot.canvas import Canvas
from pellucid.plot.chart import Bars, Chart, Histogram, Panels, Scatter, centred_bins, signed
from pellucid.plot.charts.curves import Curve, Curves
from pellucid.plot.charts.interaction_circle import InteractionCircle, Pair
from pellucid.plot.charts.map_views import MapView, Panel
from pellucid.plot.charts.picture_grid import PictureGrid
from pellucid.plot.charts.series_panels import PanelView, SeriesPanels
from pellucid.plot.charts.token_texts import TextRow, Token, TokenTexts
from pellucid.plot.coloured_series import draw_series
from pellucid.plot.figure import draw, save
from pellucid.plot.heat_maps import Look, draw_images, pixels
from pellucid.plot.images import ImagePlot, image_plot
from pellucid.plot.masks import Label, draw_border, draw_name
from pellucid.plot.normalization import ScaledValues, Scaling
from pellucid.plot.of_images import image, images_side_by_side
from pellucid.plot.of_pairs import interaction_network
from pellucid.plot.of_rounds import convergence
from pellucid.plot.of_series import Channels, timeseries
from pellucid.plot.of_texts import tokens, tokens_side_by_side
from pellucid.plot.scale import Scale
from pellucid.plot.text import Html
from pellucid.plot.text_table import TextRecord, text_table
from pellucid.plot.theme import DARK, LIGHT, Theme
from pellucid.plot.timeseries import SeriesAxis, SeriesPlot, series_plot

__all__ = [
    "DARK",
    "LIGHT",
    "Bars",
    "Canvas",
    "Channels",
    "Chart",
    "Curve",
    "Curves",
    "Histogram",
    "Html",
    "ImagePlot",
    "InteractionCircle",
    "Label",
    "Look",
    "MapView",
    "Pair",
    "Panel",
    "PanelView",
    "Panels",
    "PictureGrid",
    "Scale",
    "ScaledValues",
    "Scaling",
    "Scatter",
    "SeriesAxis",
    "SeriesPanels",
    "SeriesPlot",
    "TextRecord",
    "TextRow",
    "Theme",
    "Token",
    "TokenTexts",
    "centred_bins",
    "convergence",
    "draw",
    "draw_border",
    "draw_images",
    "draw_name",
    "draw_series",
    "image",
    "image_plot",
    "images_side_by_side",
    "interaction_network",
    "pixels",
    "save",
    "series_plot",
    "signed",
    "text_table",
    "timeseries",
    "tokens",
    "tokens_side_by_side",
]
