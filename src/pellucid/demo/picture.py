"""A picture of the Titanic report, and how its words and bars are written."""

from collections.abc import Iterable
from dataclasses import dataclass

from pellucid.demo.summary import Summary
from pellucid.plot import Bars, Chart

CHANGE = "(change of the predicted probability)"


@dataclass(frozen=True)
class Picture:
    """A chart with the name of its file, its text alternative, and its caption, which says what one sees."""

    name: str
    chart: Chart
    alt_text: str
    caption: str


def bars(summaries: Iterable[Summary], *, title: str, unit: str) -> Bars:
    """Return a bar chart of the means of summaries, in their order."""
    names, values = zip(*((summary.name, summary.mean) for summary in summaries), strict=True)
    return Bars(title=title, unit=unit, names=names, values=values)


def joined(items: Iterable[object]) -> str:
    """Write items as a list in a sentence: a, b and c."""
    *first, last = map(str, items)
    return f"{', '.join(first)} and {last}" if first else last


def as_sentence(text: str) -> str:
    """Write a text with a capital first letter and a full stop."""
    return f"{text[0].upper()}{text[1:]}."
