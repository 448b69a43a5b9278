from __future__ import annotations

import sys
import types
import xml.etree.ElementTree as Tree
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pellucid.attr import visualization as viz
from pellucid.errors import InvalidArgument, PellucidError, UnknownName, WrongType
from pellucid.plot import DARK, LIGHT, Html, TextRecord, Theme, text_table
from pellucid.plot.colours import colour_of, readable_on
from pellucid.plot.text import escaped, word_cell

REVERSED, END = "\N{RIGHT-TO-LEFT OVERRIDE}", "\N{POP DIRECTIONAL FORMATTING}"
HOSTILE = (
    *(
        "<script>alert(1)</script>",
        "</td></tr></table><script>",
        '" onmouseover="alert(1)',
        "' onload='x",
        "a & b",
        "&lt;",
    ),
    *(
        "two\nlines",
        "\t",
        "\r\n",
        "",
        " ",
        "x" * 5000,
        "שלום",
        f"{REVERSED}txt.exe{END}",
        "\ud800",
        "javascript:alert(1)",
    ),
    *("<!--", "]]>", "{title}", "%s", "<pad>", "<<b>>", "$x$"),
)


class Shown(HTMLParser):
    """What a browser is told: the elements, their attributes, and what is read."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.open.append(tag)
        if tag == "mark":
            self.words.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "mark" in self.open:
            self.words[-1] += data


def record(words: list[str], values: Any, **more: Any) -> TextRecord:
    return TextRecord(**{"words": words, "values": values, "true_label": "a", "predicted_label": "b"} | more)


@given(words=st.lists(st.text() | st.sampled_from(HOSTILE), min_size=1, max_size=6), label=st.sampled_from(HOSTILE))
def test_no_text_becomes_markup(words: list[str], label: str):
    row = record(words, [0.5] * len(words), true_label=label, predicted_label=label, explained_label=label, delta=label)
    shown = Shown(text_table([row], legend=False).data)
    assert shown.open == []
    assert shown.tags == [
        *["div", "table", "thead", "tr"],
        *["th"] * 5,
        *["tbody", "tr"],
        *["td", "b"] * 4,
        "td",
        *["mark"] * len(words),
    ]
    assert {name for name, _ in shown.attributes} <= {"dir", "scope", "style", "title"}
    styles = {value for name, value in shown.attributes if name == "style"}
    assert len(styles) == 7  # of the parts of a table and of a word: none has come from a text


def test_words_are_read_as_they_are_but_for_white_space_and_brackets():
    shown = Shown(word_cell(HOSTILE, [0.1] * len(HOSTILE)))
    expected = [
        viz.format_special_tokens(word).replace("\r", "").replace("\n", "↵").replace("\t", "⇥").replace("\ud800", "?")
        for word in HOSTILE
    ]
    assert shown.words == expected


def test_a_page_is_whole_and_runs_nothing(tmp_path: Path):
    table = text_table([record(list(HOSTILE), [0.1] * len(HOSTILE))])
    table.save(tmp_path / "page.html")
    table.save(str(tmp_path / "again.html"))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page == table.page() == (tmp_path / "again.html").read_text(encoding="utf-8")
    assert page.count(table.data) == 1
    assert "<script" not in page
    assert "<meta charset" in page
    assert "default-src 'none'" in page
    assert "<title>&lt;b&gt;</title>" in Html("", title="<b>").page()
    assert repr(table) == f"Html({len(table.data)} characters)"


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_words_can_be_read_on_every_colour(theme: Theme):
    def luminance(colour: str) -> float:
        levels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    for share in np.linspace(-1, 1, 201):
        background = colour_of(share, theme)
        light, dark = sorted((luminance(background), luminance(readable_on(background))), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5
    assert [colour_of(share, theme) for share in (-1, 0, 1)] == [theme.diverging[index] for index in (0, 3, 6)]


def test_signs_are_said_without_colours():
    cell = Tree.fromstring(word_cell(["a", "b", "c", "d"], [0.5, -0.5, 0.0, 7.0]))
    lines = [str(mark.get("style")).rpartition("text-decoration: ")[2] for mark in cell]
    assert lines == ["overline 2px", "underline 2px", "none", "overline 2px"]
    assert [mark.get("title") for mark in cell] == ["+0.5", "-0.5", "+0", "+7"]
    assert LIGHT.diverging[6] in str(cell[3].get("style"))


def test_the_largest_may_be_the_limit():
    rows = [record(["a", "b"], [2.0, -8.0]), record(["c"], torch.tensor([4.0]))]
    table = Tree.fromstring(text_table(rows, limit=None).data)
    words = {mark.text: str(mark.get("style")) for mark in table.iter("mark")}
    assert LIGHT.diverging[0] in words["b"]
    assert colour_of(0.5, LIGHT) in words["c"]
    assert [mark.get("title") for mark in table.iter("mark")][:3] == ["-8", "+0", "+8"]
    assert "+1" in text_table([record(["a"], [0.0])], limit=None).data


@pytest.mark.parametrize(
    ("words", "direction"), [(["...", "שלום"], "rtl"), (["مرحبا"], "rtl"), (["a", "שלום"], None), (["1"], None)]
)
def test_texts_are_read_from_where_they_begin(words: list[str], direction: str | None):
    cell = Tree.fromstring(word_cell(words, [0.1] * len(words)))
    assert cell.get("dir") == direction
    assert {mark.get("dir") for mark in cell} == {"auto"}  # what turns the direction stays inside of a word


class TestIPython:
    @pytest.fixture
    def displayed(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """What IPython, which is running, has been given to show."""
        shown: list[Any] = []
        ipython, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
        vars(ipython)["get_ipython"], vars(display)["display"] = (lambda: self), shown.append
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        monkeypatch.setitem(sys.modules, "IPython.display", display)
        return shown

    RECORD = viz.VisualizationDataRecord([0.5], 0.5, 1, 1, 1, 0.5, ["a"], 0.0)

    def test_a_table_is_shown_where_it_is_running(self, displayed: list[Any]):
        table = viz.visualize_text([self.RECORD])
        assert displayed == [table]
        assert table._repr_html_() == table.data

    def test_and_nowhere_else(self, displayed: list[Any], capsys: pytest.CaptureFixture[str]):
        vars(sys.modules["IPython"])["get_ipython"] = lambda: None
        viz.visualize_text([self.RECORD])
        assert displayed == []
        assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (
            lambda: viz.format_word_importances(["a", "b"], [1.0]),
            InvalidArgument,
            "importances must be one for each of 2 words: got 1.",
        ),
        (
            lambda: viz.format_word_importances(["a"], torch.ones(1, 3)),
            InvalidArgument,
            "importances must be one number for each word: got float32 [1, 3]. Hint: importances.sum(-1)",
        ),
        (
            lambda: viz.format_word_importances(["a"], ["much"]),
            WrongType,
            "importances must be a tensor or an array of real numbers: got ['much'].",
        ),
        (
            lambda: shown(raw_input_ids=["a", "b"]),
            InvalidArgument,
            "word_attributions must be one for each of 2 words: got 1.",
        ),
        (lambda: shown(pred_prob="likely"), WrongType, "pred_prob must be a number or None: got 'likely'."),
        (lambda: shown(attr_score=torch.ones(2)), WrongType, "attr_score must be a number or None: got float32 [2]."),
        (lambda: viz.visualize_text([], limit=0), InvalidArgument, "limit must be a positive number or None: got 0."),
        (
            lambda: viz.visualize_text([], theme="blue"),
            UnknownName,
            "theme must be one of 'light', 'dark': got 'blue'.",
        ),
    ],
)
def test_what_cannot_be_shown_is_refused(call: Callable[[], Any], error: type[PellucidError], said: str):
    with pytest.raises(error) as caught:
        call()
    assert said in str(caught.value)
    assert str(caught.value).startswith(("visualize_text: ", "format_word_importances: "))


def shown(**more: Any) -> Html:
    """A table of a record that is fine but for what is given."""
    fine = {"word_attributions": [0.5], "raw_input_ids": ["a"], "pred_prob": 0.5, "attr_score": 0.5}
    rest = dict.fromkeys(("pred_class", "true_class", "attr_class", "convergence_score"), 1)
    return viz.visualize_text([viz.VisualizationDataRecord(**rest | fine | more)])


def test_what_cannot_be_encoded_is_a_question_mark():
    assert escaped("\ud800<") == "?&lt;"
