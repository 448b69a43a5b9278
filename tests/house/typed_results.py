"""What type checkers are told of results: `make check` has mypy read this, and nobody runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from torch import Tensor

from pellucid import attr
from pellucid.plot.canvas import FigureAndAxes

if TYPE_CHECKING:
    from typing_extensions import assert_type


def results_come_as_the_inputs_do(model: Callable[..., Any], x: Tensor, pair: tuple[Tensor, Tensor]) -> None:
    assert_type(attr.Saliency(model).attribute(x), Tensor)
    assert_type(attr.Saliency(model).attribute(pair, target=1), tuple[Tensor, Tensor])
    assert_type(attr.IntegratedGradients(model).attribute(x, n_steps=20), Tensor)
    assert_type(attr.NeuronGuidedBackprop(model, "layer").attribute(pair, 1), tuple[Tensor, Tensor])


def deltas_come_where_they_are_asked_for(model: Callable[..., Any], x: Tensor, pair: tuple[Tensor, Tensor]) -> None:
    assert_type(attr.IntegratedGradients(model).attribute(x, return_convergence_delta=True), tuple[Tensor, Tensor])
    assert_type(attr.DeepLift(model).attribute(pair, return_convergence_delta=False), tuple[Tensor, Tensor])
    assert_type(
        attr.GradientShap(model).attribute(pair, x, return_convergence_delta=True),
        tuple[tuple[Tensor, Tensor], Tensor],
    )
    (_, delta) = attr.LayerDeepLift(model, "layer").attribute(x, return_convergence_delta=True)
    assert_type(delta, Tensor)


def standard_errors_come_where_they_are_asked_for(model: Callable[..., Any], x: Tensor) -> None:
    assert_type(attr.KernelShap(model).attribute(x), Tensor)
    assert_type(attr.KernelShap(model).attribute(x, return_stderr=True), tuple[Tensor, Tensor | None])


def pictures_come_as_figures_or_arrays(map_: Tensor) -> None:
    assert_type(attr.visualization.visualize_image_attr(map_), FigureAndAxes)
    assert_type(attr.visualization.visualize_image_attr(map_, return_numpy=True), NDArray[Any])
    assert_type(attr.visualization.visualize_text([]).data, str)
