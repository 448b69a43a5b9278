"""How Captum's functions for pictures become calls of `pellucid.plot`, and its errors those of Captum's arguments."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, Literal, ParamSpec, TypeAlias, TypeVar

from numpy.typing import NDArray

from pellucid import plot
from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, PellucidError, located, renamed
from pellucid.plot.canvas import FigureAndArray, FigureAndAxes, FigureAndList
from pellucid.plot.colours import ColourMapLike
from pellucid.plot.normalization import Normalization
from pellucid.plot.theme import theme_named

P = ParamSpec("P")
R = TypeVar("R")

ThemeLike: TypeAlias = plot.Theme | Literal["light", "dark"] | None
"""Colours of background, letters and maps: a theme or its name; None leaves Matplotlib's settings as they are."""


def draws(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator of functions of Captum's: errors name the function, its arguments and what these were.

    Args:
        names: The arguments of `pellucid.plot`, and what the function calls them.
    """

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except PellucidError as error:
                arguments = inspect.signature(function).bind(*args, **kwargs).arguments
                inputs = ", ".join(f"{name} {summary(value)}" for name, value in arguments.items())
                raise located(renamed(error, names), function.__name__, inputs) from error.__cause__

        return call

    return decorated


def name_of(value: object) -> Any:
    """A name, or that of a member of Captum's enumerations."""
    return value.name if isinstance(value, Enum) else value


def theme_or_none(theme: ThemeLike) -> plot.Theme | None:
    """A theme, or the one of this name; None for Matplotlib's settings."""
    return None if theme is None else theme_named(theme)


def image(
    attributions: object,
    image: object,
    view: object,
    scaling: plot.Scaling,
    look: plot.Look,
    canvas: plot.Canvas,
    as_array: bool,
) -> FigureAndAxes | NDArray[Any]:
    """One image, drawn, or as an array."""
    drawn = plot.image_plot(attributions, image, name_of(view), scaling)
    if as_array:
        return plot.pixels(drawn, look)
    figure, (axes,) = plot.draw_images([drawn], [look], canvas)
    return figure, axes


def image_row(
    attributions: object,
    image: object,
    views: Sequence[object],
    signs: Sequence[object],
    titles: Sequence[str] | None,
    canvas: plot.Canvas,
    options: dict[str, Any],
) -> FigureAndList:
    """Images side by side; the options are those of a single one."""
    _check_lists(views, signs, titles)
    chosen = [_scaling_and_look(name_of(sign), **options) for sign in signs]
    drawn = [
        plot.image_plot(attributions, image, name_of(view), scaling)
        for view, (scaling, _) in zip(views, chosen, strict=True)
    ]
    looks = [
        dataclasses.replace(look, title=title)
        for (_, look), title in zip(chosen, titles or itertools.repeat(None), strict=False)
    ]
    figure, axes = plot.draw_images(drawn, looks, canvas)
    return figure, axes[0] if len(axes) == 1 else axes


def _check_lists(views: Sequence[object], signs: Sequence[object], titles: Sequence[str] | None) -> None:
    for name, values in {"views": views, "signs": signs, "titles": titles}.items():
        if isinstance(values, str) or not isinstance(values, Sequence | None):
            raise InvalidArgument(f"{name} must be a list, one for each image: got {summary(values)}.")
    if not views:
        raise InvalidArgument("views must hold at least one: got [].")
    if len(signs) != len(views):
        raise InvalidArgument(f"signs must be as many as images, {len(views)}: got {len(signs)}.")
    if titles is not None and len(titles) != len(views):
        raise InvalidArgument(f"titles must be as many as images, {len(views)}: got {len(titles)}.")


def _scaling_and_look(
    sign: Any,
    *,
    outlier_perc: float = 2,
    cmap: ColourMapLike = None,
    alpha_overlay: float = 0.5,
    show_colorbar: bool = False,
    normalize: Normalization = "outliers",
    limits: tuple[float, float] | None = None,
    theme: ThemeLike = None,
) -> tuple[plot.Scaling, plot.Look]:
    """What an image of a row is drawn with, by the options of Captum's names."""
    scaling = plot.Scaling(sign, outlier_perc, normalize, limits)
    return scaling, plot.Look(cmap, alpha_overlay, show_colorbar, theme=theme_or_none(theme))


def series(
    attributions: object,
    series: object,
    view: object,
    axis: plot.SeriesAxis,
    scaling: plot.Scaling,
    look: plot.Look,
    canvas: plot.Canvas,
    lines: dict[str, Any],
) -> FigureAndArray:
    """A time series, drawn."""
    drawn = plot.series_plot(attributions, series, name_of(view), scaling, axis)
    figure, axes = plot.draw_series(drawn, look, canvas, **lines)
    return figure, axes[0] if len(axes) == 1 else axes


def text(records: Iterable[Any], legend: bool, limit: float | None, theme: ThemeLike) -> plot.Html:
    """A table of records as Captum has them, shown where IPython is running."""
    rows = [
        plot.TextRecord(
            words=record.raw_input_ids,
            values=record.word_attributions,
            true_label=record.true_class,
            predicted_label=record.pred_class,
            probability=record.pred_prob,
            explained_label=record.attr_class,
            score=record.attr_score,
            delta=record.convergence_score,
        )
        for record in records
    ]
    table = plot.text_table(rows, legend=legend, limit=limit, theme=theme_or_none(theme) or plot.LIGHT)
    table.display()
    return table
