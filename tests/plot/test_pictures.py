"""What holds for every chart of images, texts, series, interactions and rounds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from pellucid.plot import (
    DARK,
    LIGHT,
    Theme,
    convergence,
    image,
    images_side_by_side,
    interaction_network,
    timeseries,
    tokens,
    tokens_side_by_side,
)
from pellucid.plot.charts.base import Chart
from pellucid.plot.charts.curves import MARKERS
from pellucid.plot.lettering import columns_of
from pellucid.plot.scene import Dot, Line, Pixels, Polygon, Rectangle, Scene, Text
from pellucid.plot.sheet import Sheet
from plot.stand_in import StandIn, images, series, table, texts

EVIL = "<script>alert('1')</script> & \"quotes\" \x1b[31m \u202e ]]>"
WORDS = ("[CLS]", "not", "un", "##believ", "##ably", EVIL, "good", "\n", "x" * 150, "word", "[SEP]") * 3
ARABIC = ("هذا", "الفيلم", "رائع", "جدا", "ولكن", "النهاية", "كانت", "سيئة", "للغاية", "في", "رأيي", "المتواضع")
LONG = "the probability that a customer of the shop comes back within thirty days"


def interacting(features: int, examples: int = 1, size: float = 1.0) -> StandIn:
    values = np.random.default_rng(3).normal(size=(examples, features, features)) * size
    names = tuple(f"feature {number}, {LONG[: 7 * number]}" for number in range(features))
    return table(examples, features, interactions=values + values.transpose(0, 2, 1), feature_names=names)


def in_rounds(error: float, rounds: int = 8) -> StandIn:
    return table(1, rounds=tuple((100.0 * 2**number, error / 2**number) for number in range(rounds)))


def with_unknown(explanation: StandIn) -> StandIn:
    values = explanation.parts[0].values
    values[(0,) * max(2, values.ndim - 1)] = np.nan
    return explanation


METHODS = ("kernel_shap", "permutation_sampling", "leverage", EVIL)
CHARTS: dict[str, Chart] = {
    "one image": image(images()),
    "image of a long target": image(images(target_names=(f"{LONG} {EVIL}",))),
    "many images": image(images(20, 16, 16)),
    "images, each with its scale": image(images(3), shared_scale=False),
    "contours": image(images(2), view="contour", sign="negative"),
    "originals": image(images(2), view="original"),
    "high images": image(images(2, 60, 12)),
    "wide images": image(images(2, 12, 60)),
    "image with gaps": image(with_unknown(images())),
    "images by method": images_side_by_side(dict.fromkeys(METHODS, images(2))),
    "images by method, one scale": images_side_by_side(dict.fromkeys(METHODS, images()), shared_scale=True),
    "text": tokens(with_unknown(texts((WORDS, ARABIC, ())))),
    "small numbers": tokens(texts((WORDS,), np.random.default_rng(0).normal(size=(1, 33)) * 1e-7)),
    "large numbers": tokens(texts((WORDS,), np.random.default_rng(0).normal(size=(1, 33)) * 1e7)),
    "text by method": tokens_side_by_side(dict.fromkeys(METHODS, texts((WORDS, ARABIC)))),
    "series": timeseries(series()),
    "coloured series": timeseries(series(channels=2), view="coloured"),
    "bars of series": timeseries(series(), view="bars"),
    "many channels": timeseries(series(channels=20, steps=2000)),
    "series of one step": timeseries(series(steps=1)),
    "series with gaps": timeseries(with_unknown(series(steps=9)), view="bars"),
    "long names": timeseries(series(channels=2, feature_names=(LONG * 2, EVIL))),
    "network": interaction_network(interacting(6)),
    "large network": interaction_network(interacting(30, 3)),
    "network of one": interaction_network(interacting(1)),
    "small interactions": interaction_network(interacting(12, size=1e-7)),
    "one curve": convergence(in_rounds(0.3), tolerance=0.01),
    "one round": convergence(in_rounds(0.3, 1)),
    "curves": convergence({name: in_rounds(0.3 + 0.01 * len(name)) for name in METHODS}, tolerance=1e-9),
    "curves that meet": convergence({f"{LONG} {number}": in_rounds(0.3) for number in range(9)}),
}
SHEETS = {
    "phone": Sheet(width=360),
    "page": Sheet(width=640),
    "dark page": Sheet(width=640, theme=DARK),
    "wide page": Sheet(width=960),
    "terminal": Sheet.of_terminal(80),
    "narrow terminal": Sheet.of_terminal(60),
}
every_chart = pytest.mark.parametrize("name", CHARTS)
every_sheet = pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
every_theme = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])


@dataclass(frozen=True)
class Box:
    left: float
    right: float
    top: float
    bottom: float
    text: str

    def covers(self, other: Box) -> bool:
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across > 0.5 and down > 0.5


def boxes_of(scene: Scene, sheet: Sheet) -> list[Box]:
    """Where texts are; the markers of curves may meet, as curves do."""
    boxes = []
    for mark in scene.marks:
        if isinstance(mark, Text) and mark.text.strip() and mark.text not in tuple(MARKERS):
            width = sheet.text_width(mark.text, scale=mark.scale, bold=mark.bold)
            left = mark.x - {"start": 0.0, "middle": width / 2, "end": width}[mark.anchor]
            half = 0.5 if sheet.is_grid else 0.42 * scene.letter * mark.scale
            boxes.append(Box(left, left + width, mark.y - half, mark.y + half, mark.text))
    return boxes


@every_sheet
@every_chart
def test_every_text_is_on_the_sheet(name: str, sheet: Sheet):
    scene = CHARTS[name].scene(sheet)
    outside = [
        box
        for box in boxes_of(scene, sheet)
        if box.left < -0.01 or box.right > scene.width + 0.01 or box.top < -0.01 or box.bottom > scene.height + 0.01
    ]
    assert outside == []


@every_sheet
@every_chart
def test_no_text_covers_another(name: str, sheet: Sheet):
    boxes = boxes_of(CHARTS[name].scene(sheet), sheet)
    assert [(one, other) for one, other in itertools.combinations(boxes, 2) if one.covers(other)] == []


@every_sheet
@every_chart
def test_every_mark_is_on_the_sheet(name: str, sheet: Sheet):
    scene = CHARTS[name].scene(sheet)
    assert scene.height > 0
    for mark in scene.marks:
        for x, y in corners(mark):
            assert -0.01 <= x <= scene.width + 0.01, mark
            assert -0.01 <= y <= scene.height + 0.01, mark


def corners(mark: object) -> list[tuple[float, float]]:
    match mark:
        case Rectangle() | Pixels():
            return [(mark.x, mark.y), (mark.x + mark.width, mark.y + mark.height)]
        case Line() | Polygon():
            return list(mark.places)
        case Dot():
            return [(mark.x - mark.radius, mark.y - mark.radius), (mark.x + mark.radius, mark.y + mark.radius)]
        case _:
            return []


@every_theme
@every_chart
def test_every_text_can_be_read_on_what_is_below_it(name: str, theme: Theme):
    scene = CHARTS[name].scene(Sheet(theme=theme))
    below: list[Rectangle] = []
    for mark in scene.marks:
        if isinstance(mark, Rectangle):
            below.append(mark)
        if isinstance(mark, Text):
            fills = [
                each.fill
                for each in below
                if each.x <= mark.x <= each.x + each.width and each.y <= mark.y <= each.y + each.height
            ]
            assert contrast(mark.colour, fills[-1] if fills else scene.background) >= 4.5, mark


def contrast(one: str, other: str) -> float:
    """That of WCAG 2."""
    lights = []
    for colour in (one, other):
        levels = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
        linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
        lights.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(lights) + 0.05) / (min(lights) + 0.05)


@every_theme
@every_chart
def test_the_source_is_well_formed_the_same_each_time_and_has_no_element_of_users(name: str, theme: Theme):
    source = CHARTS[name].svg(theme)
    assert source == CHARTS[name].svg(theme)
    root = ElementTree.fromstring(source)
    kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert kinds <= {"svg", "rect", "path", "circle", "text", "image", "title"}
    assert {key for element in root.iter() for key in element.attrib if key.startswith("on")} == set()
    assert "\n" not in root.attrib["aria-label"]
    assert len(root.attrib["aria-label"]) > 20


@pytest.mark.parametrize("columns", [60, 80, 120])
@every_chart
def test_terminals_show_it_in_their_width_and_are_not_controlled(name: str, columns: int):
    text = CHARTS[name].text(columns)
    assert max(columns_of(line) for line in text.split("\n")) <= columns
    assert "\x1b" not in text
    assert "\u202e" not in text
    coloured = CHARTS[name].text(columns, coloured=True)
    assert "\x1b[31m" not in coloured


@every_theme
@every_chart
def test_matplotlib_draws_it(name: str, theme: Theme, tmp_path: Path):
    figure = CHARTS[name].figure(theme=theme)
    figure.savefig(tmp_path / "chart.png", dpi=30)
    drawn = {text.get_text() for text in figure.axes[0].texts}
    scene = CHARTS[name].scene(Sheet(theme=theme))
    assert len(drawn) == len({mark.text for mark in scene.marks if isinstance(mark, Text)})


@every_chart
def test_pages_show_it_in_both_themes(name: str):
    page = CHARTS[name]._repr_html_()
    assert LIGHT.background in page
    assert DARK.background in page
    assert repr(CHARTS[name]) == CHARTS[name].text()
