"""`explanation.plot`: the functions of `pellucid.plot`, with the explanation as their first argument."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from pellucid.core.tensors import format_names
from pellucid.plot.charts.base import Chart
from pellucid.plot.explained import Explained

if TYPE_CHECKING:
    from pellucid.plot.artists import AxesOrNone


@final
@dataclass(frozen=True, repr=False)
class Plots:
    """Pictures of an explanation, by the names of [pellucid.plot][]: `explanation.plot.waterfall()`.

    Each returns a chart, which notebooks and terminals show; `.figure(ax)` draws it with Matplotlib, `.svg()` and
    `.text()` without, `.save(path)` writes a file, `.show()` shows it. With `ax=`, it is also drawn into these axes.

    Args:
        explanation: The explanation.
    """

    explanation: Explained

    def __call__(self) -> Chart:
        """The picture that suits what was explained."""
        from pellucid.plot.choosing import chart_of

        return chart_of(self.explanation)

    def __getattr__(self, name: str) -> Callable[..., Chart]:
        from pellucid import plot
        from pellucid.plot.choosing import OF_EXPLANATIONS

        if name not in OF_EXPLANATIONS:
            known = format_names(dict.fromkeys(OF_EXPLANATIONS))
            raise AttributeError(f"no plot is called {name!r}: there are {known}")
        return _of_explanation(getattr(plot, name), self.explanation)

    def __dir__(self) -> list[str]:
        from pellucid.plot.choosing import OF_EXPLANATIONS

        return [*super().__dir__(), *OF_EXPLANATIONS]

    def __repr__(self) -> str:
        from pellucid.plot.choosing import OF_EXPLANATIONS

        return f"plots: {', '.join(OF_EXPLANATIONS)}"


@final
class PlotsOfInstance:
    """What makes `explanation.plot` the plots of this very explanation."""

    def __get__(self, explanation: Any, kind: type[Any]) -> Plots:
        return Plots(explanation)


def _of_explanation(make: Callable[..., Chart], explanation: Explained) -> Callable[..., Chart]:
    """A function of an explanation that has its first argument, and takes axes to draw into besides."""

    @functools.wraps(make)
    def plot(*args: Any, ax: AxesOrNone = None, **kwargs: Any) -> Chart:
        chart = make(explanation, *args, **kwargs)
        if ax is not None:
            chart.figure(ax)
        return chart

    _, *parameters = inspect.signature(make).parameters.values()
    axes = inspect.Parameter("ax", inspect.Parameter.KEYWORD_ONLY, default=None)
    plot.__signature__ = inspect.Signature([*parameters, axes])  # type: ignore[attr-defined]  # which `help` shows
    return plot
