"""Verdicts: what a check found, in a practitioner's words, with the number, its error and what to do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, cast, final, get_args

from pellucid.core.tensors import format_names
from pellucid.errors import InvalidArgument, InvalidFile, UnknownName
from pellucid.plot.charts.bands import LineOverBand
from pellucid.plot.charts.base import Chart
from pellucid.plot.charts.matrix import Matrix
from pellucid.plot.charts.panels import Panels
from pellucid.plot.headlines import method_text
from pellucid.plot.showing import light_and_dark, shown
from pellucid.plot.text import escaped

Grade: TypeAlias = Literal["good", "doubtful", "bad", "untold"]
"""How an explanation does: as it should; less well; not at all; or that cannot be told of it."""

SIGNS: Mapping[str, str] = {"good": "✓", "doubtful": "~", "bad": "✗", "untold": "-"}
"""How a grade is marked."""


@final
@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a check found.

    Args:
        grade: How the explanation does.
        says: What was found, in a sentence with the number and its error.
        advice: What to do; "" where all is well.
        value: The number, the mean over examples; None where there is none.
        stderr: Its standard error, over examples and samples; None where there is none.
        by_example: The number of each example; () where there is none.
        name: What was checked, in two or three words.
    """

    grade: Grade
    says: str
    advice: str = ""
    value: float | None = None
    stderr: float | None = None
    by_example: tuple[float | None, ...] = ()
    name: str = ""


@final
@dataclass(frozen=True, kw_only=True)
class RemovalMeans:
    """The output as features go, or come, in the mean over examples.

    Args:
        fractions: Which share of the features is gone, or there, [S].
        values: The mean outputs, [S].
        low: Below which 5 % of random orders are, in the mean over examples, [S].
        high: Above which 5 % are, [S].
    """

    fractions: tuple[float, ...]
    values: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def chart(self, title: str, x_label: str) -> LineOverBand:
        """The curve over the band of random orders.

        Args:
            title: What it shows.
            x_label: What goes to the right.
        """
        return LineOverBand(
            title=title,
            x=tuple(100 * share for share in self.fractions),
            y=self.values,
            low=self.low,
            high=self.high,
            x_label=x_label,
            y_label="output",
            band_label="random orders",
        )


