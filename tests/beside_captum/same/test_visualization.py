"""What is drawn and written is what Captum draws and writes; colours aside, which are different on purpose."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable
from typing import Any

import captum.attr
import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import cm

import pellucid.attr
from matrices import in_turn

matplotlib.use("Agg")
THEIRS, OURS = captum.attr.visualization, pellucid.attr.visualization
METHODS = ["heat_map", "blended_heat_map", "original_image", "masked_image", "alpha_scaling"]
SIGNS = ["all", "positive", "negative", "absolute_value"]
VIEWS = ["overlay_individual", "overlay_combined", "colored_graph"]
RNG = np.random.default_rng(0)
HEAVY = RNG.standard_t(2, (40, 30, 3))  # some far larger than others, as attributions are
IMAGE = RNG.random((40, 30, 3))
SERIES, OF_SERIES = RNG.normal(size=(25, 3)).cumsum(0), RNG.standard_t(2, (25, 3))


@pytest.fixture(autouse=True)
def _as_on_older_matplotlib(monkeypatch: pytest.MonkeyPatch):
    """Captum's time series need a function that Matplotlib 3.11 does not have any more."""

    def get_cmap(name: Any) -> Any:
        return name if isinstance(name, matplotlib.colors.Colormap) else matplotlib.colormaps[name]

    monkeypatch.setattr(cm, "get_cmap", get_cmap, raising=False)


def drawn(module: Any, *arguments: Any, **options: Any) -> Any:
    """The axes of an image without pyplot; Captum's warnings are its own business."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if module is THEIRS else "error")
        return module.visualize_image_attr(*arguments, use_pyplot=False, **options)[1]


def levels(array: Any) -> np.ndarray:
    return np.asarray(np.ma.getdata(array), dtype=float)


def assert_same_images(*arguments: Any, **options: Any) -> None:
    theirs, ours = drawn(THEIRS, *arguments, **options).images, drawn(OURS, *arguments, **options).images
    assert len(theirs) == len(ours) > 0
    for their, our in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(levels(our.get_array()), levels(their.get_array()), rtol=0, atol=1e-6)
        assert our.get_alpha() == their.get_alpha()
        if np.ndim(their.get_array()) == 2:
            assert our.get_clim() == pytest.approx(their.get_clim())


def test_a_record_has_captums_fields_and_no_others():
    fields = list(inspect.signature(THEIRS.VisualizationDataRecord).parameters)
    record = OURS.VisualizationDataRecord(*range(8))
    assert [getattr(record, name) for name in fields] == list(range(8))
    with pytest.raises(AttributeError):
        record.another = 1


@pytest.mark.parametrize(
    ("method", "sign", "dtype"),
    in_turn(
        [(method, sign) for method in METHODS for sign in SIGNS[method in ("masked_image", "alpha_scaling") :]],
        [np.float32, np.float64],
        quick=1,
    ),
)
def test_images_are_the_same(method: str, sign: str, dtype: Any):
    for image in (IMAGE, (IMAGE * 255).astype(np.uint8)):
        assert_same_images(HEAVY.astype(dtype), image, method, sign)


@pytest.mark.parametrize(("sign", "outlier_perc"), in_turn(SIGNS, [0, 0.5, 2, 10, 50, 98], quick=3))
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_outliers_are_the_same(sign: str, outlier_perc: float, dtype: Any):
    attributions = (HEAVY * 100 if dtype is np.int64 else HEAVY).astype(dtype)
    assert_same_images(attributions, None, "heat_map", sign, outlier_perc=outlier_perc)


def test_signs_alone_are_the_same():
    assert_same_images(HEAVY, None, "heat_map", "all", outlier_perc=100)


def test_a_large_map_of_float32_has_the_same_threshold():
    """The sums are rounded as Captum's are, or a large map would have another one."""
    attributions = torch.from_numpy(RNG.standard_t(2, (224, 224, 3)).astype(np.float32))
    for sign in SIGNS:
        np.testing.assert_allclose(
            levels(drawn(OURS, attributions, sign=sign).images[0].get_array()),
            levels(drawn(THEIRS, attributions.numpy(), sign=sign).images[0].get_array()),
            rtol=0,
            atol=1e-6,
        )


def test_maps_of_two_dimensions_and_the_private_function_are_the_same():
    assert_same_images(HEAVY[:, :, 0], None, "heat_map", "all")
    for sign in SIGNS:
        np.testing.assert_allclose(OURS._normalize_attr(HEAVY, sign, 5), THEIRS._normalize_attr(HEAVY, sign, 5))


