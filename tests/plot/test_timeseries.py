from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from pellucid.attr import visualization as viz
from pellucid.errors import InvalidArgument, PellucidError, PellucidWarning, UnknownName
from pellucid.plot import DARK, Scaling, SeriesAxis, series_plot
from pellucid.plot.masks import border, middle

matplotlib.use("Agg")
RNG = np.random.default_rng(0)
ATTRIBUTIONS, SERIES = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 3))


def test_all_channels_are_on_one_scale_or_added_up():
    plot = series_plot(
        torch.from_numpy(ATTRIBUTIONS), SERIES, "colored_graph", Scaling(outlier_percent=0), SeriesAxis()
    )
    np.testing.assert_allclose(plot.colours.values, ATTRIBUTIONS.T / np.abs(ATTRIBUTIONS).max())
    plot = series_plot(
        ATTRIBUTIONS.T, SERIES.T, "overlay_combined", Scaling(normalization=None), SeriesAxis(channels_last=False)
    )
    np.testing.assert_allclose(plot.colours.values, ATTRIBUTIONS.sum(1))
    np.testing.assert_array_equal(plot.series, SERIES.T)
    assert plot.edges.tolist() == [step - 0.5 for step in range(13)]


@pytest.mark.parametrize("view", ["overlay_individual", "overlay_combined", "colored_graph"])
def test_gaps_are_told_and_blank(view: str):
    attributions = ATTRIBUTIONS.copy()
    attributions[3, 1] = np.nan
    with pytest.warns(PellucidWarning, match=r"^1 of (36|12) attributions are NaN"):
        figure, axes = viz.visualize_timeseries_attr(attributions, SERIES, None, view, "all", use_pyplot=False)
    figure.draw_without_rendering()
    axes = np.atleast_1d(axes)
    colours = axes[1 % len(axes)].collections[0]
    shown = colours.get_colors() if view == "colored_graph" else colours.get_facecolor()
    assert [index for index, colour in enumerate(shown) if colour[3] == 0] == [3]


def test_a_legend_has_the_colours_of_the_theme():
    _, axes = viz.visualize_timeseries_attr(
        ATTRIBUTIONS, SERIES, method="overlay_combined", channel_labels=["a", "b", 3], theme="dark", use_pyplot=False
    )
    texts = axes.get_legend().get_texts()
    assert [text.get_text() for text in texts] == ["a", "b", "3"]
    assert {to_hex(text.get_color()) for text in texts} == {DARK.text}


def test_members_of_enumerations_are_names():
    _, axes = viz.visualize_timeseries_attr(
        ATTRIBUTIONS,
        SERIES,
        method=viz.TimeseriesVisualizationMethod.overlay_combined,
        sign=viz.VisualizeSign.all,
        use_pyplot=False,
    )
    assert axes.collections[0].get_clim() == (-1, 1)
    _, axes = viz.visualize_image_attr_multiple(
        ATTRIBUTIONS, None, [viz.ImageVisualizationMethod.heat_map] * 2, list(viz.VisualizeSign)[2:], use_pyplot=False
    )
    assert [one.images[0].get_clim() for one in axes] == [(0, 1), (-1, 1)]


