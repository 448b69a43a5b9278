"""Pictures: plain data first, then drawn as SVG, with Matplotlib or in characters, light or dark.

Functions of an explanation, such as [waterfall][pellucid.plot.waterfall], return a chart, which notebooks and terminals
show; `explanation.plot` has the same functions. What Captum's `visualization` draws is here, too.
"""

from pellucid.plot.axis import signed
from pellucid.plot.canvas import Canvas
from pellucid.plot.charts import (
    Bars,
    Beeswarm,
    Chart,
    Decision,
    Force,
    GroupedBars,
    Histogram,
    Limits,
    Matrix,
    Panels,
    Scatter,
    Violins,
    Waterfall,
    centred_bins,
)
from pellucid.plot.charts.curves import Curve, Curves
from pellucid.plot.charts.interaction_circle import InteractionCircle, Pair
from pellucid.plot.charts.map_views import MapView, Panel
from pellucid.plot.charts.picture_grid import PictureGrid
from pellucid.plot.charts.series_panels import PanelView, SeriesPanels
from pellucid.plot.charts.token_texts import TextRow, Token, TokenTexts
from pellucid.plot.coloured_series import draw_series
from pellucid.plot.comparisons import cohorts, layers, methods
from pellucid.plot.dependence import scatter
from pellucid.plot.heat_maps import Look, draw_images, pixels
from pellucid.plot.images import image_plot
from pellucid.plot.masks import Label, draw_border, draw_name
from pellucid.plot.matrices import interactions, token_matrix
from pellucid.plot.normalization import Scaling
from pellucid.plot.of_images import image, images_side_by_side
from pellucid.plot.of_many import beeswarm, decision, distributions, heatmap, violin
from pellucid.plot.of_one import bar, force, waterfall
from pellucid.plot.of_pairs import interaction_network
from pellucid.plot.of_rounds import convergence
from pellucid.plot.of_series import Channels, timeseries
from pellucid.plot.of_texts import tokens, tokens_side_by_side
from pellucid.plot.scale import Scale
from pellucid.plot.text import Html
from pellucid.plot.text_table import TextRecord, text_table
from pellucid.plot.theme import DARK, LIGHT, Theme
from pellucid.plot.timeseries import SeriesAxis, series_plot

__all__ = [
    "DARK",
    "LIGHT",
    "Bars",
    "Beeswarm",
    "Canvas",
    "Channels",
    "Chart",
    "Curve",
    "Curves",
    "Decision",
    "Force",
    "GroupedBars",
    "Histogram",
    "Html",
    "InteractionCircle",
    "Label",
    "Limits",
    "Look",
    "MapView",
    "Matrix",
    "Pair",
    "Panel",
    "PanelView",
    "Panels",
    "PictureGrid",
    "Scale",
    "Scaling",
    "Scatter",
    "SeriesAxis",
    "SeriesPanels",
    "TextRecord",
    "TextRow",
    "Theme",
    "Token",
    "TokenTexts",
    "Violins",
    "Waterfall",
    "bar",
    "beeswarm",
    "centred_bins",
    "cohorts",
    "convergence",
    "decision",
    "distributions",
    "draw_border",
    "draw_images",
    "draw_name",
    "draw_series",
    "force",
    "heatmap",
    "image",
    "image_plot",
    "images_side_by_side",
    "interaction_network",
    "interactions",
    "layers",
    "methods",
    "pixels",
    "scatter",
    "series_plot",
    "signed",
    "text_table",
    "timeseries",
    "token_matrix",
    "tokens",
    "tokens_side_by_side",
    "violin",
    "waterfall",
]
