"""What holds of every chart: the laws, run over all of `charts_to_draw` and `pictures_to_draw`."""

from __future__ import annotations

import functools
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pellucid.plot.artists import draw_scene, save_figure
from pellucid.plot.charts import Chart
from pellucid.plot.charts.curves import MARKERS
from pellucid.plot.lettering import columns_of, printable
from pellucid.plot.scene import Dot, Line, Mark, Pixels, Polygon, Rectangle, Scene, Text
from pellucid.plot.sheet import Sheet
from pellucid.plot.svg import svg_of
from pellucid.plot.theme import DARK
from plot.charts_to_draw import CHARTS
from plot.pictures_to_draw import PICTURES

SHEETS = {
    "page": Sheet(),
    "dark page": Sheet(theme=DARK),
    "wide page": Sheet(width=960.0),
    "dark phone": Sheet(width=360.0, theme=DARK),
    "terminal": Sheet.of_terminal(),
    "narrow terminal": Sheet.of_terminal(60, DARK),
}
SVG, LABEL = "{http://www.w3.org/2000/svg}", "aria-label"


ALL = {**CHARTS, **PICTURES}


@functools.cache
def drawn(name: str) -> Chart:
    """A chart, made once for all laws."""
    return ALL[name]()


@functools.cache
def scene_of(name: str, sheet: str) -> Scene:
    """A chart on one of the sheets, laid out once for all laws."""
    return drawn(name).scene(SHEETS[sheet])


@pytest.fixture(params=ALL)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def chart(name: str) -> Chart:
    return drawn(name)


@pytest.fixture
def scenes(name: str) -> dict[str, tuple[Scene, Sheet]]:
    """The chart on all sheets."""
    return {sheet: (scene_of(name, sheet), SHEETS[sheet]) for sheet in SHEETS}


def texts_of(scene: Scene) -> list[Text]:
    return [mark for mark in scene.marks if isinstance(mark, Text)]


