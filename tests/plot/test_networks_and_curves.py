from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pellucid.errors import InvalidArgument, OutOfRange, WrongType
from pellucid.plot import LIGHT, convergence, interaction_network
from pellucid.plot.arrays import Array
from pellucid.plot.axis import MINUS, LogAxis
from pellucid.plot.charts.curves import MARKERS
from pellucid.plot.charts.rows import apart
from pellucid.plot.scene import Dot, Line, Text
from pellucid.plot.sheet import Sheet
from plot.stand_in import StandIn, table


def marks_of(chart: Any, kind: Any = Text, sheet: Sheet | None = None) -> list[Any]:
    return [mark for mark in chart.scene(sheet or Sheet()).marks if isinstance(mark, kind)]


def interacting(values: Any, **fields: Any) -> StandIn:
    array = np.asarray(values, dtype=float)
    array = array[None] if array.ndim == 2 else array
    return table(len(array), array.shape[-1], interactions=array, **fields)


PAIRS = [[4.0, 2.0, 0.0], [2.0, -1.0, -1.0], [0.0, -1.0, 0.0]]


class TestNetwork:
    def test_the_area_of_dots_is_the_main_effect_and_hollow_ones_are_negative(self):
        dots = marks_of(interaction_network(interacting(PAIRS)), Dot)
        assert [dot.tip for dot in dots] == ["age: +4.00 logit", f"fare: {MINUS}1.00 logit", "sex: 0 logit"]
        assert dots[0].radius ** 2 / dots[1].radius ** 2 == pytest.approx(4)
        assert [dot.hollow for dot in dots] == [False, True, False]
        assert [dot.fill for dot in dots] == [LIGHT.positive, LIGHT.negative, LIGHT.neutral]

    def test_the_width_of_lines_is_the_interaction_and_dashed_ones_are_negative(self):
        lines = [mark for mark in marks_of(interaction_network(interacting(PAIRS)), Line) if mark.tip]
        assert [line.tip for line in lines] == [f"fare and sex: {MINUS}1.00 logit", "age and fare: +2.00 logit"]
        assert (lines[1].width - 1) == pytest.approx(2 * (lines[0].width - 1))
        assert [line.dashed for line in lines] == [True, False]
        assert [line.colour for line in lines] == [LIGHT.negative, LIGHT.positive]

    def test_dots_are_on_a_circle(self):
        dots = marks_of(interaction_network(interacting(np.ones((9, 9)))), Dot)
        middle = np.mean([(dot.x, dot.y) for dot in dots], axis=0)
        distances = [math.dist(middle, (dot.x, dot.y)) for dot in dots]
        assert distances == pytest.approx([distances[0]] * 9)

    def test_at_most_twelve_features_are_drawn_and_the_others_counted(self):
        values = np.diag(np.arange(20.0))
        values[3, 4] = values[4, 3] = 30.0
        chart = interaction_network(interacting(values))
        assert chart.names == tuple(
            f"feature {number}" if number > 5 else ["class", "embarked"][number - 3]
            for number in (3, 4, *range(10, 20))
        )
        assert "8 more features are not shown." in chart.note
        assert len(interaction_network(interacting(values), most=3).names) == 3

    def test_it_is_of_an_example_or_of_the_mean_of_all(self):
        values: Array = np.stack([np.array(PAIRS), np.array(PAIRS) * 3])
        assert interaction_network(interacting(values)).effects[0] == 8.0
        assert (
            "means of what pairs of features add to survived, 2 examples"
            in interaction_network(interacting(values)).title
        )
        assert interaction_network(interacting(values), example=1).effects[0] == 12.0
        assert "example 2" in interaction_network(interacting(values), example=1).title

    def test_unknown_interactions_are_left_out_and_counted(self):
        values = np.array(PAIRS)
        values[0, 1] = values[1, 0] = np.nan
        chart = interaction_network(interacting(values))
        assert [(pair.first, pair.second) for pair in chart.pairs] == [(1, 2)]
        assert "Missing (not finite): 1 of 6 attributions." in chart.note

    def test_nothing_together(self):
        assert "No two features add anything together." in interaction_network(interacting(np.diag([1.0, 2.0]))).note
        assert "No two features" in interaction_network(interacting(np.zeros((3, 3)))).note

    def test_terminals_have_lists(self):
        text = interaction_network(interacting(PAIRS)).text()
        assert f"○ fare {MINUS}1.00" in text
        assert "age ── fare +2.00" in text
        assert f"fare ┄┄ sex {MINUS}1.00" in text

    @pytest.mark.parametrize(
        ("call", "error", "message"),
        [
            (lambda: interaction_network(table()), InvalidArgument, r"of pairs of features.*: got one .* Hint: plot"),
            (lambda: interaction_network(interacting(PAIRS), example=1), OutOfRange, "from 0 to 0: got 1. Hint: "),
            (lambda: interaction_network(interacting(PAIRS), most=13), InvalidArgument, "from 1 to 12: got 13. Hint: "),
            (lambda: interaction_network(interacting(np.zeros((0, 3, 3)))), InvalidArgument, "at least one example"),
        ],
    )
    def test_messages(self, call: Any, error: type[Exception], message: str):
        with pytest.raises(error, match=message):
            call()


def test_labels_are_apart_and_as_near_as_may_be():
    assert apart([10, 50, 90], [20, 20, 20], 0) == (10, 50, 90)
    assert apart([50, 50], [20, 20], 0) == (40, 60)
    assert apart([0, 0, 0], [20, 20, 20], 0) == (10, 30, 50)
    generator = np.random.default_rng(0)
    for _ in range(50):
        wanted, heights = np.sort(generator.random(8) * 100), generator.random(8) * 30 + 5
        middles = np.array(apart(list(wanted), list(heights), 0.0))
        assert (np.diff(middles) >= (heights[1:] + heights[:-1]) / 2 - 1e-9).all()
        assert middles[0] - heights[0] / 2 >= -1e-9


