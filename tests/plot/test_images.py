from __future__ import annotations

import sys
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from pellucid.errors import InvalidArgument, PellucidWarning, UnknownName, WrongType
from pellucid.plot import DARK, LIGHT, Canvas, Look, Scaling, draw_images, draw_series, image_plot, pixels, series_plot
from pellucid.plot.colours import colour_map, ramp
from pellucid.plot.timeseries import SeriesAxis

matplotlib.use("Agg")
RNG = np.random.default_rng(0)
ATTRIBUTIONS, IMAGE = RNG.normal(size=(8, 6, 3)), RNG.random((8, 6, 3))
HEAT = image_plot(ATTRIBUTIONS, IMAGE, "blended_heat_map", Scaling())
SERIES = series_plot(ATTRIBUTIONS[:, :, 0], IMAGE[:, :, 0], "overlay_individual", Scaling(), SeriesAxis())


class TestCanvas:
    def test_a_figure_of_its_own_does_not_so_much_as_import_pyplot(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
        figure, (axes,) = draw_images([HEAT], [Look()], Canvas(size=(3, 2)))
        assert tuple(figure.get_size_inches()) == (3, 2)
        assert figure.axes == [axes]
        figure, axes = draw_series(SERIES, Look(colour_bar=True), Canvas())
        assert list(axes) == figure.axes[:6]

    def test_pyplot_keeps_and_shows_a_figure_where_it_is_asked_to(self, monkeypatch: pytest.MonkeyPatch):
        shown: list[list[int]] = []
        monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.get_fignums()))
        current = pyplot.figure()
        for draw in (
            lambda: draw_images([HEAT, HEAT], [Look(title="Title")] * 2, Canvas(by_pyplot=True)),
            lambda: draw_series(SERIES, Look(), Canvas(by_pyplot=True)),
        ):
            figure, _ = draw()
            assert pyplot.gcf() is figure
            assert figure.number in shown[-1]
        assert len(shown) == 2
        assert current.axes == []
        pyplot.close("all")

    def test_axes_that_are_there_are_drawn_in_and_no_others(self, monkeypatch: pytest.MonkeyPatch):
        shown: list[bool] = []
        monkeypatch.setattr(pyplot, "show", lambda: shown.append(True))
        figure = Figure()
        left, right = figure.subplots(1, 2)
        before = pyplot.get_fignums()
        drawn, axes = draw_images([HEAT], [Look()], Canvas((figure, right), by_pyplot=True))
        assert (drawn, axes) == (figure, [right])
        assert shown == [True]
        assert not left.images
        assert pyplot.get_fignums() == before
        position = right.get_position().bounds
        draw_series(
            series_plot(ATTRIBUTIONS[:, :1, 0], IMAGE[:, :1, 0], "colored_graph", Scaling(), SeriesAxis()),
            Look(),
            Canvas((figure, left)),
        )
        assert right.get_position().bounds == position

    def test_settings_of_matplotlib_are_followed_and_left_alone(self):
        with pyplot.style.context("dark_background"):
            before = dict(matplotlib.rcParams)
            figure, _ = draw_images([HEAT], [Look(colour_bar=True)], Canvas())
            assert dict(matplotlib.rcParams) == before
        assert to_hex(figure.get_facecolor()) == "#000000"
        assert to_hex(figure.axes[0].images[1].get_cmap()(0.5)) == DARK.diverging[3]

    @pytest.mark.parametrize("drawn", [(Figure(),), Figure(), 3])
    def test_what_is_no_figure_with_axes_is_refused(self, drawn: Any):
        with pytest.raises(InvalidArgument, match=r"^drawn must be a figure and its axes, \(fig, ax\): got "):
            Canvas(drawn)

    def test_axes_too_few_are_refused(self):
        figure = Figure()
        with pytest.raises(InvalidArgument, match=r"^drawn must have 6 axes for what is drawn: got 1"):
            draw_series(SERIES, Look(), Canvas((figure, figure.subplots())))


