"""Pictures and texts that Captum draws wrong, or not at all. Each docstring is a line of `docs/differences.md`."""

from __future__ import annotations

import re
import sys
import warnings
import xml.etree.ElementTree
from typing import Any

import captum.attr
import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import cm, pyplot

import pellucid.attr
from pellucid.errors import InvalidArgument, PellucidWarning

matplotlib.use("Agg")
THEIRS, OURS = captum.attr.visualization, pellucid.attr.visualization
RNG = np.random.default_rng(0)
ATTRIBUTIONS, IMAGE = RNG.normal(size=(6, 5, 3)), RNG.random((6, 5, 3))
SERIES, OF_SERIES = RNG.normal(size=(9, 2)), RNG.normal(size=(9, 2))
TAGS = {"b", "div", "mark", "span", "table", "tbody", "td", "th", "thead", "tr"}
HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a & b", "it's"]


@pytest.fixture
def older_matplotlib(monkeypatch: pytest.MonkeyPatch):
    """What Captum's time series need."""

    def get_cmap(name: Any) -> Any:
        return name if isinstance(name, matplotlib.colors.Colormap) else matplotlib.colormaps[name]

    monkeypatch.setattr(cm, "get_cmap", get_cmap, raising=False)


@pytest.fixture
def ipython(monkeypatch: pytest.MonkeyPatch):
    """Captum's tables as they are where IPython is."""
    monkeypatch.setattr(THEIRS, "HAS_IPYTHON", True)
    monkeypatch.setattr(THEIRS, "HTML", str, raising=False)
    monkeypatch.setattr(THEIRS, "display", lambda shown: None, raising=False)


def image(module: Any, *arguments: Any, **options: Any) -> Any:
    """What is drawn last in an image."""
    return module.visualize_image_attr(*arguments, use_pyplot=False, **options)[1].images[-1]


