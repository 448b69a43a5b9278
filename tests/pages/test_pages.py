from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from torch import nn

import pellucid
from explanation.models import NAMES, Pictures, explained, pictures
from pellucid.pages import Page, Section, page_of
from pellucid.plot import Bars, methods
from pellucid.targets import Several

VOID = {"meta", "rect", "path", "circle", "image", "br", "img"}


class Reader(HTMLParser):
    """What a browser makes of a page: its elements in order, its words, and whether all are closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "title"} and "svg" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words)).strip()


def bars(name: str = "rooms") -> Bars:
    return Bars(title="What adds", names=(name, "age"), values=(2.0, -1.0))


def page(**changes: object) -> Page:
    table = pandas.DataFrame(
        {"mean": [1.5, -0.25], "± 95 %": [0.125, float("nan")], "rows": [3, 12], "sign": ["up", "down"]},
        index=pandas.Index(["rooms", "age <of house>"], name="feature"),
    )
    section = Section(
        heading="Rooms & ages",
        shows=("First.", "Second."),
        limits="Why.",
        charts=(bars(),),
        table=table,
        caption="In dollars",
    )
    return Page(**{"title": "Rooms <b>", "asked": ("What?",), "sections": (section,), "code": "a < b", **changes})


def test_a_page_stands_on_its_own_and_runs_nothing():
    source = page(sources=("Data: none.",)).html()
    reader = Reader(source)
    assert reader.open == []
    assert not [tag for tag, _ in reader.elements if tag in {"script", "link", "iframe", "object", "embed", "img"}]
    assert not [name for _, attributes in reader.elements for name in attributes if name.startswith("on")]
    assert re.findall(r'\b(?:src|href)="(?!data:)', source) == []
    assert re.sub(r'xmlns="[^"]*"', "", source).count("://") == 0
    (policy,) = (attributes["content"] for _, attributes in reader.elements if "http-equiv" in attributes)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_what_is_said_stands_in_order_and_is_escaped():
    text = Reader(page(sources=("Data: none.",)).html()).text
    assert text == (
        "Rooms <b> What? Rooms & ages First. Second. In dollars feature mean ± 95 % rows sign "
        "rooms +1.50 0.12 3 up age <of house> \N{MINUS SIGN}0.25 12 down What it does not show. Why. "
        "The code a < b Data: none."
    )


def test_each_chart_is_there_for_both_themes_and_for_phones():
    reader = Reader(page().html())
    drawn = [attributes for tag, attributes in reader.elements if tag == "svg"]
    assert [attributes["width"] for attributes in drawn] == ["720", "720", "350", "350"]
    classes = [attributes["class"] for tag, attributes in reader.elements if tag == "div"]
    assert classes == ["wide light", "wide dark", "narrow light", "narrow dark"]
    assert all(attributes["aria-label"] for attributes in drawn)


def test_a_page_reads_in_characters_and_tables_keep_their_numbers():
    assert str(page()) == (
        "Rooms <b>\n=========\n\nWhat?\n\nRooms & ages\n------------\n\nFirst.\n\nSecond.\n\nIn dollars\n\n"
        "feature          mean  ± 95 %  rows  sign\n"
        "rooms           +1.50    0.12     3  up\n"
        "age <of house>  \N{MINUS SIGN}0.25            12  down\n\n"
        "What it does not show. Why."
    )
    assert max(map(len, page(asked=("word " * 50,)).text(40).splitlines()[:8])) <= 40


def test_a_page_is_saved(tmp_path: Path):
    page().save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page().html()
    assert repr(page()) == "Page('Rooms <b>', 1 sections)"


def test_a_page_of_an_explanation_has_all_examples_and_the_first_ones():
    explanation = explained()
    built = page_of(explanation, code="pellucid.explain(...)")
    headings = [section.heading for section in built.sections]
    assert headings == [
        "5 examples", "Example 1 of 5", "Example 2 of 5", "Example 3 of 5", "How far the numbers hold",
    ]  # fmt: skip
    overall, first, *_ = built.sections
    sizes = dict(zip(NAMES, np.abs(explanation.features.values).mean(0), strict=True))
    assert overall.table["attribution"].to_dict() == pytest.approx(sizes)
    names = [name.split(" = ")[0] for name in first.table.index]
    values = dict(zip(explanation.features.names, explanation.features.values[0], strict=True))
    assert dict(zip(names, first.table["attribution"], strict=True)) == pytest.approx(values)
    assert "n_steps=50" in built.sources[0]
    assert Reader(built.html()).open == []


def test_a_page_of_100_features_says_how_many_are_not_listed():
    explanation = pellucid.explain(nn.Linear(100, 1), torch.rand(2, 100))
    table = page_of(explanation).sections[0].table
    assert table.index[-1] == "and 60 more"
    assert table["attribution"].sum() == pytest.approx(np.abs(explanation.features.values).mean(0).sum())


def test_rows_of_frames_have_their_names():
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [0.0, 1.0]}, index=["Ann", "Bo"])
    headings = [section.heading for section in page_of(pellucid.explain(nn.Linear(2, 1), frame)).sections]
    assert headings[1:3] == ["Ann, example 1 of 2", "Bo, example 2 of 2"]


def test_a_page_of_several_begins_side_by_side():
    several = explained(method=["saliency", "integrated_gradients"])
    built = page_of(several, most=1)
    assert [section.heading for section in built.sections] == [
        "Side by side",
        "Saliency: 5 examples",
        "Saliency: example 1 of 5",
        "Integrated gradients: 5 examples",
        "Integrated gradients: example 1 of 5",
        "How far the numbers hold",
    ]
    assert built.sections[0].charts == (methods(several),)
    of_targets = page_of(explained(target=Several([0, 1])))
    assert of_targets.sections[1].heading == "Output 0: 5 examples"


def test_pictures_are_seen_and_not_listed():
    built = page_of(pellucid.explain(Pictures(), pictures(), target=0))
    assert [section.table for section in built.sections] == [None] * 3
    assert built.html().count("data:image/png;base64,") >= 8


@pytest.mark.parametrize("examples", [0, 1])
def test_pages_of_nothing_and_of_numbers_that_are_none(examples: int):
    explanation = explained(1, feature_names=None)[:examples]
    assert Reader(page_of(explanation).html()).open == []
    unknown = torch.tensor([[1.0, float("nan"), 0.0, 0.0]])
    with pytest.warns(pellucid.errors.PellucidWarning, match="NaN"):
        built = page_of(pellucid.explain(nn.Linear(4, 1), unknown))
    assert "NaN" in str(built)
    assert "not finite" in str(built)
