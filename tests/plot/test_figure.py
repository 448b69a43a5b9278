import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.plot import DARK, LIGHT, Bars, Chart, Histogram, Panels, Scatter, Theme, centred_bins, draw, save, signed

LABELS = {"title": "Title", "x_label": "length (m)", "y_label": "time (s)"}
BARS = Bars(names=("a", "b", "c"), values=(0.5, -1.25, 0.0), **LABELS)
HISTOGRAM = Histogram(edges=(-1.5, -0.5, 0.5, 1.5), counts=(3, 200, 1), logarithmic=True, **LABELS)
SCATTER = Scatter(x=(0, 1, 2), y=(0.0, -0.2, 0.1), sizes=(264, 20, 3), size_label="people", **LABELS)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
@pytest.mark.parametrize("chart", [BARS, HISTOGRAM, SCATTER], ids=lambda chart: type(chart).__name__)
def test_a_chart_is_drawn_in_the_colours_of_the_theme_and_its_labels_do_not_overlap(chart: Chart, theme: Theme):
    from matplotlib.colors import to_hex

    figure = draw(chart, theme)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert to_hex(figure.get_facecolor()) == to_hex(axes.get_facecolor()) == theme.background
    assert (axes.get_title("left"), axes.get_xlabel(), axes.get_ylabel()) == tuple(LABELS.values())
    assert to_hex(axes.xaxis.label.get_color()) == theme.text
    drawn = {to_hex(colour) for patch in axes.patches for colour in [patch.get_facecolor()]} | {
        to_hex(colour) for dots in axes.collections[:1] for colour in dots.get_facecolors()
    }
    assert drawn == {theme.positive, theme.negative, theme.neutral}
    for labels in (axes.get_xticklabels(), axes.get_yticklabels(), axes.texts):
        boxes = [label.get_window_extent() for label in labels if label.get_text()]
        assert not any(a.overlaps(b) for index, a in enumerate(boxes) for b in boxes[:index])


def test_bars_read_from_top_to_bottom_with_their_numbers():
    (axes,) = draw(BARS).axes
    assert axes.yaxis_inverted()
    assert [text.get_text() for text in axes.texts] == ["+0.50", "\N{MINUS SIGN}1.25", "0.00"]


def test_panels_share_their_axes_and_say_once_what_these_measure():
    other = Bars(names=("b", "a", "c"), values=(3.0, 0.0, -0.5), **LABELS | {"title": "Other"})
    figure = draw(Panels(title="Both", charts=(BARS, other), columns=2), DARK)
    figure.draw_without_rendering()
    left, right = figure.axes
    assert (figure.get_suptitle(), figure.get_supxlabel(), figure.get_supylabel()) == ("Both", "length (m)", "time (s)")
    assert (left.get_title("left"), right.get_title("left")) == ("Title", "Other")
    assert left.get_xlim() == right.get_xlim()
    assert left.yaxis_inverted()
    assert right.yaxis_inverted()
    # A name stands at the same height in both, whatever the order.
    assert [bar.get_y() for bar in right.patches] == pytest.approx([left.patches[index].get_y() for index in (1, 0, 2)])
    assert [bar.get_width() for bar in right.patches] == [3.0, 0.0, -0.5]
    assert not any(label.get_visible() for label in right.get_yticklabels())
    boxes = [text.get_window_extent() for axes in figure.axes for text in [*axes.texts, axes.title]]
    assert not any(a.overlaps(b) for index, a in enumerate(boxes) for b in boxes[:index])
    assert all(figure.bbox.containsx(box.x0) and figure.bbox.containsx(box.x1) for box in boxes)


def test_panels_are_read_row_by_row_and_more_rows_make_a_taller_figure():
    charts = tuple(
        Histogram(edges=(-0.5, 0.5), counts=(count,), **LABELS | {"title": str(count)}) for count in (1, 2, 3, 4)
    )
    figure = draw(Panels(title="Four", charts=charts))
    figure.draw_without_rendering()
    corners = [(round(axes.get_position().x0, 3), -round(axes.get_position().y0, 3)) for axes in figure.axes]
    assert [axes.get_title("left") for axes in figure.axes] == ["1", "2", "3", "4"]
    assert [axes.patches[0].get_height() for axes in figure.axes] == [1, 2, 3, 4]
    assert corners == sorted(corners, key=lambda corner: corner[::-1])
    assert figure.get_figwidth() == draw(BARS).get_figwidth()
    assert figure.get_figheight() > draw(BARS).get_figheight()


def test_the_areas_of_dots_and_of_the_legend_s_dots_are_proportional_to_their_sizes():
    (axes,) = draw(SCATTER).axes
    areas = axes.collections[0].get_sizes()
    per_person = areas[0] / 264
    assert areas == pytest.approx([size * per_person for size in SCATTER.sizes])
    legend = axes.get_legend()
    assert legend.get_title().get_text() == "people"
    assert [text.get_text() for text in legend.get_texts()] == ["10", "50", "200"]
    sizes = [handle.get_sizes()[0] for handle in legend.legend_handles]
    assert sizes == pytest.approx([size * per_person for size in (10, 50, 200)])


def test_the_same_chart_gives_the_same_png_and_no_global_setting_changes(tmp_path: Path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    save(BARS, tmp_path / "first.png", DARK)
    save(BARS, str(tmp_path / "second.png"), DARK)
    assert dict(matplotlib.rcParams) == before
    first = (tmp_path / "first.png").read_bytes()
    assert first == (tmp_path / "second.png").read_bytes()
    assert int.from_bytes(first[16:20], "big") == 1200  # the width in the PNG header


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
        (lambda: Bars(names=("a",), values=(1.0, 2.0), **LABELS), "names: 1, values: 2"),
        (lambda: Histogram(edges=(0.0, 1.0), counts=(1, 2), **LABELS), "counts: 2, gaps between edges: 1"),
        (lambda: Scatter(x=(0,), y=(1,), sizes=(), size_label="", **LABELS), "x: 1, y: 1, sizes: 0"),
        (lambda: Scatter(x=(0,), y=(1,), sizes=(0,), size_label="", **LABELS), "positive numbers, got 0"),
        (lambda: Panels(title="", charts=()), "one or more of one kind"),
        (lambda: Panels(title="", charts=(BARS, HISTOGRAM)), "one kind"),
        (
            lambda: Panels(title="", charts=(BARS, Bars(names=(), values=(), title="", x_label="", y_label=""))),
            "labels",
        ),
        (lambda: Panels(title="", charts=(BARS,) * 3), "full rows of 2, got 3 charts"),
        (lambda: centred_bins([0.0, float("nan")], 0.1), "finite values"),
        (lambda: centred_bins([], 0.1), "got 0 values"),
        (lambda: centred_bins([1.0], 0), "width 0"),
    ],
)
def test_chart_data_that_does_not_fit_together_is_refused(make, message: str):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_chart_of_no_known_kind_is_refused():
    with pytest.raises(TypeError, match="expected Bars, Histogram or Scatter, got Chart"):
        draw(Chart(**LABELS))


def test_without_matplotlib_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "pellucid\[plot\]"'):
        draw(BARS)


def test_the_package_and_its_charts_import_where_the_optional_packages_are_missing():
    program = "import sys; sys.modules.update(matplotlib=None, rich=None, typer=None); import pellucid, pellucid.plot"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
