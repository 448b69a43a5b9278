"""Charts as plain data, independent of how they are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Chart:
    """The base of all charts: a title, and labels of the axes with their units."""

    title: str
    x_label: str
    y_label: str


@dataclass(frozen=True, kw_only=True)
class Bars(Chart):
    """One horizontal bar per name, the first on top; the sign of a value is its colour and its direction."""

    names: tuple[str, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        _check_lengths(names=len(self.names), values=len(self.values))


@dataclass(frozen=True, kw_only=True)
class Histogram(Chart):
    """Counts of values between consecutive edges; on a logarithmic axis rare values show beside common ones."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    logarithmic: bool = False

    def __post_init__(self) -> None:
        _check_lengths(counts=len(self.counts), gaps_between_edges=len(self.edges) - 1)


@dataclass(frozen=True, kw_only=True)
class Scatter(Chart):
    """Dots whose areas are proportional to their sizes."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    sizes: tuple[float, ...]
    size_label: str

    def __post_init__(self) -> None:
        _check_lengths(x=len(self.x), y=len(self.y), sizes=len(self.sizes))
        if not all(size > 0 for size in self.sizes):
            raise ValueError(f"sizes: expected positive numbers, got {min(self.sizes)}")


@dataclass(frozen=True, kw_only=True)
class Panels:
    """Charts of one kind in a grid, row by row, with shared axes and therefore shared labels."""

    title: str
    charts: tuple[Chart, ...]
    columns: int = 2

    def __post_init__(self) -> None:
        if len({(type(chart), chart.x_label, chart.y_label) for chart in self.charts}) != 1:
            raise ValueError("charts: expected one or more of one kind with the same labels")
        if self.columns < 1 or len(self.charts) % self.columns:
            raise ValueError(f"charts: expected full rows of {self.columns}, got {len(self.charts)} charts")

    @property
    def rows(self) -> int:
        """The number of rows of the grid."""
        return len(self.charts) // self.columns

    @property
    def x_label(self) -> str:
        """The label of the x axes."""
        return self.charts[0].x_label

    @property
    def y_label(self) -> str:
        """The label of the y axes."""
        return self.charts[0].y_label


def centred_bins(values: Sequence[float], width: float) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Count values in bins of a width, one of them centred on zero, so that no edge divides the values around zero.

    Returns:
        The edges and the counts of a `Histogram`.
    """
    if not (len(values) and np.isfinite(values).all() and width > 0):
        raise ValueError(f"expected some finite values and a positive width, got {len(values)} values, width {width}")
    bins = np.rint(np.asarray(values) / width).astype(int)
    first, last = int(bins.min()), int(bins.max())
    edges = tuple((index - 0.5) * width for index in range(first, last + 2))
    return edges, tuple(np.bincount(bins - first).tolist())


def signed(value: float, decimals: int = 2) -> str:
    """Write a number with its sign, with a true minus sign; a number that rounds to zero has no sign."""
    text = f"{value:+.{decimals}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text[1:]


def _check_lengths(**lengths: int) -> None:
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name.replace('_', ' ')}: {length}" for name, length in lengths.items())
        raise ValueError(f"expected equally many, got {listed}")