def captums(*arguments: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return image(THEIRS, *arguments, **options)


@pytest.mark.parametrize(
    ("attributions", "sign", "said"),
    [
        (np.zeros((4, 4)), "all", "No attribution differs from zero"),
        (np.zeros((4, 4)), "positive", "No attribution differs from zero"),
        (-np.ones((4, 4)), "positive", "No attribution is positive: .* Hint: sign='all'"),
        (np.ones((4, 4)), "negative", "No attribution is negative"),
    ],
)
@pytest.mark.parametrize("method", ["heat_map", "blended_heat_map", "masked_image", "alpha_scaling"])
def test_empty_maps(attributions: np.ndarray, sign: str, said: str, method: str):
    """All zero, or none of the sign: Captum raises AssertionError; an empty map, and a warning."""
    sign = "absolute_value" if sign == "all" and method in ("masked_image", "alpha_scaling") else sign
    with pytest.raises(AssertionError):
        captums(attributions, IMAGE[:4, :4], method, sign)
    with pytest.warns(PellucidWarning, match=said):
        drawn = np.asarray(image(OURS, attributions, IMAGE[:4, :4], method, sign).get_array())
    assert not (drawn[..., 3] if method == "alpha_scaling" else drawn).any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_unknown_attributions(value: float):
    """NaN or infinity: Captum raises IndexError for NaN; left blank, and told."""
    attributions = ATTRIBUTIONS[:, :, 0].copy()
    attributions[1, 2] = np.nan
    with pytest.raises(IndexError):
        captums(attributions, sign="all")
    attributions[1, 2] = value
    with pytest.warns(PellucidWarning, match=r"^1 of 30 attributions are NaN or infinite: they are left blank"):
        drawn = image(OURS, attributions, sign="all").get_array()
    attributions[1, 2] = 0
    expected = np.asarray(captums(attributions, sign="all").get_array())
    assert np.ma.getmaskarray(drawn).nonzero() == ((1,), (2,))
    np.testing.assert_allclose(drawn.filled(0), expected)


def test_signs_where_there_are_zeros():
    """`outlier_perc=100` with zeros: Captum raises AssertionError; the signs."""
    with pytest.raises(AssertionError):
        captums(np.array([[0.0, -2.0, 3.0]]), sign="all", outlier_perc=100)
    assert np.asarray(image(OURS, np.array([[0.0, -2.0, 3.0]]), sign="all", outlier_perc=100).get_array()).tolist() == [
        [0, -1, 1]
    ]


@pytest.mark.parametrize(("attributions", "error"), [(None, AttributeError), (ATTRIBUTIONS * 0, AssertionError)])
def test_images_alone(attributions: Any, error: type[Exception]):
    """`original_image` without attributions: Captum raises; the image."""
    with pytest.raises(error):
        captums(attributions, IMAGE, "original_image")
    np.testing.assert_array_equal(
        image(OURS, attributions, IMAGE, "original_image").get_array(),
        captums(ATTRIBUTIONS, IMAGE, "original_image").get_array(),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_tensors(dtype: torch.dtype):
    """Tensors: Captum raises TypeError; drawn, also where they require grad."""
    attributions = torch.from_numpy(ATTRIBUTIONS).to(dtype).requires_grad_()
    with pytest.raises(TypeError):
        captums(attributions)
    np.testing.assert_allclose(
        image(OURS, attributions, torch.from_numpy(IMAGE), "blended_heat_map", "all").get_array(),
        captums(attributions.detach().to(torch.float32).numpy(), IMAGE, "blended_heat_map", "all").get_array(),
        atol=1e-6,
    )


def test_images_beyond_their_range():
    """Negative levels: black in Captum; floats above 1: white; both from the lowest level to the highest."""
    normalized = (IMAGE - 0.5) / 0.2
    assert not captums(ATTRIBUTIONS, normalized - 5, "original_image").get_array().any()
    expected = np.floor((normalized - normalized.min()) / (normalized.max() - normalized.min()) * 255)
    with pytest.warns(PellucidWarning, match=r"^The image lies between -2\.\d+ and 2\.\d+: .* Hint: undo its norm"):
        np.testing.assert_allclose(
            image(OURS, None, normalized, "original_image").get_array()[..., :], expected, atol=1
        )
    as_floats = np.floor(IMAGE * 255).astype(np.float32)
    assert (captums(ATTRIBUTIONS, as_floats, "original_image").get_array() == 1).mean() > 0.9
    np.testing.assert_array_equal(image(OURS, None, as_floats, "original_image").get_array(), as_floats)


def test_an_image_that_rounding_has_left_a_little_outside():
    """An image from 0 to 1 but for rounding: nothing is said, as nothing can be seen."""
    rounded = IMAGE.copy()
    rounded[0, 0], rounded[0, 1] = -1e-7, 1 + 1e-7
    drawn = image(OURS, None, rounded, "original_image").get_array()
    np.testing.assert_array_equal(drawn, np.clip(np.trunc(rounded * 255), 0, 255))


@pytest.mark.parametrize("method", ["original_image", "blended_heat_map", "masked_image", "alpha_scaling"])
@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 1)])
def test_grey_images(method: str, shape: tuple[int, ...]):
    """One channel: Captum's has a map of colours, or fails; grey."""
    grey = np.broadcast_to(IMAGE[:, :, :1], (6, 5, 3))
    ours = image(OURS, ATTRIBUTIONS, IMAGE[:, :, 0].reshape(shape), method, "positive")
    expected = np.asarray(captums(ATTRIBUTIONS, grey, method, "positive").get_array())
    np.testing.assert_allclose(ours.get_array(), expected)
    if method == "original_image":
        assert captums(ATTRIBUTIONS, IMAGE[:, :, 0].reshape(shape), method).get_cmap().name == "viridis"


@pytest.mark.parametrize("channels", [2, 5])
def test_images_of_other_numbers_of_channels(channels: int):
    """Two or five channels: Captum raises TypeError; their mean, and a warning."""
    many = RNG.random((6, 5, channels))
    with pytest.raises(TypeError):
        captums(ATTRIBUTIONS, many, "original_image")
    with pytest.warns(PellucidWarning, match=f"An image of {channels} channels is drawn in grey"):
        drawn = image(OURS, None, many, "original_image").get_array()
    np.testing.assert_allclose(drawn, np.repeat(np.trunc(many * 255).mean(2, keepdims=True), 3, 2), atol=1)
    np.testing.assert_allclose(
        image(OURS, ATTRIBUTIONS, many, "blended_heat_map").axes.images[0].get_array(),
        captums(ATTRIBUTIONS, many, "blended_heat_map").axes.images[0].get_array(),
    )


