from __future__ import annotations

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from pellucid.errors import InvalidArgument, UnknownName
from pellucid.plot import DARK, LIGHT, image, images_side_by_side
from pellucid.plot.arrays import Array
from pellucid.plot.axis import MINUS
from pellucid.plot.charts.maps_in_characters import MOST_COLUMNS
from pellucid.plot.raster import hatched, pictures_of, resized, smoothed
from pellucid.plot.scale import Scale
from pellucid.plot.scene import Pixels, Text
from pellucid.plot.sheet import Sheet
from pellucid.plot.svg import png_of
from plot.stand_in import StandIn, StandInInput, blobs, images, of_part, table


def explained(values: Any, inputs: Any = None, **fields: Any) -> StandIn:
    return of_part(StandInInput("image", np.asarray(values, dtype=float), inputs), **fields)


def pixels_of(chart: Any, theme: Any = LIGHT, width: float = 640) -> list[Pixels]:
    return [mark for mark in chart.scene(Sheet(width=width, theme=theme)).marks if isinstance(mark, Pixels)]


def texts_of(chart: Any) -> list[str]:
    return [mark.text for mark in chart.scene(Sheet()).marks if isinstance(mark, Text)]


def written(chart: Any, sheet: Sheet | None = None) -> str:
    return " ".join(mark.text for mark in chart.scene(sheet or Sheet()).marks if isinstance(mark, Text))


HALVES = np.concatenate([np.full((1, 3, 40, 20), 0.5), np.full((1, 3, 40, 20), -0.25)], axis=3)


def test_attributions_are_added_up_over_channels_and_the_scale_is_in_their_numbers():
    chart = image(explained(HALVES), outlier_percent=0)
    assert chart.scale is not None
    assert chart.scale.largest == pytest.approx(1.5)
    assert {f"{MINUS}1.50", "0", "+1.50"} <= set(texts_of(chart))
    (panel,) = chart.groups[0]
    np.testing.assert_allclose(panel.values, HALVES[0].sum(0))


def test_each_map_is_beside_its_original_below_the_target_and_the_prediction():
    chart = image(images(3))
    assert [[panel.label for panel in group] for group in chart.groups] == [["original", "overlay"]] * 3
    assert chart.headlines[1] == "2. tabby cat (0.65 logit)"
    original, drawn, legend = pixels_of(image(images()))
    assert original.y == drawn.y
    assert original.x + original.width < drawn.x
    assert (original.width, original.height) == (drawn.width, drawn.height)
    assert legend.y > drawn.y + drawn.height


def test_twelve_examples_are_drawn_and_a_note_counts_the_others():
    chart = image(images(20, 8, 8))
    assert len(chart.groups) == len(chart.headlines) == 12
    assert "8 more examples are not shown." in chart.note
    assert len(pixels_of(chart)) == 25


@pytest.mark.parametrize("shared", [True, False])
def test_the_scale_is_that_of_all_examples_or_of_each(shared: bool):
    values = np.stack([HALVES[0], HALVES[0] * 10])
    chart = image(explained(values), shared_scale=shared, outlier_percent=0)
    largest = [group[0].scale.largest for group in chart.groups if group[0].scale]
    assert largest == pytest.approx([15, 15] if shared else [1.5, 15])
    texts = written(chart)
    assert ("+1.50" in texts, texts.count("+15.0")) == (not shared, 1)


def test_what_is_beyond_the_scale_is_counted_and_said_at_its_ends():
    values = np.ones((1, 10, 10))
    values[0, 0, 0] = 50.0
    chart = image(explained(values), outlier_percent=40)
    assert chart.scale == Scale(largest=1.0, beyond=1)
    assert "≥ +1.00" in written(chart)
    assert "1 lies beyond the scale." in written(chart)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_negative_regions_are_crossed_by_lines_and_others_are_not(theme: Any):
    (drawn, _) = pixels_of(image(explained(HALVES), view="heat_map"), theme)
    middle = drawn.levels.shape[1] // 2
    assert len(np.unique(drawn.levels[:, : middle - 20].reshape(-1, 4), axis=0)) == 1
    assert len(np.unique(drawn.levels[:, middle + 20 :].reshape(-1, 4), axis=0)) == 2
    assert "Hatched: negative." in written(image(explained(HALVES)))


