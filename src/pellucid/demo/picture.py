"""What a picture of the Titanic report is."""

from collections.abc import Iterable
from dataclasses import dataclass

from pellucid.demo.summary import Summary
from pellucid.plot import Bars, Chart, Panels

CHANGE = "(change of the predicted probability)"


@dataclass(frozen=True)
class Picture:
    """A chart, the name of its file, what it is, and what one sees in it."""

    name: str
    chart: Chart | Panels
    alternative: str
    sentences: str


def bars(summaries: Iterable[Summary], *, title: str, x_label: str, y_label: str) -> Bars:
    """Return a bar chart of their means, in their order."""
    names, values = zip(*((summary.name, summary.mean) for summary in summaries), strict=True)
    return Bars(title=title, x_label=x_label, y_label=y_label, names=names, values=values)


def listed(parts: Iterable[object]) -> str:
    """Write parts as they are read out: a, b and c."""
    *first, last = map(str, parts)
    return f"{', '.join(first)} and {last}" if first else last


def sentence(text: str) -> str:
    """Write a sentence's first letter large; the others stay as they are."""
    return f"{text[0].upper()}{text[1:]}."