class TestColours:
    @pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
    def test_a_theme_colours_all_there_is(self, theme: Any):
        for figure, axes in (
            draw_images([HEAT], [Look(theme=theme, colour_bar=True, title="Title")], Canvas()),
            draw_series(SERIES, Look(theme=theme, colour_bar=True, title="Title"), Canvas()),
        ):
            assert to_hex(figure.get_facecolor()) == theme.background
            assert {to_hex(one.get_facecolor()) for one in axes} == {theme.background}
            assert to_hex(axes[0].title.get_color()) == theme.text
            figure.draw_without_rendering()
            labels = [label for one in figure.axes for label in (*one.get_xticklabels(), *one.get_yticklabels())]
            assert {to_hex(label.get_color()) for label in labels} == {theme.text}

    def test_zero_is_in_the_middle_and_signs_are_the_halves(self):
        for theme in (LIGHT, DARK):
            both = colour_map(None, "all", theme)
            for sign, sides in (("positive", (0.5, 1.0)), ("negative", (0.5, 0.0))):
                one = colour_map(None, sign, theme)
                assert [to_hex(one(0.0)), to_hex(one(1.0))] == [to_hex(both(side)) for side in sides]
            assert ramp("absolute_value", theme)[0] == to_hex(both(0.5)) == theme.diverging[3]

    def test_a_map_of_ones_own(self):
        own = matplotlib.colors.ListedColormap(["black", "white"])
        assert colour_map(own, "all", LIGHT) == own
        assert colour_map("viridis", "all", LIGHT).name == "viridis"
        with pytest.raises(UnknownName, match=r"^colours must be the name of a map of Matplotlib's, .* got 'virids'"):
            colour_map("virids", "all", LIGHT)

    def test_opacity_is_between_0_and_1(self):
        with pytest.raises(InvalidArgument, match=r"^opacity must be a number from 0 to 1: got 1\.5\."):
            Look(opacity=1.5)
        with pytest.raises(WrongType, match=r"got 'half'"):
            Look(opacity="half")  # type: ignore[arg-type]