def test_zero_and_what_is_positive_are_not_crossed():
    levels = np.full((20, 20, 3), 200.0)
    assert (hatched(levels, np.zeros((20, 20), bool), 20) == levels).all()
    crossed = (hatched(levels, np.ones((20, 20), bool), 20) != levels).any(axis=2)
    assert 0.05 < crossed.mean() < 0.4


def test_contours_surround_what_is_largest_dashed_where_it_is_negative():
    chart = image(images(), view="contour")
    _, drawn = pixels_of(chart)
    reds, blues = drawn.levels[:, :, 0].astype(int), drawn.levels[:, :, 2].astype(int)
    assert (blues - reds > 100).sum() > 50
    assert (reds - blues > 100).sum() > 20
    assert "dashed where it is negative" in written(chart)


def test_masks_and_opacities_are_shares_of_the_scale():
    picture = np.ones((1, 3, 40, 40))
    (original, drawn) = pixels_of(image(explained(HALVES, picture), view="masked", outlier_percent=0))
    assert (original.levels == 255).all()
    assert drawn.levels[5, 5].tolist() == [255, 255, 255, 255]
    assert 50 < int(drawn.levels[5, -5, 0]) < 200
    (_, drawn) = pixels_of(image(explained(HALVES, picture), view="alpha", outlier_percent=0))
    assert set(np.unique(drawn.levels[:, :, 3])) == {128, 255}


@pytest.mark.parametrize(
    ("sign", "ends", "empty_half"),
    [("positive", "0 +1.50", 1), ("negative", f"0 {MINUS}0.750", 0), ("absolute_value", "0 +1.50", None)],
)
def test_signs(sign: Any, ends: str, empty_half: int | None):
    chart = image(explained(HALVES), sign=sign, view="heat_map", outlier_percent=0)
    assert ends in written(chart)
    drawn = pixels_of(chart)[0].levels
    halves = drawn[:, :50], drawn[:, -50:]
    if empty_half is not None:
        assert (halves[empty_half] == [247, 247, 247, 255]).all()


def test_unknown_values_are_blank_and_counted():
    values = HALVES.copy()
    values[0, 1, :10, :10] = np.nan
    chart = image(explained(values))
    assert "Missing (not finite): 100 of 1600 attributions." in chart.note
    levels = pixels_of(chart)[0].levels
    times = levels.shape[0] // 40
    assert (levels[: 9 * times, : 9 * times, 3] == 0).all()
    assert (levels[11 * times :, 11 * times :, 3] == 255).all()


def test_a_map_of_zeros_says_so():
    chart = image(explained(np.zeros((1, 8, 8)), np.zeros((1, 8, 8))))
    assert chart.note == "No attribution differs from zero."
    assert "No attribution is negative." in image(explained(np.ones((1, 8, 8))), sign="negative").note


@pytest.mark.parametrize(
    ("inputs", "level", "note"),
    [
        (np.full((1, 3, 4, 4), 0.5), 128, ""),
        (np.full((1, 4, 4), 0.5), 128, ""),
        (np.full((1, 1, 4, 4), 200), 200, ""),
        (
            np.linspace(-2, 2, 48).reshape(1, 3, 4, 4),
            0,
            f"Pictures were rescaled: their levels are from {MINUS}2 to 2.",
        ),
        (np.linspace(0, 1000, 16).reshape(1, 4, 4), 0, "Pictures were rescaled: their levels are from 0 to 1000."),
    ],
)
def test_pictures_of_all_ranges(inputs: Array, level: int, note: str):
    pictures = pictures_of(inputs)
    assert pictures.levels is not None
    assert pictures.levels.shape == (1, 4, 4, 3)
    assert pictures.levels.dtype == np.uint8
    assert pictures.levels[0, 0, 0, 0] == level
    assert pictures.note == note


