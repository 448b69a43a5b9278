from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from pellucid.errors import InvalidArgument, WrongType
from pellucid.plot import DARK, LIGHT, tokens, tokens_side_by_side
from pellucid.plot.axis import MINUS
from pellucid.plot.colours import readable_on
from pellucid.plot.scene import Rectangle, Text
from pellucid.plot.sheet import Sheet
from plot.stand_in import StandIn, StandInInput, of_part, table, texts


def explained(words: str | tuple[str, ...], values: Any = None, **fields: Any) -> StandIn:
    split = tuple(words.split(" ")) if isinstance(words, str) else words
    if values is None:
        values = np.linspace(-1, 1, len(split))
    return texts((split,), np.asarray(values, dtype=float)[None], **fields)


def marks_of(chart: Any, kind: Any = Text, sheet: Sheet | None = None) -> list[Any]:
    return [mark for mark in chart.scene(sheet or Sheet()).marks if isinstance(mark, kind)]


def word(chart: Any, text: str, sheet: Sheet | None = None) -> Text:
    return next(mark for mark in marks_of(chart, Text, sheet) if mark.text == text)


def box_of(chart: Any, text: str) -> Rectangle:
    """The colour below a word."""
    return next(mark for mark in marks_of(chart, Rectangle) if mark.tip.startswith(f"{text}: "))


def left_of(mark: Text) -> float:
    width = Sheet().text_width(mark.text, scale=mark.scale)
    return mark.x - {"start": 0.0, "middle": width / 2, "end": width}[mark.anchor]


def test_each_word_has_its_number_below_it():
    chart = tokens(explained("not good at all", [-1.0, 0.5, 0.0, 0.25]))
    for text, number in {"not": f"{MINUS}1.0", "good": "+0.5", "at": "0.0", "all": "+0.2"}.items():
        above = word(chart, text)
        below = [mark for mark in marks_of(chart) if mark.text == number and abs(mark.x - above.x) < 1]
        assert len(below) == 1
        assert 0 < below[0].y - above.y < 30
        assert below[0].scale < 1


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_colours_are_those_of_the_scale_and_letters_can_be_read_on_them(theme: Any):
    chart = tokens(explained("a b c", [-1.0, 0.0, 1.0]))
    sheet = Sheet(theme=theme)
    boxes = [mark for mark in marks_of(chart, Rectangle, sheet) if mark.tip]
    assert [box.fill for box in boxes] == [theme.diverging[0], theme.diverging[3], theme.diverging[-1]]
    for text, box in zip("abc", boxes, strict=True):
        assert word(chart, text, sheet).colour == readable_on(box.fill)


def test_a_bar_above_says_for_and_one_below_against():
    chart = tokens(explained("bad fine good", [-1.0, 0.01, 1.0]))
    bars = [mark for mark in marks_of(chart, Rectangle) if not mark.tip]
    assert len(bars) == 2
    against, favour = bars
    assert against.y > word(chart, "bad").y + 8
    assert against.x == box_of(chart, "bad").x
    assert favour.y < word(chart, "good").y - 8
    assert favour.x == box_of(chart, "good").x
    assert "Bar above a token: it adds; bar below: it takes away." in " ".join(mark.text for mark in marks_of(chart))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[CLS] un ##believ ##able story [SEP]", ["[CLS]", "un", "~believ", "~able", "story", "[SEP]"]),
        ("<s> The Ġaff able Ġman . </s>", ["<s>", "The", "aff", "~able", "man", "~.", "</s>"]),
        ("▁Donau dampf ▁fährt", ["Donau", "~dampf", "fährt"]),
        ("a simple text .", ["a", "simple", "text", "."]),
        ("le ĠcafÃ© est ĠferÃ", ["le", "café", "~est", "fer\ufffd"]),
        ("Ġæľ¬", ["本"]),
        ("# ## a", ["#", "##", "a"]),
    ],
)
def test_pieces_of_words_are_joined(written: str, expected: list[str]):
    (row,) = tokens(explained(written)).rows
    assert [("~" if token.is_joined else "") + token.text for token in row.tokens] == expected


def test_joined_pieces_touch_and_words_do_not():
    chart = tokens(explained("un ##believable story"))
    first, second, third = (box_of(chart, text) for text in ("un", "believable", "story"))
    assert second.x - (first.x + first.width) < 1
    assert third.x - (second.x + second.width) > 3
    assert left_of(word(chart, "believable")) - (left_of(word(chart, "un")) + Sheet().text_width("un")) < 3


@pytest.mark.parametrize("newline", ["\n", "Ċ", "<0x0A>", "end\n"])
def test_new_lines_break_lines(newline: str):
    chart = tokens(explained(("one", newline, "two")))
    assert word(chart, "two").y > word(chart, "one").y
    assert left_of(word(chart, "two")) < 20
    assert any("↵" in mark.text for mark in marks_of(chart))


