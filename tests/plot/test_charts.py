"""What holds of every chart: the laws, run over all of `charts_to_draw`."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import combinations

import pytest

from pellucid.plot.charts import Chart
from pellucid.plot.colours import readable_on
from pellucid.plot.lettering import columns_of, printable
from pellucid.plot.scene import Dot, Line, Mark, Pixels, Polygon, Rectangle, Scene, Text
from pellucid.plot.sheet import Sheet
from pellucid.plot.theme import DARK, LIGHT, Theme
from plot.charts_to_draw import CHARTS

SHEETS = {
    "page": Sheet(),
    "phone": Sheet(width=360.0, theme=DARK),
    "terminal": Sheet.of_terminal(),
    "narrow terminal": Sheet.of_terminal(60, DARK),
}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(params=CHARTS, scope="module")
def chart(request: pytest.FixtureRequest) -> Chart:
    return CHARTS[request.param]()


@pytest.fixture(params=SHEETS, scope="module")
def sheet(request: pytest.FixtureRequest) -> Sheet:
    return SHEETS[request.param]


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


def test_all_texts_are_within_the_sheet(chart: Chart, sheet: Sheet):
    scene = chart.scene(sheet)
    outside = [
        text
        for text in texts_of(scene)
        for left, right, top, bottom in [box_of(text, sheet)]
        if left < -0.01 or right > scene.width + 0.01 or top < -0.01 or bottom > scene.height + 0.01
    ]
    assert outside == []


def test_no_text_covers_another(chart: Chart, sheet: Sheet):
    boxes = [(text.text, box_of(text, sheet)) for text in texts_of(chart.scene(sheet)) if text.text]
    covering = [
        (first, second)
        for (first, a), (second, b) in combinations(boxes, 2)
        if a[0] < b[1] - 0.01 and b[0] < a[1] - 0.01 and a[2] < b[3] - 0.01 and b[2] < a[3] - 0.01
    ]
    assert covering == []


def test_all_marks_are_at_known_places_within_the_sheet(chart: Chart, sheet: Sheet):
    scene = chart.scene(sheet)
    for mark in scene.marks:
        for x, y in places_of(mark):
            assert -0.01 <= x <= scene.width + 0.01, mark
            assert -0.01 <= y <= scene.height + 0.01, mark
    assert all(mark.width >= 0 and mark.height >= 0 for mark in scene.marks if isinstance(mark, Rectangle))


def test_all_names_are_there(chart: Chart, sheet: Sheet):
    said = "".join(text.text for text in texts_of(chart.scene(sheet))).replace(" ", "")
    names = [name for field in ("names", "row_labels", "groups") for name in getattr(chart, field, ())] + [
        panel.title for panel in getattr(chart, "charts", ())
    ]
    assert [name for name in names if name.replace(" ", "") not in said] == []
    assert chart.title.replace(" ", "") in said
    assert chart.note.replace(" ", "") in said


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_texts_stand_out_from_what_is_behind_them(chart: Chart, theme: Theme):
    scene = chart.scene(Sheet(theme=theme))
    behind: list[Rectangle | Polygon] = []
    for mark in scene.marks:
        if isinstance(mark, Rectangle | Polygon):
            behind.append(mark)
        if isinstance(mark, Text) and mark.colour != theme.text:
            under = next(each for each in reversed(behind) if _holds(each, mark))
            assert mark.colour == readable_on(under.fill)


def _holds(mark: Rectangle | Polygon, text: Text) -> bool:
    xs, ys = zip(*places_of(mark), strict=True)
    return min(xs) <= text.x <= max(xs) and min(ys) <= text.y <= max(ys)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_what_goes_down_is_told_without_its_colour(chart: Chart, theme: Theme):
    for sheet in (Sheet(theme=theme), Sheet.of_terminal(theme=theme)):
        marks = chart.scene(sheet).marks
        down = [mark for mark in marks if isinstance(mark, Rectangle) and mark.fill == theme.negative]
        groups = getattr(chart, "groups", ())
        assert groups or all(mark.hatched for mark in down)


def test_its_svg_is_xml_that_says_what_the_scene_says(chart: Chart):
    scene = chart.scene(Sheet())
    root = ET.fromstring(chart.svg())
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "rect", "path", "circle", "text", "title", "image")
    }
    assert root.get("aria-label") == printable(chart.description)
    assert [element.text or "" for element in root.iter(f"{SVG}text")] == [text.text for text in texts_of(scene)]
    assert "nan" not in chart.svg().lower().replace("nan</text>", "").replace(": nan", "")
    assert chart.svg() == chart.svg()


def test_it_is_described_in_a_sentence(chart: Chart):
    assert chart.description.endswith(".")
    assert "nan" not in chart.description.lower()
    assert chart.title in chart.description


@pytest.mark.parametrize("columns", [60, 80])
def test_its_text_is_no_wider_than_the_terminal(chart: Chart, columns: int):
    text = chart.text(columns)
    assert max(map(columns_of, text.splitlines())) <= columns
    assert "\x1b" not in text
    coloured = chart.text(columns, coloured=True)
    plain = re.sub(r"\x1b\[[\d;]*m", "", coloured)
    assert [line.rstrip() for line in plain.splitlines()] == [line.rstrip() for line in text.splitlines()]


def test_the_scene_is_all_that_matplotlib_draws(chart: Chart):
    pytest.importorskip("matplotlib")
    figure = chart.figure(width=360)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == [text.text for text in texts_of(chart.scene(Sheet(width=360.0)))]


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_its_colours_are_those_of_the_theme(chart: Chart, theme: Theme):
    scene = chart.scene(Sheet(theme=theme))
    assert scene.background == theme.background
    assert {text.colour for text in texts_of(scene)} <= {theme.text, "#000000", "#ffffff"}
    assert f'fill="{theme.background}"' in chart.svg(theme)