def test_the_note_says_what_became_of_normalized_pictures():
    values = blobs(1, 8, 8)
    assert "rescaled" in image(explained(values, np.random.default_rng(0).normal(size=(1, 3, 8, 8)))).note


@pytest.mark.parametrize("channels", [2, 4, 13])
def test_inputs_of_other_channels_have_maps_alone(channels: int):
    chart = image(images(2, 8, 8, channels))
    assert [len(group) for group in chart.groups] == [1, 1]
    assert "the maps alone are drawn" in chart.note
    with pytest.raises(InvalidArgument, match=r"view must be 'heat_map'.*Hint: plot\.image"):
        image(images(2, 8, 8, channels), view="original")


def test_inputs_that_were_not_kept_have_maps_alone():
    chart = image(explained(HALVES))
    assert [len(group) for group in chart.groups] == [1]
    assert "not kept" in chart.note


def test_layers_have_the_pictures_of_the_input():
    pictures = np.zeros((1, 3, 14, 14))
    parts = (StandInInput("image", blobs(1, 7, 7, 1)), StandInInput("image", np.zeros((1, 3, 14, 14)), pictures))
    chart = image(explained(blobs(1, 7, 7, 1), parts=parts))
    assert [panel.label for panel in chart.groups[0]] == ["original", "overlay"]
    assert "Maps of 7 by 7" in chart.note


def test_unknown_levels_are_told():
    pictures = np.full((1, 3, 8, 8), 0.5)
    pictures[0, 0, 0, :2] = np.nan, np.inf
    assert "NaN or infinite, 2, were drawn as 0." in image(explained(blobs(1, 8, 8), pictures)).note


def test_small_maps_are_stretched_and_the_note_says_so():
    chart = image(explained(blobs(1, 7, 7, 1), np.zeros((1, 3, 224, 200))))
    assert "Maps of 7 by 7 were stretched to the pictures' 224 by 200." in chart.note
    original, drawn, _ = pixels_of(chart)
    assert original.levels.shape == drawn.levels.shape == (448, 400, 4)


def test_resizing_keeps_constants_and_means():
    array = np.random.default_rng(0).random((12, 8))
    assert resized(array, 12, 8) is not None
    np.testing.assert_array_equal(resized(array, 12, 8), array)
    np.testing.assert_allclose(resized(array, 6, 4), array.reshape(6, 2, 4, 2).mean(axis=(1, 3)))
    for size in ((24, 16), (5, 3), (37, 29), (12, 80)):
        np.testing.assert_allclose(resized(np.full((12, 8), 0.3), *size), 0.3)
        assert resized(array, *size).shape == size
    ramp = resized(np.array([[0.0, 1.0]]), 1, 100)
    assert (np.diff(ramp) >= 0).all()
    np.testing.assert_allclose(smoothed(np.full((9, 9), 2.0), 2), 2.0)