def test_captums_colours_can_be_had():
    for sign in SIGNS:
        theirs = drawn(THEIRS, HEAVY, sign=sign).images[0].get_cmap()
        ours = drawn(OURS, HEAVY, sign=sign, cmap="captum").images[0].get_cmap()
        np.testing.assert_array_equal(ours(np.linspace(0, 1, 50)), theirs(np.linspace(0, 1, 50)))
        ours, theirs = (drawn(module, HEAVY, sign=sign, cmap="viridis").images[0] for module in (OURS, THEIRS))
        np.testing.assert_array_equal(ours.to_rgba(ours.get_array()), theirs.to_rgba(theirs.get_array()))


@pytest.mark.parametrize("method", METHODS)
def test_a_colour_bar_lies_where_captums_does(method: str):
    given = (HEAVY, IMAGE, method, "positive")
    theirs, ours = (drawn(module, *given, show_colorbar=True, title="Title") for module in (THEIRS, OURS))
    assert ours.get_title() == theirs.get_title() == "Title"
    for axes in (theirs, ours):
        axes.figure.draw_without_rendering()
    assert len(ours.figure.axes) == len(theirs.figure.axes) == 2
    bars = [axes.figure.axes[1] for axes in (ours, theirs)]
    assert bars[0].get_window_extent().bounds == pytest.approx(bars[1].get_window_extent().bounds, abs=1)
    assert bars[0].axison == bars[1].axison
    assert not any(
        label.get_text() for label in (*ours.get_xticklabels(), *ours.get_yticklabels()) if label.get_visible()
    )


def test_several_images_come_as_captums_do():
    methods, signs = ["original_image", "heat_map", "masked_image"], ["all", "all", "positive"]
    outcomes = [
        module.visualize_image_attr_multiple(HEAVY, IMAGE, methods, signs, ["a", "b", "c"], use_pyplot=False)
        for module in (OURS, THEIRS)
    ]
    (figure, ours), (_, theirs) = outcomes
    assert type(ours) is type(theirs) is list
    assert figure.axes == ours
    assert tuple(figure.get_size_inches()) == (8, 6)
    for our, their in zip(ours, theirs, strict=True):
        assert our.get_title() == their.get_title()
        np.testing.assert_allclose(levels(our.images[0].get_array()), levels(their.images[0].get_array()), atol=1e-6)
    for module in (OURS, THEIRS):
        _, axes = module.visualize_image_attr_multiple(HEAVY, None, ["heat_map"], ["all"], use_pyplot=False)
        assert isinstance(axes, matplotlib.axes.Axes)


# --------------------------------------------------------------------------------------------------------- time series


@pytest.mark.parametrize(("view", "sign"), in_turn(VIEWS, SIGNS, quick=2))
def test_time_series_are_the_same(view: str, sign: str):
    names = ["a", "b", "c"]
    options = {"method": view, "sign": sign, "channel_labels": names, "title": "Title"}
    (_, theirs), (_, ours) = (
        module.visualize_timeseries_attr(
            OF_SERIES,
            SERIES,
            np.arange(25) * 2.0,
            cmap="captum" if module is OURS else None,
            **options,
            use_pyplot=False,
        )
        for module in (THEIRS, OURS)
    )
    assert type(ours) is type(theirs)
    theirs, ours = np.atleast_1d(theirs), np.atleast_1d(ours)
    assert len(ours) == len(theirs) == (1 if view == "overlay_combined" else 3)
    for their, our in zip(theirs, ours, strict=True):
        assert (our.get_ylabel(), our.get_title()) == (their.get_ylabel(), their.get_title())
        np.testing.assert_allclose(colours_of_steps(our, view), colours_of_steps(their, view), atol=1e-6)
        if view == "colored_graph":
            ours_segments, theirs_segments = (axes.collections[0].get_segments() for axes in (our, their))
            np.testing.assert_allclose(ours_segments, theirs_segments)
        else:
            lines = [[line.get_xydata() for line in axes.lines] for axes in (our, their)]
            np.testing.assert_allclose(lines[0], lines[1])
            np.testing.assert_allclose(*(surroundings(axes) for axes in (our, their)))
    if view == "overlay_combined":
        assert [text.get_text() for text in ours[0].get_legend().get_texts()] == names
        assert [line.get_color() for line in ours[0].lines] == [line.get_color() for line in theirs[0].lines]


