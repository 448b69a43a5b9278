"""Where pictures are drawn: in axes that are there already, or in a new figure of Matplotlib's, or of pyplot's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.core.summaries import Summarized, summary
from pellucid.errors import InvalidArgument
from pellucid.plot.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FigureAndAxes: TypeAlias = "tuple[Figure, Axes]"
FigureAndList: TypeAlias = "tuple[Figure, Axes | list[Axes]]"
FigureAndArray: TypeAlias = "tuple[Figure, Axes | NDArray[Any]]"


@contextmanager
def matplotlib_needed() -> Iterator[None]:
    """A `with` statement around imports of Matplotlib, which says what to install where it is not there."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            'drawing takes Matplotlib: pip install "pellucid[plot]"', name=missing.name
        ) from missing


@dataclass(frozen=True)
class Canvas(Summarized):
    """Where to draw.

    Args:
        drawn: A figure and its axes, one or several, to draw in; None makes a new one.
        size: Width and height of a new figure in inches.
        by_pyplot: Whether pyplot keeps a new figure, as its current one, and shows what it keeps once it is drawn. If
            not, pyplot is not so much as imported.
    """

    drawn: tuple[Figure, Any] | None = None
    size: tuple[float, float] = (6, 6)
    by_pyplot: bool = False

    def __post_init__(self) -> None:
        if self.drawn is not None and not (isinstance(self.drawn, tuple | list) and len(self.drawn) == 2):
            raise InvalidArgument(f"drawn must be a figure and its axes, (fig, ax): got {summary(self.drawn)}.")

    def subplots(
        self, rows: int = 1, columns: int = 1, *, theme: Theme | None = None, **kwargs: Any
    ) -> tuple[Figure, NDArray[Any]]:
        """The figure and its axes, an array (rows * columns,)."""
        figure, axes = self.drawn if self.drawn is not None else self._new(rows, columns, **kwargs)
        axes = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
        if len(axes) != rows * columns:
            raise InvalidArgument(f"drawn must have {rows * columns} axes for what is drawn: got {len(axes)}.")
        if theme is not None:
            figure.set_facecolor(theme.background)
            for each_axes in axes:
                colour_axes(each_axes, theme)
        return figure, axes

    def show(self) -> None:
        """Show what pyplot keeps, if this is to be shown."""
        if self.by_pyplot:
            from matplotlib import pyplot

            pyplot.show()

    def _new(self, rows: int, columns: int, **kwargs: Any) -> tuple[Figure, Any]:
        with matplotlib_needed():
            from matplotlib.figure import Figure

            if self.by_pyplot:
                from matplotlib import pyplot

                return pyplot.subplots(rows, columns, figsize=self.size, **kwargs)
            figure = Figure(figsize=self.size)
            return figure, figure.subplots(rows, columns, **kwargs)


def colour_axes(axes: Axes, theme: Theme) -> None:
    """Give a background, ticks, labels and frame the colours of a theme."""
    axes.set_facecolor(theme.background)
    axes.tick_params(colors=theme.text)
    axes.title.set_color(theme.text)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(theme.text)
    axes.spines[:].set_color(theme.faint)