def test_sizes_that_differ():
    """Attributions of another size than the image: drawn in Captum; refused."""
    captums(ATTRIBUTIONS[:3], IMAGE, "blended_heat_map")
    with pytest.raises(InvalidArgument, match=r"attr must be of the image's height and width, \(6, 5\): got \(3, 5\)"):
        image(OURS, ATTRIBUTIONS[:3], IMAGE, "blended_heat_map")


def distinct(colours: Any) -> float:
    """How far +0.25 and -0.25 are apart to a reader with deuteranopia (Machado 2009), as a distance of linear light."""
    seen_by = np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]])
    linear = np.array([colours(0.625)[:3], colours(0.375)[:3]]) ** 2.2
    return float(np.abs(seen_by @ (linear[0] - linear[1])).max())


def test_colours():
    """Red and green, which look alike to some; orange and blue."""
    assert distinct(captums(ATTRIBUTIONS, sign="all").get_cmap()) < 0.2
    assert distinct(image(OURS, ATTRIBUTIONS, sign="all").get_cmap()) > 0.3
    dark = pyplot.style.context("dark_background")
    with dark:
        assert captums(ATTRIBUTIONS, sign="all").get_cmap()(0.5)[:3] == pytest.approx((1, 1, 1), abs=0.01)
        assert max(image(OURS, ATTRIBUTIONS, sign="all").get_cmap()(0.5)[:3]) < 0.15


def test_maps_on_one_scale():
    """No normalization: cannot be had in Captum; `normalize=None` and `limits`."""
    with pytest.raises(TypeError):
        captums(ATTRIBUTIONS, normalize=None)
    drawn = image(OURS, ATTRIBUTIONS, sign="all", normalize=None)
    np.testing.assert_array_equal(drawn.get_array(), ATTRIBUTIONS.sum(2))
    largest = np.abs(ATTRIBUTIONS.sum(2)).max()
    assert drawn.get_clim() == (-largest, largest)
    assert image(OURS, ATTRIBUTIONS, sign="positive", normalize=None, limits=(0, 9)).get_clim() == (0, 9)
    weak = image(OURS, ATTRIBUTIONS, IMAGE, "masked_image", "positive", normalize=None, limits=(0, 1e6)).get_array()
    assert not weak.any()


@pytest.mark.parametrize("method", ["heat_map", "blended_heat_map", "original_image", "masked_image", "alpha_scaling"])
def test_arrays(method: str):
    """`return_numpy`: what is drawn, and no figure."""
    with pytest.raises(TypeError):
        captums(ATTRIBUTIONS, IMAGE, method, "positive", return_numpy=True)
    before = pyplot.get_fignums()
    array = OURS.visualize_image_attr(ATTRIBUTIONS, IMAGE, method, "positive", return_numpy=True)
    assert pyplot.get_fignums() == before
    assert array.dtype == np.uint8
    drawn = image(OURS, ATTRIBUTIONS, IMAGE, method, "positive")
    if method == "heat_map":
        np.testing.assert_allclose(array, drawn.to_rgba(drawn.get_array(), bytes=True), atol=1)
    elif method == "blended_heat_map":
        below, above = (each.to_rgba(each.get_array(), alpha=1) for each in drawn.axes.images)
        np.testing.assert_allclose(array / 255, (below + above) / 2, atol=0.01)
    else:
        np.testing.assert_array_equal(array, drawn.get_array())


# --------------------------------------------------------------------------------------------------------- time series


def test_time_series_on_current_matplotlib():
    """Captum raises AttributeError on Matplotlib 3.11; drawn."""
    if not hasattr(cm, "get_cmap"):
        with pytest.raises(AttributeError):
            THEIRS.visualize_timeseries_attr(OF_SERIES, SERIES, use_pyplot=False)
    assert len(OURS.visualize_timeseries_attr(OF_SERIES, SERIES, use_pyplot=False)[1]) == 2


@pytest.mark.usefixtures("older_matplotlib")
def test_limits_of_another_figure():
    """Without pyplot, Captum changes pyplot's current figure; its own alone."""
    for module, spacing, limits in ((THEIRS, 0, (0, 8)), (OURS, None, (0, 1))):
        current = pyplot.figure()
        axes = current.subplots()
        figure, panels = module.visualize_timeseries_attr(OF_SERIES, SERIES, use_pyplot=False)
        assert axes.get_xlim() == limits
        assert (current.subplotpars.hspace == 0) == (spacing == 0)
        assert pyplot.gcf() is current
        assert (figure.subplotpars.hspace == 0) == (module is OURS)
        assert (panels[0].get_xlim() == (0, 8)) == (module is OURS)
        pyplot.close(current)