def test_terminals_show_signs_without_colours_in_at_most_48_columns():
    chart = image(explained(HALVES, np.zeros((1, 3, 40, 40))))
    rows = [line for line in chart.text(120).split("\n") if re.fullmatch(r"[-+·░▒▓█ ]{20,}", line)]
    assert rows
    assert max(map(len, rows)) <= MOST_COLUMNS
    for row in rows:
        assert "-" not in row[: len(row) // 2 - 2]
        assert "+" not in row[len(row) // 2 + 2 :]
        assert (row.count("+"), row.count("-")) == (pytest.approx(len(rows[0]) // 4, abs=1),) * 2
    assert "+█" in rows[0]
    assert "-▒" in rows[0]
    assert "\x1b[38;2" in chart.text(coloured=True)


def test_the_characters_of_terminals_stand_for_means_of_areas():
    values = np.zeros((2, 1, 48, 48))
    values[0, 0, :2, :2], values[1, 0, -2:, -2:] = 1.0, [[-4.0, 0.0], [0.0, 0.0]]
    shared = image(explained(values)).text(160)
    assert f"-█ {MINUS}1.00 · 0 +█ +1.00, means of areas." in shared
    assert shared.count("█") == 2 + 2
    assert f"-█ {MINUS}1.00 · 0." not in shared
    alone = image(explained(values), sign="negative", shared_scale=False).text(160)
    assert f"-█ {MINUS}1.00 · 0" in alone
    assert "+░" not in alone


def test_several_methods_are_columns_with_their_own_scales_or_one():
    methods = {"integrated_gradients": images(2), "layer_grad_cam": images(2, 7, 7, 1)}
    chart = images_side_by_side(methods)
    assert [panel.label for panel in chart.groups[0]] == ["original", "integrated gradients", "layer grad cam"]
    assert chart.scale is None
    assert "Each map has its own scale" in chart.legend
    drawn = pixels_of(images_side_by_side({"a": images(), "b": images()}))
    assert len(drawn) == 3 + 2
    assert len({mark.y for mark in drawn if mark.height > 20}) == 1
    shared = images_side_by_side(methods, shared_scale=True)
    assert shared.scale is not None
    assert "All maps share one scale." in shared.legend


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: image(images(), view="x"), UnknownName, "view must be one of 'overlay'"),
        (lambda: image(images(), sign="x"), UnknownName, "sign must be one of 'all'"),
        (lambda: image(images(), outlier_percent=200), InvalidArgument, "outlier_percent must be a number from 0"),
        (
            lambda: image(explained(np.zeros((0, 3, 4, 4)))),
            InvalidArgument,
            r"at least one example for 'image': got none\. Hint: ",
        ),
        (lambda: image(table()), InvalidArgument, r"image needs image: got an explanation of table\. Hint: "),
        (lambda: image(explained(np.zeros((2, 5)))), InvalidArgument, r"\(B, C, H, W\) or \(B, H, W\): got .* Hint: "),
        (lambda: images_side_by_side({}), InvalidArgument, r"a mapping of at least one method.*: got \{\}\. Hint: "),
        (lambda: images_side_by_side(images()), InvalidArgument, "explanations must be a mapping"),
        (
            lambda: images_side_by_side({"a": images(1), "b": images(2)}),
            InvalidArgument,
            r"of the same examples: got \{'a': 1, 'b': 2\}.* Hint: ",
        ),
    ],
)
def test_messages(call: Any, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        call()


class TestFiles:
    @pytest.mark.parametrize("kind", ["palette", "colours", "opacities"])
    def test_pngs_hold_the_pixels(self, kind: str):
        generator = np.random.default_rng(0)
        levels = generator.integers(0, 256, (40, 30, 4)).astype(np.uint8)
        if kind == "palette":
            levels = levels[:2, :10].repeat(20, axis=0).repeat(3, axis=1)
        if kind == "colours":
            levels[:, :, 3] = 255
        read = np.rint(imread(io.BytesIO(png_of(levels)), "png") * 255)
        np.testing.assert_array_equal(read[:, :, :3], levels[:, :, :3])
        if kind != "colours":
            np.testing.assert_array_equal(read[:, :, 3], levels[:, :, 3])

    @pytest.mark.parametrize("view", ["overlay", "heat_map", "contour", "masked", "alpha"])
    def test_photographs_take_few_bytes(self, view: Any):
        load_sample_images = pytest.importorskip("sklearn.datasets").load_sample_images
        pytest.importorskip("PIL")
        photo = resized(load_sample_images().images[0][:427, 100:527], 224, 224).transpose(2, 0, 1)[None] / 255
        source = image(explained(blobs(1, 224, 224), photo), view=view).svg()
        pictures = [len(base64.b64decode(data)) for data in re.findall(r"base64,([^\"]+)", source)]
        assert len(pictures) >= 2
        assert max(pictures) < 200_000
        assert len(source) < 400_000

    def test_large_pictures_are_drawn_as_large_as_they_are_shown(self):
        original, drawn, _ = pixels_of(image(explained(blobs(1, 1000, 1200), np.zeros((1, 3, 1000, 1200)))))
        assert original.levels.shape == drawn.levels.shape
        assert original.levels.shape[1] < 2 * original.width
