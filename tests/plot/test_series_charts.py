from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.errors import InvalidArgument, OutOfRange, UnknownName
from pellucid.plot import timeseries
from pellucid.plot.axis import MINUS
from pellucid.plot.charts.thinning import edges_of, thinned
from pellucid.plot.scene import Dot, Line, Pixels, Rectangle, Text
from pellucid.plot.sheet import Sheet
from pellucid.plot.theme import LIGHT
from plot.stand_in import StandIn, StandInInput, of_part, series, table


def explained(values: Any, inputs: Any = None, **fields: Any) -> StandIn:
    return of_part(StandInInput("series", np.asarray(values, dtype=float), inputs), **fields)


def marks_of(chart: Any, kind: Any = Text, sheet: Sheet | None = None) -> list[Any]:
    return [mark for mark in chart.scene(sheet or Sheet()).marks if isinstance(mark, kind)]


STEP = explained([[[-1.0], [0.0], [0.0], [1.0]]], np.array([[[0.0], [1.0], [2.0], [3.0]]]))


def test_each_channel_has_a_panel_with_its_line_below_its_name():
    chart = timeseries(series(channels=3))
    names = [mark for mark in marks_of(chart) if mark.bold and mark.text.startswith("channel")]
    panels = marks_of(chart, Pixels)[:3]
    lines = [mark for mark in marks_of(chart, Line) if mark.width == 1.6]
    assert [mark.text for mark in names] == ["channel 0", "channel 1", "channel 2"]
    for name, panel, line in zip(names, panels, lines, strict=True):
        heights = [y for _, y in line.places]
        assert name.y < panel.y < min(heights) < max(heights) < panel.y + panel.height
        assert len(line.places) == 120