class TestImages:
    def test_a_map_is_the_sum_over_channels(self):
        heat = image_plot(ATTRIBUTIONS, None, "heat_map", Scaling(normalization=None)).heat
        assert heat is not None
        np.testing.assert_array_equal(heat.values, ATTRIBUTIONS.sum(2))

    @pytest.mark.parametrize(("view", "level"), [("masked_image", 60), ("alpha_scaling", 76)])
    def test_light_by_hand(self, view: Any, level: int):
        plot = image_plot(np.array([[0.3, 1.0]]), np.full((1, 2, 3), 200), view, Scaling("positive", 0))
        assert plot.colours is not None
        assert plot.colours[0, 0, -1] == level
        assert plot.colours[0, 1].tolist() == [200, 200, 200, 255][: plot.colours.shape[2]]

    def test_opacities_of_an_image_are_kept(self):
        image = np.full((1, 2, 4), 0.5)
        assert image_plot(None, image, "original_image", Scaling()).colours.tolist() == [[[127] * 4] * 2]
        lit = image_plot(np.array([[0.5, 1.0]]), image, "alpha_scaling", Scaling("positive", 0)).colours
        assert lit[0, :, 3].tolist() == [63, 127]

    def test_unknown_levels_are_told_and_black(self):
        image = IMAGE.copy()
        image[0, 0, 0] = np.nan
        with pytest.warns(PellucidWarning, match=r"^1 of 144 levels of the image are NaN or infinite: drawn black"):
            assert image_plot(None, image, "original_image", Scaling()).colours[0, 0, 0] == 0

    @pytest.mark.parametrize("image", [np.full((2, 2), -3.0), np.array([[0, 65535]], dtype=np.uint16)])
    def test_levels_of_any_range_are_stretched(self, image: np.ndarray):
        with pytest.warns(PellucidWarning, match=r"^The image lies between"):
            colours = image_plot(None, image, "original_image", Scaling()).colours
        assert colours.min() == 0
        assert colours.max() == (255 if image.min() < image.max() else 0)

    def test_dark_levels_of_floats_are_levels(self):
        image = np.full((2, 2, 3), 7.5)
        assert image_plot(None, image, "original_image", Scaling()).colours.tolist() == [[[7] * 3] * 2] * 2

    def test_channels_that_come_first_are_told(self):
        with pytest.warns(
            PellucidWarning, match=r"^Attributions of shape \(3, 8, 6\) are drawn 3 pixels high\. Hint: "
        ):
            image_plot(ATTRIBUTIONS.transpose(2, 0, 1), None, "heat_map", Scaling())

    @pytest.mark.parametrize(
        ("attributions", "image", "said"),
        [
            (
                ATTRIBUTIONS[None],
                IMAGE,
                "attributions must be one image's, (H, W) or (H, W, C): got float64 [1, 8, 6, 3].",
            ),
            (ATTRIBUTIONS[None], IMAGE, "Hint: attributions[0].permute(1, 2, 0)"),
            (ATTRIBUTIONS[0, 0], IMAGE, "got float64 [3]."),
            (ATTRIBUTIONS[:0], IMAGE, "got float64 [0, 6, 3]."),
            (
                ATTRIBUTIONS,
                IMAGE[None],
                "image must be (H, W) or (H, W, C): got float64 [1, 8, 6, 3]. Hint: image[0].permute",
            ),
            (
                ATTRIBUTIONS,
                torch.zeros(3, 8, 6),
                "attributions must be of the image's height and width, (3, 8): got (8, 6).",
            ),
            ("map", IMAGE, "attributions must be a tensor or an array of real numbers: got 'map'."),
            ([[1.0], [1.0, 2.0]], IMAGE, "got [[1.0], [1.0, 2.0]]."),
            (None, IMAGE, "attributions must be a tensor or an array of real numbers: got None."),
            (torch.zeros(8, 6, dtype=torch.complex64), IMAGE, "of real numbers: got complex64 [8, 6]."),
        ],
    )
    def test_what_is_no_image_is_refused(self, attributions: Any, image: Any, said: str):
        with pytest.raises(InvalidArgument) as caught:
            image_plot(attributions, image, "blended_heat_map", Scaling())
        assert said in str(caught.value)

    def test_tensors_on_any_layout_and_lists_are_arrays(self):
        dense = torch.tensor([[0.0, 1.0], [0.5, 0.0]])
        for values in (dense, dense.to_sparse(), dense.tolist(), dense.bfloat16(), dense.half().numpy()):
            plot = image_plot(values, None, "heat_map", Scaling("positive", 0))
            assert plot.heat.values.tolist() == dense.tolist()

    def test_gaps_show_what_is_below(self):
        attributions = ATTRIBUTIONS[:, :, 0].copy()
        attributions[2, 3] = np.nan
        with pytest.warns(PellucidWarning, match="left blank"):
            plot = image_plot(attributions, IMAGE, "blended_heat_map", Scaling())
        low, high = plot.grey.min(), plot.grey.max()
        expected = round(255 * float((plot.grey[2, 3] - low) / (high - low)))
        assert pixels(plot, Look())[2, 3].tolist() == [expected] * 3 + [255]
        with pytest.warns(PellucidWarning, match="left blank"):
            assert pixels(image_plot(attributions, None, "heat_map", Scaling()), Look())[2, 3, 3] == 0


def test_without_matplotlib_all_say_what_to_install(monkeypatch: pytest.MonkeyPatch):
    from pellucid.attr import visualization as viz

    for loaded in [loaded for loaded in sys.modules if loaded.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    series = ATTRIBUTIONS[:, :, 0]
    for call in (
        lambda: viz.visualize_image_attr(ATTRIBUTIONS, IMAGE, "original_image"),
        lambda: viz.visualize_image_attr(ATTRIBUTIONS, return_numpy=True),
        lambda: viz.visualize_image_attr_multiple(ATTRIBUTIONS, IMAGE, ["heat_map"], ["all"]),
        lambda: viz.visualize_timeseries_attr(series, series),
    ):
        with pytest.raises(ModuleNotFoundError, match=r'^drawing takes Matplotlib: pip install "pellucid\[plot\]"$'):
            call()
    record = viz.VisualizationDataRecord([1.0], 0.5, 1, 1, 1, 0.5, ["a"], 0.0)
    assert "<mark" in viz.visualize_text([record]).data