@pytest.mark.usefixtures("older_matplotlib")
@pytest.mark.parametrize("view", ["overlay_individual", "overlay_combined", "colored_graph"])
def test_one_step(view: str):
    """One step: Captum raises IndexError; a dot."""
    if view != "colored_graph":
        with pytest.raises(IndexError):
            THEIRS.visualize_timeseries_attr(OF_SERIES[:1, :1], SERIES[:1, :1], method=view, use_pyplot=False)
    _, axes = OURS.visualize_timeseries_attr(OF_SERIES[:1, :1], SERIES[:1, :1], method=view, use_pyplot=False)
    assert axes.lines[0].get_marker() == "o"
    assert axes.get_xlim() == (-0.5, 0.5)


@pytest.mark.usefixtures("older_matplotlib")
def test_uneven_steps():
    """Uneven distances: all as wide as the first in Captum; from halfway to halfway."""
    times = np.array([0.0, 1.0, 5.0])
    _, theirs = THEIRS.visualize_timeseries_attr(OF_SERIES[:3, :1], SERIES[:3, :1], times, use_pyplot=False)
    assert [patch.get_width() for patch in theirs.patches] == [1, 1, 1]
    _, ours = OURS.visualize_timeseries_attr(OF_SERIES[:3, :1], SERIES[:3, :1], times, use_pyplot=False)
    sides = [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in ours.collections[0].get_paths()]
    assert sides == [(-0.5, 0.5), (0.5, 3), (3, 7)]


@pytest.mark.usefixtures("older_matplotlib")
def test_coloured_lines():
    """A line above zero is cut off in Captum, and one of zero attributions cannot be seen."""
    above = np.array([[10.0], [11.0], [12.0]])
    _, theirs = THEIRS.visualize_timeseries_attr(OF_SERIES[:3, :1], above, method="colored_graph", use_pyplot=False)
    assert theirs.get_ylim()[0] > 10
    assert not theirs.lines
    with pytest.warns(PellucidWarning, match="No attribution differs from zero"):
        _, ours = OURS.visualize_timeseries_attr(above * 0, above, method="colored_graph", use_pyplot=False)
    assert ours.get_ylim()[0] < 10 < 12 < ours.get_ylim()[1]
    assert ours.lines[0].get_linewidth() > ours.collections[0].get_linewidth()[0]


@pytest.mark.usefixtures("older_matplotlib")
def test_panels_and_a_colour_bar():
    """The last panel is lower than the others in Captum; they are equal."""
    for module in (THEIRS, OURS):
        figure, axes = module.visualize_timeseries_attr(OF_SERIES, SERIES, show_colorbar=True, use_pyplot=False)
        figure.draw_without_rendering()
        heights = [one.get_position().height for one in axes]
        assert (heights[0] == pytest.approx(heights[1])) == (module is OURS)


@pytest.mark.usefixtures("older_matplotlib")
def test_labels_and_times():
    """Wrong labels or times: an IndexError, or drawn, in Captum; refused."""
    with pytest.raises(IndexError):
        THEIRS.visualize_timeseries_attr(OF_SERIES, SERIES, channel_labels=["a"], use_pyplot=False)
    with pytest.raises(InvalidArgument, match="channel_labels must be as many as channels, 2: got 1"):
        OURS.visualize_timeseries_attr(OF_SERIES, SERIES, channel_labels=["a"])
    backwards = np.arange(9)[::-1]
    THEIRS.visualize_timeseries_attr(OF_SERIES, SERIES, backwards, use_pyplot=False)
    with pytest.raises(InvalidArgument, match="x_values must increase"):
        OURS.visualize_timeseries_attr(OF_SERIES, SERIES, backwards)
    with pytest.warns(UserWarning, match="No artists"):
        THEIRS.visualize_timeseries_attr(OF_SERIES, SERIES, method="overlay_combined", use_pyplot=False)
    assert (
        OURS.visualize_timeseries_attr(OF_SERIES, SERIES, method="overlay_combined", use_pyplot=False)[1].legend_
        is None
    )