def colours_of_steps(axes: Any, view: str) -> np.ndarray:
    """What each step's colour is; Captum's lines have one more value than segments."""
    axes.figure.draw_without_rendering()
    if axes.patches:
        return np.array([patch.get_facecolor() for patch in axes.patches])
    colours = axes.collections[0].get_colors() if view == "colored_graph" else axes.collections[0].get_facecolor()
    return np.asarray(colours)[: 24 if view == "colored_graph" else 25]


def surroundings(axes: Any) -> list[tuple[float, float]]:
    """Where the surroundings of the steps begin and end."""
    if axes.patches:
        return [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]
    return [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in axes.collections[0].get_paths()]


def test_channels_may_come_first_and_lines_have_options():
    for module in (OURS, THEIRS):
        _, axes = module.visualize_timeseries_attr(
            OF_SERIES.T, SERIES.T, channels_last=False, use_pyplot=False, linewidth=5
        )
        assert [one.lines[0].get_linewidth() for one in axes] == [5, 5, 5]
        _, axes = module.visualize_timeseries_attr(
            OF_SERIES, SERIES, method="colored_graph", use_pyplot=False, linewidth=5
        )
        assert [one.collections[0].get_linewidth() for one in axes] == [5, 5, 5]


def test_more_channels_than_steps_are_told():
    for module in (OURS, THEIRS):
        with pytest.warns(UserWarning, match=r"more channels than steps|Number of channels \(25\) greater"):
            module.visualize_timeseries_attr(OF_SERIES.T, SERIES.T, use_pyplot=False)


# --------------------------------------------------------------------------------------------------------------- masks


@pytest.mark.parametrize("width", [1, 2, 5])
def test_borders_of_masks_are_the_same(width: int):
    mask = np.zeros((20, 30), dtype=bool)
    mask[3:15, 2:20] = mask[0:5, 15:30] = True
    mask[8, 8] = False
    for colour in ("red", np.array([0.0, 1.0, 0.5, 0.25])):
        arrays = []
        for module in (OURS, THEIRS):
            axes = matplotlib.figure.Figure().subplots()
            module.draw_mask_border(axes, mask, width, colour)
            arrays.append(levels(axes.images[0].get_array()))
        np.testing.assert_allclose(arrays[0][..., 3], arrays[1][..., 3])
        shown = arrays[0][..., 3] > 0
        np.testing.assert_allclose(arrays[0][shown], arrays[1][shown])


def test_names_of_masks_are_the_same():
    mask = np.zeros((20, 30), dtype=bool)
    mask[3:15, 2:20] = True
    texts = []
    for module in (OURS, THEIRS):
        axes = matplotlib.figure.Figure().subplots()
        for empty in (
            module.draw_mask_border,
            lambda axes, mask, module=module: module.draw_mask_legend(axes, mask, ""),
        ):
            empty(axes, mask & False)
        assert not axes.texts
        assert not axes.images
        module.draw_mask_legend(axes, mask, "a name", 12, "yellow", "navy", 0.3)
        (text,) = axes.texts
        box = text.get_bbox_patch()
        said = (
            text.get_text(),
            text.get_position(),
            text.get_fontsize(),
            text.get_color(),
            text.get_ha(),
            text.get_va(),
        )
        texts.append((*said, box.get_facecolor(), box.get_alpha(), type(box.get_boxstyle())))
    assert texts[0] == texts[1]


# --------------------------------------------------------------------------------------------------------------- texts


def text_of(source: str) -> list[str]:
    """What a reader sees of HTML, in pieces."""
    return [piece.strip() for piece in re.sub(r"<[^>]*>", "\n", source).split("\n") if piece.strip()]


def test_tokens_are_the_same():
    for token in ("<pad>", "<<a>>", "a", "<a", "a>", "<>", "[CLS]", "<pad> ", ""):
        assert OURS.format_special_tokens(token) == THEIRS.format_special_tokens(token)


