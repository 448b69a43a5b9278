"""The charts: plain data, and where their marks are; one kind a file."""

from pellucid.plot.charts.bars import Bars
from pellucid.plot.charts.base import Body, Chart, Limits
from pellucid.plot.charts.decision import Decision
from pellucid.plot.charts.force import Force
from pellucid.plot.charts.grouped import GroupedBars
from pellucid.plot.charts.histogram import Histogram, centred_bins
from pellucid.plot.charts.matrix import Matrix
from pellucid.plot.charts.panels import Panels
from pellucid.plot.charts.scatter import Scatter
from pellucid.plot.charts.spread import Beeswarm, Violins
from pellucid.plot.charts.waterfall import Waterfall

__all__ = [
    "Bars",
    "Beeswarm",
    "Body",
    "Chart",
    "Decision",
    "Force",
    "GroupedBars",
    "Histogram",
    "Limits",
    "Matrix",
    "Panels",
    "Scatter",
    "Violins",
    "Waterfall",
    "centred_bins",
]