def test_a_wrong_argument_leaves_no_figure():
    """A wrong argument: an empty figure stays with pyplot in Captum; none."""
    for module, left in ((THEIRS, 1), (OURS, 0)):
        before = len(pyplot.get_fignums())
        for wrong in (
            {"sign": "nope"},
            {"outlier_perc": 200},
            {"cmap": "nope"},
            {"method": "nope"},
            {"alpha_overlay": 2},
        ):
            with pytest.raises((KeyError, AssertionError, ValueError)):
                module.visualize_image_attr(ATTRIBUTIONS, IMAGE, **{"method": "blended_heat_map"} | wrong)
            assert len(pyplot.get_fignums()) == before + left
            pyplot.close("all")
            before = 0


# --------------------------------------------------------------------------------------------------------------- texts


@pytest.mark.usefixtures("ipython")
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text(text: str):
    """What has a meaning in HTML becomes part of the page in Captum; escaped everywhere."""
    record = ([0.5, 0.1], 0.5, text, text, text, 0.1, [text, "word"], text)

    def sources(module: Any) -> list[str]:
        return [
            module.format_classname(text),
            module.format_tooltip(text, text),
            module.format_word_importances([text, "word"], [0.5, 0.1]),
            str(module.visualize_text([module.VisualizationDataRecord(*record)])),
        ]

    for theirs, ours in zip(sources(THEIRS), sources(OURS), strict=True):
        assert text in theirs or THEIRS.format_special_tokens(text) in theirs
        tree = xml.etree.ElementTree.fromstring(ours)  # which names no script, image or unknown attribute
        assert {part.tag for part in tree.iter()} <= TAGS
        assert {name for part in tree.iter() for name in part.attrib} <= {"class", "dir", "scope", "style", "title"}
        shown = "".join(tree.itertext())
        assert text in shown or OURS.format_special_tokens(text) in shown
        assert shown.count("alert") == theirs.count("alert")


def test_without_ipython(tmp_path: Any):
    """Without IPython: Captum raises AssertionError; an object with its source, which can be saved."""
    record = ([0.5, 0.1], 0.5, 1, 1, 1, 0.1, ["a", "b"], 0.0)
    with pytest.raises(AssertionError):
        THEIRS.visualize_text([THEIRS.VisualizationDataRecord(*record)])
    shown = OURS.visualize_text([OURS.VisualizationDataRecord(*record)])
    assert str(shown) == shown.data == shown._repr_html_()
    shown.save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert shown.data in page
    assert "default-src 'none'" in page


@pytest.mark.usefixtures("ipython")
def test_markup():
    """Rows that are not closed in Captum; well formed."""
    record = ([0.5, 0.1], 0.5, 1, 1, 1, 0.1, ["a", "b"], 0.0)
    with pytest.raises(xml.etree.ElementTree.ParseError):
        xml.etree.ElementTree.fromstring(THEIRS.visualize_text([THEIRS.VisualizationDataRecord(*record)]))
    tree = xml.etree.ElementTree.fromstring(OURS.visualize_text([OURS.VisualizationDataRecord(*record)] * 3).data)
    assert len(tree.findall(".//tbody/tr")) == 3
    assert [cell.text for cell in tree.findall(".//th")] == [
        *("True Label", "Predicted Label", "Attribution Label", "Attribution Score", "Word Importance")
    ]


def test_colours_of_words():
    """Green and red in Captum, full above 1; orange and blue, full above 1 or `limit`, with a line and the value."""
    words, importances = ["a", "b", "c", "d"], [0.5, -0.5, 1.0, 3.0]
    theirs = THEIRS.format_word_importances(words, importances)
    assert re.findall(r"hsl\((\d+), 75%, (\d+)%\)", theirs) == [
        ("120", "75"),
        ("0", "80"),
        ("120", "50"),
        ("120", "50"),
    ]

    def marks(cell: str) -> list[tuple[str, str, str]]:
        style = re.compile(r"background-color: #(\w+);.*text-decoration: (\w+)")
        found = xml.etree.ElementTree.fromstring(cell).iter("mark")
        return [(*style.search(mark.get("style")).groups(), mark.get("title")) for mark in found]

    positive, negative, full, above = marks(OURS.format_word_importances(words, importances))
    assert int(positive[0][:2], 16) < int(positive[0][4:], 16)  # more blue than red
    assert int(negative[0][:2], 16) > int(negative[0][4:], 16)
    assert full[0] == above[0] != positive[0]
    assert [mark[1:] for mark in (positive, negative, above)] == [
        ("overline", "+0.5"),
        ("underline", "-0.5"),
        ("overline", "+3"),
    ]
    record = OURS.VisualizationDataRecord(importances, 0.5, 1, 1, 1, 0.1, words, 0.0)
    *_, full, above = marks(OURS.visualize_text([record], legend=False, limit=3.0).data)
    assert full[0] != above[0]