def box_of(text: Text, sheet: Sheet) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of the letters of a text."""
    width = sheet.text_width(text.text, scale=text.scale, bold=text.bold)
    half = 0.5 if sheet.is_grid else 0.36 * sheet.letter * text.scale
    before = {"start": 0.0, "middle": width / 2, "end": width}[text.anchor]
    if text.upright:
        return text.x - half, text.x + half, text.y - width + before, text.y + before
    left = math.floor(text.x - before + 0.5) if sheet.is_grid else text.x - before
    y = math.floor(text.y) + 0.5 if sheet.is_grid else text.y
    return left, left + width, y - half, y + half


def places_of(mark: Mark) -> Iterator[tuple[float, float]]:
    """The outermost places of a mark."""
    match mark:
        case Rectangle() | Pixels():
            yield from ((mark.x, mark.y), (mark.x + mark.width, mark.y + mark.height))
        case Dot():
            yield from ((mark.x - mark.radius, mark.y), (mark.x + mark.radius, mark.y))
        case Line() | Polygon():
            yield from mark.places
        case Text():
            yield mark.x, mark.y


def test_all_texts_are_within_the_sheet(scenes: dict[str, tuple[Scene, Sheet]]):
    outside = [
        (on, text)
        for on, (scene, sheet) in scenes.items()
        for text in texts_of(scene)
        for left, right, top, bottom in [box_of(text, sheet)]
        if left < -0.01 or right > scene.width + 0.01 or top < -0.01 or bottom > scene.height + 0.01
    ]
    assert outside == []


def test_no_text_covers_another(scenes: dict[str, tuple[Scene, Sheet]]):
    """The markers of curves may meet, as curves do."""
    for on, (scene, sheet) in scenes.items():
        texts = [text for text in texts_of(scene) if text.text.strip() and text.text not in tuple(MARKERS)]
        boxes = np.array([box_of(text, sheet) for text in texts])
        left, right, top, bottom = boxes.T[:, :, None]
        meet = (left < right.T - 0.01) & (right - 0.01 > left.T) & (top < bottom.T - 0.01) & (bottom - 0.01 > top.T)
        covering = [(texts[one].text, texts[other].text) for one, other in np.argwhere(meet) if one < other]
        assert covering == [], on


def test_all_marks_are_at_known_places_within_the_sheet(scenes: dict[str, tuple[Scene, Sheet]]):
    for on, (scene, _) in scenes.items():
        assert scene.height > 0
        for mark in scene.marks:
            for x, y in places_of(mark):
                assert -0.01 <= x <= scene.width + 0.01, (on, mark)
                assert -0.01 <= y <= scene.height + 0.01, (on, mark)
        assert all(mark.width >= 0 and mark.height >= 0 for mark in scene.marks if isinstance(mark, Rectangle)), on


def test_all_names_are_there(chart: Chart, scenes: dict[str, tuple[Scene, Sheet]]):
    names = [
        *(name for field in ("names", "row_labels", "groups", "headlines") for name in getattr(chart, field, ())),
        *(panel.title for panel in getattr(chart, "charts", ())),
    ]
    expected = [name for name in names if isinstance(name, str)]
    for on, (scene, _) in scenes.items():
        said = "".join("".join(text.text for text in texts_of(scene)).split())
        assert [name for name in (*expected, chart.title, chart.note) if "".join(name.split()) not in said] == [], on


@pytest.mark.parametrize("sheet", ["page", "dark page"])
def test_every_text_can_be_read_on_what_is_behind_it(name: str, sheet: str):
    scene = scene_of(name, sheet)
    behind: list[Rectangle | Polygon] = []
    for mark in scene.marks:
        if isinstance(mark, Rectangle | Polygon):
            behind.append(mark)
        if isinstance(mark, Text):
            under = next((each for each in reversed(behind) if _holds(each, mark)), None)
            fill = under.fill if under is not None else scene.background
            assert contrast(mark.colour, fill) >= 4.5, mark


@functools.cache
def contrast(one: str, other: str) -> float:
    """That of WCAG 2."""
    lights = []
    for colour in (one, other):
        levels = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
        linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
        lights.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def _holds(mark: Rectangle | Polygon, text: Text) -> bool:
    xs, ys = zip(*places_of(mark), strict=True)
    return min(xs) <= text.x <= max(xs) and min(ys) <= text.y <= max(ys)


@pytest.mark.parametrize("sheet", ["page", "dark page", "terminal", "narrow terminal"])
def test_what_goes_down_is_told_without_its_colour(name: str, sheet: str):
    chart, theme = drawn(name), SHEETS[sheet].theme
    down = [mark for mark in scene_of(name, sheet).marks if isinstance(mark, Rectangle) and mark.fill == theme.negative]
    are_told_otherwise = any(hasattr(chart, field) for field in ("groups", "series", "curves"))  # by letters and places
    assert are_told_otherwise or all(mark.hatched for mark in down)


@pytest.mark.parametrize("sheet", ["page", "dark page"])
def test_its_svg_is_xml_that_says_what_the_scene_says(name: str, sheet: str):
    chart, scene = drawn(name), scene_of(name, sheet)
    source = svg_of(scene)
    root = ET.fromstring(source)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "rect", "path", "circle", "text", "title", "image")
    }
    assert {key for element in root.iter() for key in element.attrib if key.startswith("on")} == set()
    assert root.get("aria-label") == printable(chart.description)
    assert [element.text or "" for element in root.iter(f"{SVG}text")] == [
        printable(text.text) for text in texts_of(scene)
    ]
    places = [value for element in root.iter() for key, value in element.attrib.items() if key not in ("href", LABEL)]
    assert "nan" not in "".join(places).lower()
    assert f'fill="{scene.background}"' in source
    assert scene.background == SHEETS[sheet].theme.background


def test_the_same_chart_gives_the_same_source(name: str, chart: Chart):
    assert chart.svg() == svg_of(scene_of(name, "page")) == svg_of(ALL[name]().scene(Sheet()))


def test_it_is_described_in_a_sentence(chart: Chart):
    assert chart.description.endswith(".")
    assert "nan" not in chart.description.lower()
    assert printable(chart.title) in printable(chart.description)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_its_text_is_no_wider_than_the_terminal_and_controls_none(chart: Chart, columns: int):
    text = chart.text(columns)
    assert max(map(columns_of, text.splitlines())) <= columns
    assert not {"\x1b", "\u202e"} & set(text)
    coloured = chart.text(columns, coloured=True)
    plain = re.sub(r"\x1b\[(0|38;2;\d+;\d+;\d+)m", "", coloured)
    assert [line.rstrip() for line in plain.splitlines()] == [line.rstrip() for line in text.splitlines()]


def test_the_scene_is_all_that_matplotlib_draws(name: str, tmp_path: Path):
    pytest.importorskip("matplotlib")
    scene = scene_of(name, "dark phone")
    figure = draw_scene(scene)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == [printable(text.text) for text in texts_of(scene)]
    if name in PICTURES or "long names" in name:
        save_figure(figure, tmp_path / "chart.png", dpi=20)


def test_pages_show_it_in_both_themes(name: str, chart: Chart):
    page = chart._repr_html_()
    assert svg_of(scene_of(name, "page")) in page
    assert svg_of(scene_of(name, "dark page")) in page
    assert repr(chart) == chart.text()