@final
@dataclass(frozen=True, kw_only=True, repr=False)
class Check:
    """How far an explanation is to be trusted: a verdict from each of several sides.

    Args:
        verdicts: What was found.
        seconds: How long it took.
        deletion: The output as the features of the largest values are taken away; None where that was not followed.
        insertion: The output as they are put in.
        compared: What the explanation was compared with, and it itself, first.
        agreement: The rank correlations of all these with each other, in the mean over examples, NaN where unknown.
    """

    verdicts: tuple[Verdict, ...]
    seconds: float
    deletion: RemovalMeans | None = None
    insertion: RemovalMeans | None = None
    compared: tuple[str, ...] = ()
    agreement: tuple[tuple[float, ...], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether something is told, and nothing is bad."""
        grades = {verdict.grade for verdict in self.verdicts}
        return "bad" not in grades and bool(grades - {"untold"})

    def __getitem__(self, name: str) -> Verdict:
        """The verdict of a name.

        Raises:
            UnknownName: There is none.
        """
        named = {verdict.name: verdict for verdict in self.verdicts}
        if name not in named:
            raise UnknownName(f"verdict must be one of {format_names(named)}: got {name!r}.")
        return named[name]

    def plot_curves(self) -> Chart:
        """The output as features go, and come, beside random orders.

        Raises:
            InvalidArgument: They were not followed, as of an explanation of a layer.
        """
        charts: list[Chart] = []
        if self.deletion is not None:
            charts.append(self.deletion.chart("Largest values taken away first", "% of the features gone"))
        if self.insertion is not None:
            charts.append(self.insertion.chart("Largest values put in first", "% of the features there"))
        if not charts:
            raise InvalidArgument("check must be of an explanation of inputs to have curves: got one of a layer.")
        return Panels(title="The output as features go, and come", charts=tuple(charts))

    def plot_agreement(self) -> Chart:
        """How far explanations agree: their rank correlations.

        Raises:
            InvalidArgument: There is none to compare with.
        """
        if not self.agreement:
            raise InvalidArgument("check must have found another explanation to compare with: got none.")
        labels = tuple(map(method_text, self.compared))
        return Matrix(
            title="How far explanations agree",
            values=self.agreement,
            row_labels=labels,
            column_labels=labels,
            unit="rank correlation of sizes",
        )

    @property
    def charts(self) -> tuple[Chart, ...]:
        """All pictures that there are."""
        curves = () if self.deletion is None else (self.plot_curves(),)
        return (*curves, *((self.plot_agreement(),) if self.agreement else ()))

    def to_dict(self) -> dict[str, Any]:
        """It as numbers, texts and lists, which JSON can hold; None where there is no number."""
        return cast("dict[str, Any]", _plain(asdict(self)))

    @classmethod
    def of_dict(cls, entry: Mapping[str, Any]) -> Check:
        """The inverse.

        Args:
            entry: What `to_dict` returned.

        Raises:
            InvalidFile: It is something else.
        """
        agreement = tuple(map(_floats, entry["agreement"]))
        compared = tuple(map(str, entry["compared"]))
        if {len(row) for row in agreement} | {len(agreement)} not in ({len(compared)}, {0}):
            raise InvalidFile("the agreement of its check is not of what it compares")
        return cls(
            verdicts=tuple(map(_verdict, entry["verdicts"])),
            seconds=float(entry["seconds"]),
            compared=compared,
            agreement=agreement,
            deletion=_curve(entry["deletion"]),
            insertion=_curve(entry["insertion"]),
        )

    def __repr__(self) -> str:
        return self._text(columns=88, coloured=False)

    def show(self) -> None:
        """Show what fits where one is: in a notebook or browser a table and pictures, in a terminal their text."""
        shown(self._repr_html_(), self._text, "How far to trust the explanation")

    def _text(self, *, columns: int, coloured: bool) -> str:
        from pellucid.explanation.checking.words import text_of_check

        return text_of_check(self, columns=columns, coloured=coloured)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{SIGNS[verdict.grade]}</td><td>{escaped(verdict.name)}</td><td>{escaped(verdict.says)} "
            f"<i>{escaped(verdict.advice)}</i></td></tr>"
            for verdict in self.verdicts
        )
        pictures = "".join(light_and_dark(chart.svg) for chart in self.charts)
        return f'{pictures}<table class="pellucid-check">{rows}</table>'


def _plain(value: Any) -> Any:
    """What JSON can hold: tuples as lists, None in the place of what is no number."""
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value


def _floats(row: Sequence[Any]) -> tuple[float, ...]:
    """Numbers, NaN in the place of None."""
    return tuple(float("nan") if value is None else float(value) for value in row)


def _curve(entry: Mapping[str, Any] | None) -> RemovalMeans | None:
    """A curve of what JSON held.

    Raises:
        InvalidFile: Its ends are not of as many steps.
    """
    if entry is None:
        return None
    curve = RemovalMeans(**{name: _floats(row) for name, row in entry.items()})
    if len({len(row) for row in vars(curve).values()}) > 1 or len(curve.fractions) < 2:
        raise InvalidFile("a curve of its check must be of as many numbers everywhere")
    return curve


def _printable(text: Any) -> str:
    """A text of a file, without what terminals would take for commands."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))


def _verdict(entry: Mapping[str, Any]) -> Verdict:
    """A verdict of what JSON held.

    Raises:
        InvalidFile: It has a grade that there is not.
    """
    if entry["grade"] not in get_args(Grade):
        raise InvalidFile(f"a grade must be one of {', '.join(get_args(Grade))}")
    return Verdict(
        name=_printable(entry["name"]),
        grade=entry["grade"],
        says=_printable(entry["says"]),
        advice=_printable(entry["advice"]),
        value=None if entry["value"] is None else float(entry["value"]),
        stderr=None if entry["stderr"] is None else float(entry["stderr"]),
        by_example=tuple(None if value is None else float(value) for value in entry["by_example"]),
    )