WRONG: dict[str, tuple[Any, type[PellucidError], str]] = {
    "one dimension": (
        lambda: viz.visualize_timeseries_attr(ATTRIBUTIONS[:, 0], SERIES[:, 0]),
        InvalidArgument,
        "attr must be (steps, channels): got float64 [12]. Hint: attr[:, None] is a series of one channel.",
    ),
    "a batch": (
        lambda: viz.visualize_timeseries_attr(ATTRIBUTIONS, SERIES[None], channels_last=False),
        InvalidArgument,
        "data must be (channels, steps): got float64 [1, 12, 3]. Hint: data[0] is the first example.",
    ),
    "shapes": (
        lambda: viz.visualize_timeseries_attr(ATTRIBUTIONS, SERIES[:3]),
        InvalidArgument,
        "attr must be of the series' shape, (3, 3): got (12, 3).",
    ),
    "times": (
        lambda: viz.visualize_timeseries_attr(ATTRIBUTIONS, SERIES, [1, 2]),
        InvalidArgument,
        "x_values must be one for each of 12 steps: got int64 [2].",
    ),
    "method": (
        lambda: viz.visualize_timeseries_attr(ATTRIBUTIONS, SERIES, method="overlay"),
        UnknownName,
        "method must be one of 'overlay_individual', 'overlay_combined', 'colored_graph': got 'overlay'.",
    ),
    "sign": (
        lambda: viz.visualize_image_attr(ATTRIBUTIONS, sign="both"),
        UnknownName,
        "visualize_image_attr: sign must be one of 'all', 'positive', 'negative', 'absolute_value': got 'both'.",
    ),
    "image": (
        lambda: viz.visualize_image_attr(ATTRIBUTIONS, method="blended_heat_map"),
        InvalidArgument,
        "original_image must be given to draw 'blended_heat_map': got None. Hint: 'heat_map' draws none.",
    ),
    "cmap": (
        lambda: viz.visualize_image_attr(ATTRIBUTIONS, cmap="virids"),
        UnknownName,
        "cmap must be the name of a map of Matplotlib's, 'captum' or None: got 'virids'.",
    ),
    "axes": (
        lambda: viz.visualize_image_attr(ATTRIBUTIONS, plt_fig_axis=Figure()),
        InvalidArgument,
        "plt_fig_axis must be a figure and its axes, (fig, ax): got <Figure",
    ),
    "normalize": (
        lambda: viz.visualize_image_attr(ATTRIBUTIONS, normalize=True),
        InvalidArgument,
        "normalize must be 'outliers' or None: got True.",
    ),
    "alpha": (
        lambda: viz.visualize_image_attr(ATTRIBUTIONS, alpha_overlay=2),
        InvalidArgument,
        "alpha_overlay must be a number from 0 to 1: got 2. [inputs: attr float64 [12, 3], alpha_overlay 2]",
    ),
    "methods": (
        lambda: viz.visualize_image_attr_multiple(ATTRIBUTIONS, None, "heat_map", ["all"]),
        InvalidArgument,
        "methods must be a list, one for each image: got 'heat_map'.",
    ),
    "one of the methods": (
        lambda: viz.visualize_image_attr_multiple(ATTRIBUTIONS, None, ["heat"], ["all"]),
        UnknownName,
        "methods must be one of 'heat_map', 'blended_heat_map',",
    ),
    "mask": (
        lambda: viz.draw_mask_border(Figure().subplots(), np.ones((2, 2, 2))),
        InvalidArgument,
        "mask must be of shape (H, W): got float64 [2, 2, 2].",
    ),
    "border": (
        lambda: viz.draw_mask_border(Figure().subplots(), np.ones((2, 2)), -1),
        InvalidArgument,
        "border_width must be an integer of at least 0: got -1.",
    ),
    "colour": (
        lambda: viz.draw_mask_border(Figure().subplots(), np.ones((2, 2)), 1, "rde"),
        InvalidArgument,
        "border_color must be one that Matplotlib knows: got 'rde'.",
    ),
    "box": (
        lambda: viz.draw_mask_legend(Figure().subplots(), np.ones((2, 2)), "a", bbox_alpha=3),
        InvalidArgument,
        "bbox_alpha must be a number from 0 to 1: got 3.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors_name_captums_arguments(name: str):
    call, error, said = WRONG[name]
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert said in str(caught.value)


def test_an_option_that_a_row_of_images_does_not_have_is_a_type_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        viz.visualize_image_attr_multiple(ATTRIBUTIONS, None, ["heat_map"], ["all"], colour="red")


def test_borders_and_middles_by_hand():
    mask = np.array([[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]])
    assert border(mask, 1).astype(int).tolist() == [[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]]
    assert border(mask, 10**9).sum() == 9
    assert border(mask, 0).sum() == 0
    assert middle(mask) == (1, 1)
    assert middle(mask * 0) is None


def test_names_of_masks_are_no_formulas():
    axes = Figure().subplots()
    viz.draw_mask_legend(axes, np.ones((2, 2)), "$\\frac")
    axes.figure.draw_without_rendering()
    assert axes.texts[0].get_text() == "$\\frac"
