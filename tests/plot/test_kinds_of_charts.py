"""Kinds of charts: how their marks lie, and what they refuse."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pellucid.errors import InvalidArgument
from pellucid.plot import (
    DARK,
    LIGHT,
    Bars,
    Beeswarm,
    Chart,
    Decision,
    Force,
    GroupedBars,
    Histogram,
    Matrix,
    Panels,
    Scatter,
    Theme,
    Violins,
    centred_bins,
    signed,
)
from pellucid.plot.artists import FAMILIES, font_families
from pellucid.plot.charts.panels import shared
from pellucid.plot.charts.spread import RADIUS, density_of, stacked
from pellucid.plot.colours import colour_of_level
from pellucid.plot.scene import Dot, Line, Polygon, Rectangle, Text
from pellucid.plot.sheet import Sheet

BARS = Bars(title="Title", names=("a", "b", "c"), values=(0.5, -1.25, 0.0), unit="m")
HISTOGRAM = Histogram(title="Counts", edges=(-1.5, -0.5, 0.5, 1.5), counts=(3, 200, 1))
SCATTER = Scatter(title="Dots", x=(0, 1, 2), y=(0.0, -0.2, 0.1), sizes=(264, 20, 3), size_label="people")


def marks_of(chart: Chart, kind: type, sheet: Sheet | None = None) -> list:
    return [mark for mark in chart.scene(sheet or Sheet()).marks if isinstance(mark, kind)]


def test_bars_read_from_top_to_bottom_with_their_numbers():
    bars = marks_of(BARS, Rectangle)
    assert [bar.y for bar in bars] == sorted(bar.y for bar in bars)
    assert bars[1].width == pytest.approx(2.5 * bars[0].width)
    assert [bar.hatched for bar in bars] == [False, True, False]
    assert [bar.fill for bar in bars] == [LIGHT.positive, LIGHT.negative, LIGHT.neutral]
    numbers = [text.text for text in marks_of(BARS, Text)]
    assert [number for number in numbers if number[-1].isdigit()] == ["+0.50", "\N{MINUS SIGN}1.25", "0.00"]


def test_bars_of_sizes_have_no_sign():
    chart = Bars(names=("a",), values=(0.5,), are_sizes=True)
    assert marks_of(chart, Rectangle)[0].fill not in (LIGHT.positive, LIGHT.negative)
    assert "+" not in chart.text()


def test_bars_of_histograms_are_as_high_as_their_counts():
    bars = marks_of(HISTOGRAM, Rectangle)
    assert [bar.height / bars[2].height for bar in bars] == pytest.approx([3, 200, 1])
    assert [bar.fill for bar in bars] == [LIGHT.negative, LIGHT.neutral, LIGHT.positive]
    assert bars[0].hatched


def test_logarithmic_bars_are_as_high_as_the_logarithms_of_their_counts():
    chart = Histogram(edges=(0.0, 1.0, 2.0, 3.0), counts=(1, 10, 100), logarithmic=True)
    low, middle, high = (bar.height for bar in marks_of(chart, Rectangle))
    assert high - middle == pytest.approx(middle - low)
    assert low > 5
    assert {"1", "10", "100"} <= {text.text for text in marks_of(chart, Text) if text.anchor == "end"}


def test_the_areas_of_dots_and_of_the_legend_s_dots_are_proportional_to_their_sizes():
    dots = marks_of(SCATTER, Dot)
    per_person = dots[0].radius ** 2 / 264
    assert [dot.radius**2 for dot in dots[:3]] == pytest.approx([size * per_person for size in (264, 20, 3)], rel=0.05)
    assert [dot.radius**2 for dot in dots[3:]] == pytest.approx([size * per_person for size in (10, 50, 200)])
    texts = [text.text for text in marks_of(SCATTER, Text)]
    assert texts[-4:] == ["people", "10", "50", "200"]


def test_the_faint_histogram_counts_the_dots_above_it():
    chart = Scatter(x=(0.0, 0.0, 0.0, 1.0), y=(1.0, 2.0, 3.0, 4.0), counted=True)
    first, last = (bar for bar in marks_of(chart, Rectangle) if bar.fill == LIGHT.faint)
    assert first.height == pytest.approx(3 * last.height)


@pytest.mark.parametrize("sheet", [Sheet(), Sheet.of_terminal(80, LIGHT)], ids=["page", "terminal"])
def test_a_line_lies_where_dots_of_the_same_places_would(sheet: Sheet):
    ends = ((0.0, -1.0), (2.0, 4.0))
    chart = Scatter(x=(0.0, 1.0, 2.0), y=(-1.0, 2.0, 4.0), line=ends)
    dots, line = marks_of(chart, Dot, sheet), marks_of(chart, Line, sheet)[-1]
    assert line.places == ((dots[0].x, dots[0].y), (dots[2].x, dots[2].y))


def test_axes_reach_as_far_as_a_line():
    chart = Scatter(x=(0.0, 1.0), y=(1.0, 2.0), line=((-1.0, 0.5), (3.0, 5.0)))
    assert (chart.reach.x, chart.reach.y) == ((-1.0, 3.0), (0.0, 5.0))
    right = max(x for x, _ in marks_of(chart, Line)[-1].places)
    assert right <= Sheet().width


def test_dots_of_a_row_do_not_cover_each_other_where_there_is_room():
    places = np.sort(np.random.default_rng(0).uniform(0, 400, 60))
    offsets = stacked(places, 2 * RADIUS, 100.0)
    bins = np.floor(places / (2 * RADIUS)).astype(int)
    for each in np.unique(bins):
        inside = np.sort(offsets[bins == each])
        assert np.all(np.diff(inside) >= 2 * RADIUS - 1e-9)
    assert np.abs(stacked(np.zeros(1000), 2 * RADIUS, 20.0)).max() <= 20.0


def test_swarms_are_coloured_by_level_and_leave_out_what_is_missing():
    chart = Beeswarm(names=("a",), values=((0.0, 1.0, float("nan"), 2.0),), levels=((0.0, 1.0, 0.5, float("nan")),))
    low, high, unknown = marks_of(chart, Dot)
    assert (low.fill, high.fill, unknown.fill) == (LIGHT.sequence[0], LIGHT.sequence[-1], LIGHT.neutral)
    assert low.x < high.x < unknown.x


def test_swarms_of_many_are_thinned_out_but_keep_their_ends():
    values = np.random.default_rng(0).normal(size=5000)
    chart = Beeswarm(names=("a",), values=(tuple(values.tolist()),))
    dots = marks_of(chart, Dot)
    assert len(dots) == 400
    whole = Beeswarm(names=("a",), values=((values.min(), values.max()),))
    assert [dots[0].x, dots[-1].x] == pytest.approx([dot.x for dot in marks_of(whole, Dot)])


def test_densities_are_highest_where_most_values_are():
    values = np.sort(np.concatenate([np.random.default_rng(0).normal(0, 1, 900), np.linspace(5, 6, 30)]))
    places, heights = density_of(values)
    assert abs(places[heights.argmax()]) < 0.5
    assert heights.max() == 1
    assert (places[0], places[-1]) == (values[0], values[-1])


def test_violins_mark_median_and_quartiles():
    values = tuple(float(value) for value in range(101))
    chart = Violins(names=("a",), values=(values,))
    (shape,) = marks_of(chart, Polygon)
    quartiles = next(line for line in marks_of(chart, Line) if line.width == 4)
    xs = [x for x, _ in shape.places]
    at = np.interp([x for x, _ in quartiles.places], [min(xs), max(xs)], [0, 100])
    assert at == pytest.approx([25, 75])
    assert marks_of(Violins(names=("a",), values=((1.0, 1.0),)), Polygon) == []


def test_cells_that_are_large_bear_their_numbers_and_small_ones_lines_where_they_go_down():
    values = ((0.5, -1.0), (float("nan"), 0.25))
    texts = {text.text for text in marks_of(Matrix(values=values, row_labels=("a", "b")), Text)}
    assert {"+0.50", "\N{MINUS SIGN}1.00", "NaN", "+0.25"} <= texts
    small = Matrix(values=((0.5,) * 40 + (-1.0,) * 40,), row_labels=("a",))
    cells = [mark for mark in marks_of(small, Rectangle) if mark.tip]
    lines = marks_of(small, Line)
    assert len(cells) == 80
    assert "NaN" not in {text.text for text in marks_of(small, Text)}
    on_cells = [line for line in lines if line.places[0][0] > cells[39].x]
    assert len(on_cells) > 10
    assert "####====" in small.text().replace(" ", "")


def test_columns_without_room_are_joined_with_their_neighbours():
    chart = Matrix(values=(tuple(float(value) for value in range(2000)),), row_labels=("a",))
    cells = [mark for mark in marks_of(chart, Rectangle) if mark.tip]
    assert len(cells) < 400
    assert "mean of up to" in " ".join(text.text for text in marks_of(chart, Text))


def test_pushes_point_where_they_push():
    chart = Force(names=("a", "b"), values=(2.0, -1.0), start=0.0, end=1.0)
    up, down = marks_of(chart, Polygon)
    meeting = max(x for x, _ in up.places)
    assert min(x for x, _ in down.places) == pytest.approx(meeting)
    assert (up.fill, down.fill) == (LIGHT.positive, LIGHT.negative)


def test_lines_of_decisions_are_drawn_from_the_bottom_to_the_top():
    chart = Decision(names=("a", "b"), steps=((1.0, 2.0), (0.0, -1.0)), starts=(0.0, 0.0))
    assert chart.paths == ((0.0, 1.0, 3.0), (0.0, 0.0, -1.0))
    lines = [line for line in marks_of(chart, Line) if len(line.places) == 3]
    assert all(line.places[0][1] > line.places[1][1] > line.places[2][1] for line in lines)
    assert lines[0].places[0] == lines[1].places[0]


def test_of_many_decisions_some_are_drawn_and_it_is_said_how_many():
    chart = Decision(names=("a",), steps=tuple((float(end),) for end in range(500)), starts=(0.0,) * 500)
    assert len(marks_of(chart, Dot)) == 200
    assert "200 of 500 examples are drawn." in [text.text for text in marks_of(chart, Text)]
    assert "5 of 500 examples are drawn." in chart.text()


def test_panels_share_their_axes_and_have_fewer_in_a_row_on_phones():
    other = Histogram(title="Other", edges=(2.5, 3.5), counts=(7,))
    left, right = shared((HISTOGRAM, other))
    assert left.limits == right.limits
    assert (left.limits.x, left.limits.y) == ((-1.5, 3.5), (0.0, 200.0))
    panels = Panels(charts=(HISTOGRAM, other))
    first, second = (
        {text.text: text for text in marks_of(panels, Text, sheet)} for sheet in (Sheet(), Sheet(width=360))
    )
    assert first["Counts"].y == first["Other"].y
    assert second["Counts"].y < second["Other"].y
    heights = [bar.height for bar in marks_of(panels, Rectangle)]
    assert heights[3] == pytest.approx(heights[1] * 7 / 200)


def test_panels_are_read_row_by_row():
    charts = tuple(Histogram(title=str(number), edges=(-0.5, 0.5), counts=(number,)) for number in (1, 2, 3, 4))
    titles = [text for text in marks_of(Panels(charts=charts), Text) if text.bold]
    assert [text.text for text in sorted(titles, key=lambda text: (text.y, text.x))] == ["1", "2", "3", "4"]


def test_groups_are_told_by_letters_as_well_as_by_colours():
    chart = GroupedBars(names=("x",), groups=("a", "b"), values=((1.0,), (-2.0,)))
    bars = [bar for bar in marks_of(chart, Rectangle) if bar.tip]
    assert [bar.fill for bar in bars] == list(LIGHT.groups[:2])
    texts = {text.text.replace("  ", " ") for text in marks_of(chart, Text)}
    assert {"A +1.00", "B \N{MINUS SIGN}2.00", "A a", "B b"} <= texts


def luminance(colour: str) -> float:
    levels = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_colours_of_numbers_and_groups_are_seen_on_the_background(theme: Theme):
    ramp = [colour_of_level(level, theme) for level in np.linspace(0, 1, 11)]
    for colour in (*ramp, *theme.groups, theme.neutral):
        light, dark = sorted((luminance(colour), luminance(theme.background)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3, colour
    steps = np.diff([luminance(colour) for colour in ramp])
    assert (steps < 0).all() or (steps > 0).all()
    assert len(set(theme.groups)) == 6


def test_users_texts_are_no_markup_and_no_commands():
    chart = Bars(title="</svg><script>x()</script>\x1b[31m", names=("<b>&\x00",), values=(1.0,))
    assert "<script>" not in chart.svg()
    assert "&lt;script&gt;" in chart.svg()
    assert not {"\x1b", "\x00"} & set(chart.svg() + chart.text())


def test_the_same_chart_gives_the_same_files(tmp_path: Path):
    for ending in ("png", "svg", "txt"):
        for name in ("first", "second"):
            BARS.save(tmp_path / f"{name}.{ending}", theme=DARK)
        assert (tmp_path / f"first.{ending}").read_bytes() == (tmp_path / f"second.{ending}").read_bytes()
    with pytest.raises(InvalidArgument, match="path must end in"):
        BARS.save(tmp_path / "none")


def test_names_that_no_font_has_are_warned_of_but_drawn(tmp_path: Path):
    chart = Bars(title="按特征", names=("年龄", "性别", "👍"), values=(1.0, -2.0, 0.5))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        chart.save(tmp_path / "names.png")
    assert (tmp_path / "names.png").stat().st_size > 1000
    assert all("missing from" in str(warning.message) for warning in caught)
    assert set(font_families()) <= set(FAMILIES)
    assert chart.figure().axes[0].texts[0].get_text() == "按特征"


def test_bins_are_centred_on_zero_and_count_every_value():
    edges, counts = centred_bins([-0.32, -0.04, 0.0, 0.04, 0.11], width=0.1)
    assert edges == pytest.approx((-0.35, -0.25, -0.15, -0.05, 0.05, 0.15))
    assert counts == (1, 0, 0, 3, 1)


@pytest.mark.parametrize(
    ("value", "text"), [(0.174, "+0.17"), (-0.515, "\N{MINUS SIGN}0.52"), (-0.004, "0.00"), (0.0, "0.00")]
)
def test_a_number_shows_its_sign_unless_it_rounds_to_zero(value: float, text: str):
    assert signed(value) == text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bars(names=("a",), values=(1.0, 2.0)), "names and values must be as many"),
        (lambda: Histogram(edges=(0.0, 1.0), counts=(1, 2)), "edges must be one more than counts: got 2 edges of 2"),
        (lambda: Scatter(x=(0,), y=(1,), sizes=(1, 2)), "x and y must be as many"),
        (lambda: Scatter(x=(0,), y=(1,), sizes=(0,)), "sizes must be above 0: got 0"),
        (lambda: Scatter(x=(0.0,), y=(1.0,), line=((0.0, 1.0),)), "line must have at least two places"),
        (lambda: Scatter(x=(0.0,), y=(1.0,), line=((0.0, 1.0), (1.0, float("nan")))), "line must have .* finite"),
        (lambda: Panels(charts=()), "charts must be one or more: got none"),
        (lambda: Panels(charts=(BARS,), columns=0), "columns must be 1 or more: got 0"),
        (lambda: Matrix(values=((1.0,),), row_labels=("a", "b")), "values must be a row for each of 2 row_labels"),
        (lambda: Beeswarm(names=("a",), values=()), "names and values must be as many: got 1 and 0"),
        (lambda: Decision(names=("a",), steps=((1.0,),), starts=()), "steps must be 1 for each of 0 starts"),
        (lambda: GroupedBars(names=("a",), groups=("x",), values=()), "one row for each of 1 groups"),
        (lambda: Force(names=("a",), values=(float("nan"),), start=0.0, end=1.0), "must be finite.*Hint: "),
        (lambda: centred_bins([0.0, float("nan")], 0.1), "finite numbers"),
        (lambda: centred_bins([], 0.1), "finite numbers"),
        (lambda: centred_bins([1.0], 0), "width must be above 0: got 0"),
    ],
)
def test_chart_data_that_does_not_fit_together_is_refused(make: Callable[[], object], message: str):
    with pytest.raises(InvalidArgument, match=message):
        make()


def test_without_matplotlib_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "pellucid\[plot\]"'):
        BARS.figure()
    assert BARS.svg().startswith("<svg")


def test_the_package_and_its_charts_import_where_the_optional_packages_are_missing():
    program = "import sys; sys.modules.update(matplotlib=None, rich=None, typer=None); import pellucid, pellucid.plot"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