def test_words_without_a_number():
    """NaN: full green in Captum; no colour, and told."""
    assert "hsl(120, 75%, 50%)" in THEIRS.format_word_importances(["a"], [float("nan")])
    with pytest.warns(PellucidWarning, match=r"^1 of 2 attributions of words are NaN"):
        cell = OURS.format_word_importances(["a", "b"], [float("nan"), 0.0])
    first, second = xml.etree.ElementTree.fromstring(cell)
    for mark, line in ((first, "wavy"), (second, "none")):
        assert "background-color: #f7f7f7" in mark.get("style")
        assert line in mark.get("style")


@pytest.mark.usefixtures("ipython")
def test_what_is_not_known_of_a_record():
    """No probability, no score: Captum raises TypeError; left out. The delta is a tooltip."""
    record = ([0.5, 0.1], None, "label", 1, 1, None, ["a", "b"], 0.25)
    with pytest.raises(TypeError):
        THEIRS.visualize_text([THEIRS.VisualizationDataRecord(*record)])
    tree = xml.etree.ElementTree.fromstring(OURS.visualize_text([OURS.VisualizationDataRecord(*record)]).data)
    row = tree.find(".//tbody/tr")
    assert ["".join(cell.itertext()) for cell in row] == ["1", "label", "1", "", "a b"]
    assert row.get("title") == "convergence delta 0.25"


# --------------------------------------------------------------------------------------------------------------- masks


def test_borders_of_no_width():
    """`border_width=0`: all of the mask in Captum; nothing."""
    mask = np.ones((5, 5), dtype=bool)
    painted = []
    for module in (THEIRS, OURS):
        axes = pyplot.figure().subplots()
        module.draw_mask_border(axes, mask, 0)
        painted.append(sum(int((each.get_array()[..., 3] > 0).sum()) for each in axes.images))
        pyplot.close("all")
    assert painted == [25, 0]


def test_masks_of_numbers():
    """Floats: Captum raises TypeError; zeros and ones are right in any dtype. Other numbers: drawn; refused."""
    mask = np.zeros((6, 6))
    mask[1:5, 1:5] = 1
    axes = matplotlib.figure.Figure().subplots()
    with pytest.raises(TypeError):
        THEIRS.draw_mask_border(axes, mask)
    OURS.draw_mask_border(axes, torch.from_numpy(mask))
    assert int((axes.images[0].get_array()[..., 3] > 0).sum()) == 12
    THEIRS.draw_mask_border(axes, mask.astype(int) * 2)
    with pytest.raises(InvalidArgument, match=r"mask must be of booleans, or of zeros and ones"):
        OURS.draw_mask_border(axes, mask.astype(int) * 2)


def test_borders_without_scipy(monkeypatch: pytest.MonkeyPatch):
    """Without SciPy: Captum raises ImportError; drawn."""
    for name in [name for name in sys.modules if name.split(".")[0] == "scipy"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scipy", None)
    axes = matplotlib.figure.Figure().subplots()
    with pytest.raises(ImportError):
        THEIRS.draw_mask_border(axes, np.ones((5, 5), dtype=bool))
    OURS.draw_mask_border(axes, np.ones((5, 5), dtype=bool))
    assert len(axes.images) == 1


def test_the_module_can_be_imported():
    """`captum.attr.visualization` is no module; `pellucid.attr.visualization` is."""
    with pytest.raises(ModuleNotFoundError):
        exec("from captum.attr.visualization import visualize_text")
    names: dict[str, Any] = {}
    exec("from pellucid.attr.visualization import visualize_text\nfrom pellucid.attr import visualization", names)
    assert names["visualization"].visualize_text is names["visualize_text"]