def test_the_colours_behind_a_line_are_those_of_its_steps():
    panel = marks_of(timeseries(STEP), Pixels)[0]
    columns = panel.levels.shape[1]
    first, last = panel.levels[:, : columns // 4 - 2, :3], panel.levels[:, -columns // 4 + 2 :, :3]
    middle = panel.levels[:, columns // 4 + 2 : 3 * columns // 4 - 2, :3]
    assert len(np.unique(middle.reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(last.reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(first.reshape(-1, 3), axis=0)) == 2  # hatched
    assert last[0, 0, 2] > last[0, 0, 0] + 60


def test_coloured_lines_are_dashed_where_attributions_are_negative():
    chart = timeseries(explained([[[-1.0], [-1.0], [0.0], [1.0]]], np.zeros((1, 4, 1))), view="coloured")
    colours = [mark.colour for mark in marks_of(chart, Line) if mark.tip]
    assert colours == [LIGHT.diverging[0], LIGHT.diverging[0], LIGHT.diverging[3], LIGHT.diverging[-1]]
    assert len([mark for mark in marks_of(chart, Line) if mark.dashed]) == 1
    assert "Dashed: negative." in chart.legend


def test_bars_go_down_where_attributions_are_negative():
    chart = timeseries(STEP, view="bars")
    against, favour = [mark for mark in marks_of(chart, Rectangle) if mark.tip]
    assert (against.fill, favour.fill) == (LIGHT.negative, LIGHT.positive)
    assert against.y == pytest.approx(favour.y + favour.height)
    assert against.height == pytest.approx(favour.height)
    assert {"+1.00", f"{MINUS}1.00"} <= {mark.text for mark in marks_of(chart)}


def test_many_channels_fold_to_the_strongest_in_their_order():
    values = np.zeros((1, 5, 20))
    values[0, 2] = np.arange(20)
    chart = timeseries(explained(values, np.zeros((1, 5, 20))))
    assert chart.names == tuple(f"channel {number}" for number in range(12, 20))
    assert chart.note == "12 more channels, of less attribution, are not shown."


def test_channels_are_chosen_by_number_or_name():
    explanation = series(channels=3, feature_names=("heart", "breath", "skin"))
    assert timeseries(explanation, channels=["skin", 0]).names == ("skin", "heart")
    assert timeseries(explanation).names == ("heart", "breath", "skin")


def test_examples_are_chosen_by_number():
    chart = timeseries(series(3), example=2)
    assert chart.title == "Integrated gradients: what each step adds to tabby cat (0.4 logit), example 3"


def test_the_axis_has_times_within_the_series():
    chart = timeseries(series(steps=120))
    times = [mark for mark in marks_of(chart) if mark.text in ("0", "20", "40", "100", "120")]
    assert {mark.text for mark in times} >= {"0", "20", "40", "100"}
    assert "120" not in {mark.text for mark in times}
    assert "step" in {mark.text for mark in marks_of(chart)}
    hundred = next(mark for mark in times if mark.text == "100")
    ticks = [mark.places[0][0] for mark in marks_of(chart, Line) if abs(mark.places[0][1] - hundred.y) < 20]
    assert min(abs(x - hundred.x) for x in ticks) < 0.1


def test_gaps_stay_gaps_and_are_counted():
    values, inputs = np.ones((1, 6, 1)), np.arange(6.0)[None, :, None]
    values[0, 3], inputs[0, 1] = np.nan, np.nan
    chart = timeseries(explained(values, inputs))
    assert chart.note == "Missing (not finite): 1 of 6 attributions."
    lines = [mark for mark in marks_of(chart, Line) if mark.width == 1.6]
    assert [len(mark.places) for mark in lines] == [4]
    assert len(marks_of(chart, Dot)) == 2  # the step alone before the gap, and its rim
    panel = marks_of(chart, Pixels)[0]
    blank = (panel.levels[0, :, 3] == 0).mean()
    assert blank == pytest.approx(1 / 6, abs=0.02)


def test_series_that_were_not_kept_have_bars_alone():
    chart = timeseries(explained(np.ones((1, 4, 2))))
    assert "The series was not kept: its attributions alone are drawn." in chart.note
    assert len([mark for mark in marks_of(chart, Rectangle) if mark.tip]) == 8


def test_terminals_have_rows_of_what_adds_and_takes():
    lines = timeseries(STEP).text().split("\n")
    rows = {line[:9].strip(): line[9:] for line in lines if line[:6] in ("series", "adds +", "takes ")}
    assert rows == {"series": "▁▃▆█", "adds +": "   █", "takes -": "█"}


class TestThinning:
    def test_no_peak_is_lost(self):
        line, values = np.zeros(10_000), np.zeros(10_000)
        line[1234], line[5678], values[4321] = 5.0, -3.0, -2.0
        thin = thinned(np.arange(10_000.0), line, values, 300)
        assert len(thin.times) <= 300
        assert (thin.line.max(), thin.line.min(), thin.values.min()) == (5.0, -3.0, -2.0)
        assert (np.diff(thin.line_times) >= 0).all()
        assert abs(thin.times[np.argmin(thin.values)] - 4321) < 40

    def test_short_series_stay_as_they_are(self):
        times = np.arange(5.0)
        thin = thinned(times, times * 2, times * 3, 5)
        assert thin.line.tolist() == [0, 2, 4, 6, 8]
        assert thin.values.tolist() == [0, 3, 6, 9, 12]

    def test_surroundings_end_halfway_to_the_neighbours(self):
        assert edges_of(np.array([0.0, 1.0, 3.0])).tolist() == [-0.5, 0.5, 2.0, 4.0]
        assert edges_of(np.array([7.0])).tolist() == [6.5, 7.5]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: timeseries(series(), view="x"), UnknownName, "view must be one of 'overlay', 'coloured', 'bars'"),  # type: ignore[arg-type]
        (lambda: timeseries(series(), example=1), OutOfRange, r"example must be from 0 to 0: got 1\. Hint: "),
        (lambda: timeseries(series(), channels=[5]), OutOfRange, r"channels must be from 0 to 2.*: got 5\. Hint: "),
        (lambda: timeseries(series(), channels=[]), InvalidArgument, r"channels must be a list .*: got \[\]\. Hint: "),
        (lambda: timeseries(series(), channels="a"), InvalidArgument, "channels must be a list"),
        (lambda: timeseries(table()), InvalidArgument, r"timeseries needs series: got .* of table\. Hint: "),
        (lambda: timeseries(explained(np.zeros((1, 0, 2)))), InvalidArgument, r"\(B, T, C\) or \(B, T\): got"),
    ],
)
def test_messages(call: Any, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        call()