@pytest.mark.parametrize(
    "importances", [[0.5, -0.25, 1.0, 7.0], np.array([0.5, 0, 1]), torch.tensor([0.1, 2, -3]), None, []]
)
def test_cells_say_the_same(importances: Any):
    words = ["a", "<pad>", "c"]
    ours, theirs = (text_of(module.format_word_importances(words, importances)) for module in (OURS, THEIRS))
    assert ours == theirs
    assert text_of(OURS.format_classname("dog")) == text_of(THEIRS.format_classname("dog")) == ["dog"]
    assert text_of(OURS.format_classname(3)) == text_of(THEIRS.format_classname(3))
    assert text_of(OURS.format_tooltip("item", "text")) == text_of(THEIRS.format_tooltip("item", "text"))
    for part in ('<div class="tooltip">', '<span class="tooltiptext">'):
        assert part in OURS.format_tooltip("item", "text")
        assert part in THEIRS.format_tooltip("item", "text")


@pytest.mark.parametrize("legend", [True, False])
def test_tables_say_the_same(legend: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(THEIRS, "HAS_IPYTHON", True)
    monkeypatch.setattr(THEIRS, "HTML", str, raising=False)
    monkeypatch.setattr(THEIRS, "display", lambda shown: None, raising=False)
    rows = [
        ([0.1, -0.2], 0.987, "positive", 1, "of this", 1.2345, ["good", "<bad>"], 0.01),
        (np.array([1.0, 2.0]), torch.tensor(0.5), 1, 0, 1, torch.tensor(-0.5), ["x", "y"], torch.tensor(0.1)),
    ]
    said = [
        text_of(str(module.visualize_text([module.VisualizationDataRecord(*row) for row in rows], legend)))
        for module in (OURS, THEIRS)
    ]
    assert said[0] == said[1]


# ---------------------------------------------------------------------------------------------------------- exceptions

WRONG: dict[str, tuple[Callable[[Any], Any], type[Exception]]] = {
    "method": (lambda viz: viz.visualize_image_attr(HEAVY, IMAGE, "nope"), AssertionError),
    "method, no image": (lambda viz: viz.visualize_image_attr(HEAVY, None, "nope"), KeyError),
    "sign": (lambda viz: viz.visualize_image_attr(HEAVY, IMAGE, sign="nope"), KeyError),
    "no image": (lambda viz: viz.visualize_image_attr(HEAVY, None, "masked_image", "positive"), ValueError),
    "masked, all": (lambda viz: viz.visualize_image_attr(HEAVY, IMAGE, "masked_image", "all"), AssertionError),
    "alpha, all": (lambda viz: viz.visualize_image_attr(HEAVY, IMAGE, "alpha_scaling", "all"), AssertionError),
    "outliers": (lambda viz: viz.visualize_image_attr(HEAVY, outlier_perc=101), AssertionError),
    "outliers below": (lambda viz: viz.visualize_image_attr(HEAVY, outlier_perc=-1), AssertionError),
    "no methods": (lambda viz: viz.visualize_image_attr_multiple(HEAVY, IMAGE, [], []), ValueError),
    "signs": (lambda viz: viz.visualize_image_attr_multiple(HEAVY, IMAGE, ["heat_map"] * 2, ["all"]), AssertionError),
    "titles": (lambda viz: viz.visualize_image_attr_multiple(HEAVY, IMAGE, ["heat_map"], ["all"], []), AssertionError),
    "dimensions": (lambda viz: viz.visualize_timeseries_attr(OF_SERIES[0], SERIES[0]), AssertionError),
    "times": (lambda viz: viz.visualize_timeseries_attr(OF_SERIES, SERIES, np.arange(3)), AssertionError),
    "view": (lambda viz: viz.visualize_timeseries_attr(OF_SERIES, SERIES, method="nope"), KeyError),
    "series, sign": (lambda viz: viz.visualize_timeseries_attr(OF_SERIES, SERIES, sign="nope"), KeyError),
    "shapes": (lambda viz: viz.visualize_timeseries_attr(OF_SERIES, SERIES[:3]), ValueError),
    "words": (lambda viz: viz.format_word_importances(["a", "b"], [1.0]), AssertionError),
    "2-D words": (lambda viz: viz.format_word_importances(["a"], torch.ones(1, 2)), AssertionError),
    "a mask": (lambda viz: viz.draw_mask_border(matplotlib.figure.Figure().subplots(), np.ones(3, bool)), ValueError),
}


@pytest.mark.parametrize("name", WRONG)
def test_exceptions_can_be_caught_as_captums_are(name: str):
    from matplotlib import pyplot

    call, expected = WRONG[name]
    with pytest.raises(expected) as theirs:
        call(THEIRS)
    assert type(theirs.value) is expected
    with pytest.raises(expected):
        call(OURS)
    pyplot.close("all")
