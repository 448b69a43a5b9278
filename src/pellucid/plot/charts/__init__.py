"""The charts: plain data, and where their marks are; one kind a file."""

from pellucid.plot.charts.bars import Bars
from pellucid.plot.charts.base import Body, Chart, Limits
from pellucid.plot.charts.histogram import Histogram, centred_bins
from pellucid.plot.charts.panels import Panels
from pellucid.plot.charts.scatter import Scatter
from pellucid.plot.charts.waterfall import Waterfall

__all__ = ["Bars", "Body", "Chart", "Histogram", "Limits", "Panels", "Scatter", "Waterfall", "centred_bins"]
