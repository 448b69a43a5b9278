"""Scenes: how wide texts are, and what renderers make of marks."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from pellucid.plot.artists import draw_scene
from pellucid.plot.lettering import columns_of, width_of
from pellucid.plot.scene import Dot, Line, Mark, Pixels, Polygon, Rectangle, Scene, Text, moved
from pellucid.plot.sheet import Sheet
from pellucid.plot.svg import svg_of
from pellucid.plot.terminal import text_of

COLOUR = "#0072b2"


def scene_of(*marks: Mark, width: float = 12, height: float = 4) -> Scene:
    return Scene(width=width, height=height, marks=marks, background="#ffffff", description="A test.", letter=1.0)


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize(
    "text", ["age = 39", "attribution (logit)", "WWW MMM", "+0.123 \N{MINUS SIGN}4.5e\N{MINUS SIGN}07", "illicit '|'"]
)
def test_texts_are_no_wider_than_is_reckoned_with(text: str, bold: bool):
    mark = Text(x=0.0, y=20.0, text=text, colour=COLOUR, bold=bold)
    scene = Scene(width=300, height=40, marks=(mark,), background="#ffffff", description="", letter=13.0)
    figure = draw_scene(scene)
    figure.set_dpi(400)  # at few dots an inch letters are moved to whole dots
    figure.draw_without_rendering()
    drawn = figure.axes[0].texts[0].get_window_extent().width / figure.dpi * 96
    reckoned = 13 * width_of(text, bold=bold)
    assert drawn <= 1.01 * reckoned + 0.5
    assert reckoned <= 1.1 * drawn + 1


@pytest.mark.parametrize(("text", "columns"), [("age", 3), ("年齢", 4), ("e\N{COMBINING ACUTE ACCENT}", 1), ("", 0)])
def test_columns_of_terminals(text: str, columns: int):
    assert columns_of(text) == columns


@pytest.mark.parametrize("sheet", [Sheet(), Sheet.of_terminal()])
@pytest.mark.parametrize("width", [5.0, 20.0, 100.0])
def test_lines_are_no_wider_than_they_may_be_and_lose_nothing(sheet: Sheet, width: float):
    text = "a very long name that_get_dummies_made_of_it_all 年齢と性別"
    lines = sheet.lines_of(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    fitting = [line for line in lines if len(line) > 1]
    assert all(sheet.text_width(line) <= width for line in fitting)


def test_bars_of_characters_are_as_long_as_eighths_tell():
    bar = Rectangle(x=0, y=0, width=3.5, height=1, fill=COLOUR)
    assert text_of(scene_of(bar)).splitlines()[0] == "███▌"
    assert text_of(scene_of(Rectangle(x=0, y=0, width=3, height=1, fill=COLOUR, hatched=True))).startswith("▒▒▒")
    assert text_of(scene_of(Rectangle(x=0, y=0, width=3, height=1, fill=COLOUR, character="+"))).startswith("+++")


def test_upright_bars_of_characters_are_as_high_as_eighths_tell():
    rows = text_of(scene_of(Rectangle(x=1, y=1.5, width=2, height=2.5, fill=COLOUR))).splitlines()
    assert rows == ["", " ▄▄", " ██", " ██"]
    tiny = text_of(scene_of(Rectangle(x=0, y=3.99, width=1, height=0.01, fill=COLOUR)))
    assert tiny.splitlines()[-1] == "▁"


def test_colours_of_characters_are_written_only_where_wanted():
    scene = scene_of(Dot(x=1.5, y=0.5, radius=1, fill=COLOUR))
    assert text_of(scene).splitlines()[0] == " ●"
    assert "\x1b[38;2;0;114;178m●" in text_of(scene, coloured=True)


MARKS: list[Mark] = [
    Rectangle(x=1, y=1, width=2, height=1, fill=COLOUR, tip="a & b"),
    Line(places=((1, 1), (3, 2)), colour=COLOUR),
    Polygon(places=((1, 1), (3, 1), (2, 2)), fill=COLOUR),
    Dot(x=2, y=2, radius=1, fill=COLOUR),
    Text(x=2, y=2, text="<b>", colour=COLOUR, upright=True),
    Pixels(x=1, y=1, width=2, height=2, levels=np.full((2, 2, 4), 255, np.uint8), label="white"),
]


@pytest.mark.parametrize("mark", MARKS, ids=lambda mark: type(mark).__name__)
def test_all_renderers_draw_all_marks_also_where_they_are_moved(mark: Mark):
    for each in (mark, moved(mark, 2.0, 1.0)):
        scene = scene_of(each)
        assert len(list(ET.fromstring(svg_of(scene)))) >= 2
        assert isinstance(text_of(scene), str)
        assert draw_scene(scene).axes[0].get_children()
    assert moved(moved(mark, 2.0, 1.0), -2.0, -1.0) == mark or isinstance(mark, Pixels)
    assert moved(mark, 1.0, 0.0) != mark