@pytest.mark.parametrize("text", ["הסרט הזה היה טוב מאוד", "هذا الفيلم رائع جدا ولكن"])
@pytest.mark.parametrize("sheet", [Sheet(), Sheet.of_terminal()], ids=["page", "terminal"])
def test_texts_that_are_read_from_the_right_begin_there(text: str, sheet: Sheet):
    chart = tokens(explained(text))
    words = text.split(" ")
    strip = str.maketrans("", "", "\u2068\u2069")
    places = {mark.text.translate(strip): mark.x for mark in marks_of(chart, Text, sheet)}
    order = [places[each] for each in words]
    assert order == sorted(order, reverse=True)
    assert order[0] > 0.85 * sheet.width


def test_lines_wrap_between_words_and_long_words_are_broken():
    chart = tokens(explained((*(f"word{number}" for number in range(60)), "x" * 300)))
    lines = {mark.y for mark in marks_of(chart, Rectangle, Sheet(width=360)) if mark.tip}
    assert len(lines) > 8
    pieces = [mark.text for mark in marks_of(chart, Text, Sheet(width=360)) if set(mark.text) == {"x"}]
    assert "".join(pieces) == "x" * 300
    assert len(pieces) > 5


def test_more_tokens_than_most_are_counted():
    chart = tokens(explained("word " * 249 + "word"), most=200)
    assert len(chart.rows[0].tokens) == 200
    assert "tabby cat (0.9 logit): 50 more tokens are not shown." in chart.note
    assert "1 more token is not shown." in tokens(explained("a b c"), most=2).note


def test_padding_is_left_out_and_embeddings_are_added_up():
    part = StandInInput("tokens", np.ones((2, 5, 4)), None, (("a", "b"), ("c", "d", "e")))
    chart = tokens(of_part(part))
    assert [[token.value for token in row.tokens] for row in chart.rows] == [[4.0, 4.0], [4.0, 4.0, 4.0]]
    assert [row.headline for row in chart.rows] == ["1. tabby cat (0.9 logit)", "2. tabby cat (0.4 logit)"]


def test_unknown_values_have_no_colour_and_are_counted():
    chart = tokens(explained("a b c", [np.nan, 1.0, -1.0]))
    assert len([mark for mark in marks_of(chart, Rectangle) if mark.tip]) == 2
    assert chart.note == "Missing (not finite): 1 of 3 attributions."
    assert word(chart, "a").colour == LIGHT.text


def test_zeros_and_empty_texts():
    assert tokens(explained("a b", [0.0, 0.0])).note == "No attribution differs from zero."
    chart = tokens(texts((("a",), ())))
    assert "(no tokens)" in chart.text()


@pytest.mark.parametrize(("size", "exponent"), [(1e-7, -7), (0.5, 0), (3e4, 4)])
def test_numbers_are_short_and_their_unit_is_said(size: float, exponent: int):
    chart = tokens(explained("a b", [size, -size]))
    assert chart.exponent == exponent
    numbers = [
        mark.text for mark in marks_of(chart) if re.fullmatch(r"[+\u2212][\d.]+", mark.text) and mark.scale < 0.8
    ]
    assert len(numbers) == 2
    assert max(map(len, numbers)) <= 5
    said = f"Numbers are in units of 1e{exponent}.".replace("-", MINUS)
    assert (said in " ".join(mark.text for mark in marks_of(chart))) == (exponent != 0)


def test_terminals_have_words_with_numbers_below_them():
    lines = tokens(explained("not good", [-1.0, 0.5])).text().split("\n")
    assert lines[2].split() == ["not", "good"]
    assert lines[3].split() == [f"{MINUS}1.0", "+0.5"]
    coloured = tokens(explained("not good", [-1.0, 0.5])).text(coloured=True)
    assert coloured.count("\x1b[38;2") == 2


def test_methods_are_one_below_another_with_their_scales():
    words = ("not", "good")
    methods = {"lime": texts((words,), np.array([[1.0, 2.0]])), "occlusion": texts((words,), np.array([[10.0, 20.0]]))}
    chart = tokens_side_by_side(methods)
    assert [row.label for row in chart.rows] == ["lime (full colours from 2 on)", "occlusion (full colours from 20 on)"]
    assert [row.headline for row in chart.rows] == ["tabby cat (0.9 logit)", ""]
    shared = tokens_side_by_side(methods, shared_scale=True)
    assert {row.scale.largest for row in shared.rows} == {20.0}
    assert "All share one scale." in shared.legend


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tokens(explained("a"), most=0), InvalidArgument, "most must be an integer of at least 1: got 0"),
        (lambda: tokens(explained("a"), most="x"), WrongType, "most must be an integer"),  # type: ignore[arg-type]
        (lambda: tokens(table()), InvalidArgument, r"tokens needs tokens: got .* of table\. Hint: "),
        (
            lambda: tokens(texts((("a", "b", "c"),), np.zeros((1, 2)))),
            InvalidArgument,
            r"an attribution for each token: got float64 \[1, 2\] for 3 tokens\. Hint: ",
        ),
        (
            lambda: tokens_side_by_side({"a": texts((("a",),)), "b": texts((("b",),))}),
            InvalidArgument,
            r"of the same texts: got others for 'b' than for 'a'\. Hint: ",
        ),
    ],
)
def test_messages(call: Any, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        call()