class TestLogAxis:
    def test_places_are_as_far_apart_as_logarithms(self):
        axis = LogAxis.over([1.0, 100.0], 0, 200)
        assert [axis(number) for number in (1, 10, 100)] == pytest.approx([0, 100, 200])
        assert axis(0) == axis(-1) == 0

    def test_ticks_are_round(self):
        texts = [text for _, text in LogAxis.over([1e-6, 1e5], 0, 1).tick_texts(12)]
        small = [f"1e{MINUS}6", f"1e{MINUS}5", f"1e{MINUS}4", "0.001", "0.01", "0.1"]
        assert texts == [*small, "1", "10", "100", "1\u2009000", "10\u2009000", "1e5"]
        assert [tick for tick, _ in LogAxis.over([1, 10], 0, 1).tick_texts(5)] == [1, 2, 5, 10]
        assert len(LogAxis.over([1e-30, 1e30], 0, 1).tick_texts(5)) <= 5

    @pytest.mark.parametrize("numbers", [[], [0.0], [3.0], [math.nan, math.inf], [3.0, 3.1]])
    def test_there_is_room_for_the_same_numbers_and_for_none(self, numbers: list[float]):
        axis = LogAxis.over(numbers, 0, 1)
        assert axis.high / axis.low >= 9.99
        assert axis.tick_texts(5)


def in_rounds(*points: tuple[float, float]) -> StandIn:
    return table(1, rounds=points)


SEVERAL = {
    "kernel_shap": in_rounds((100, 0.1), (1000, 0.01)),
    "leverage": in_rounds((100, 0.2), (1000, 0.05)),
    "permutation": in_rounds((100, 0.3), (1000, 0.06)),
}


class TestCurves:
    def test_a_line_falls_from_round_to_round(self):
        chart = convergence(in_rounds((100, 1.0), (1000, 0.1), (10_000, 0.01)))
        (line,) = [mark for mark in marks_of(chart, Line) if mark.width == 2]
        (x, y), (x_then, y_then), (x_last, y_last) = line.places
        assert x_then - x == pytest.approx(x_last - x_then)
        assert y_then - y == pytest.approx(y_last - y_then)
        assert x < x_then
        assert y < y_then  # further down

    def test_methods_have_colours_dashes_and_markers_of_their_own(self):
        chart = convergence(SEVERAL)
        lines = [mark for mark in marks_of(chart, Line) if mark.width == 2]
        assert [line.colour for line in lines] == list(LIGHT.groups[:3])
        assert [line.dashed for line in lines] == [False, True, False]
        names = {mark.text[2:]: mark for mark in marks_of(chart) if mark.text[0] in MARKERS}
        assert list(names) == ["permutation", "leverage", "kernel shap"]  # as their lines end, from the top
        assert {name: mark.text[0] for name, mark in names.items()} == {
            "kernel shap": "●",
            "leverage": "■",
            "permutation": "▲",
        }
        for line, name in zip(lines, ("kernel shap", "leverage", "permutation"), strict=True):
            assert names[name].colour == line.colour
            assert names[name].x > line.places[-1][0]
            assert abs(names[name].y - line.places[-1][1]) < 20

    def test_the_tolerance_is_a_dashed_line_with_its_number(self):
        chart = convergence(SEVERAL, tolerance=0.001)
        (line,) = [mark for mark in marks_of(chart, Line) if mark.dashed and mark.colour == LIGHT.text]
        (text,) = [mark for mark in marks_of(chart) if mark.text == "tolerance 0.001"]
        assert line.places[0][1] == line.places[1][1]
        assert abs(text.y - line.places[0][1]) < 12
        lowest = max(y for mark in marks_of(chart, Line) if mark.width == 2 for _, y in mark.places)
        assert line.places[0][1] > lowest

    def test_errors_of_zero_and_unknown_ones_are_told(self):
        chart = convergence(in_rounds((100, 1.0), (200, math.nan), (1000, 0.0)))
        assert chart.note == "Errors of 0 are drawn at the bottom. 1 round of unknown error is not drawn."
        assert len(next(mark for mark in marks_of(chart, Line) if mark.width == 2).places) == 2

    def test_more_methods_than_colours_are_counted(self):
        chart = convergence({f"method {number}": in_rounds((100, 1.0)) for number in range(9)})
        assert len(chart.curves) == 6
        assert "3 more methods are not shown." in chart.note

    def test_terminals_have_markers(self):
        text = convergence(SEVERAL).text()
        assert all(text.count(marker) == 3 for marker in "●■▲")  # two rounds and the name

    @pytest.mark.parametrize(
        ("call", "error", "message"),
        [
            (lambda: convergence({}), InvalidArgument, r"explanations must be at least one: got \{\}\. Hint: "),
            (lambda: convergence(table()), InvalidArgument, "made in rounds.*: got none of 'integrated_gradients'"),
            (lambda: convergence(SEVERAL, tolerance=0), InvalidArgument, r"tolerance must be .*: got 0\. Hint: "),
            (lambda: convergence(SEVERAL, tolerance="x"), WrongType, "tolerance must be a number"),  # type: ignore[arg-type]
        ],
    )
    def test_messages(self, call: Any, error: type[Exception], message: str):
        with pytest.raises(error, match=message):
            call()
