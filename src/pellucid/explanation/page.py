"""Explanations as notebooks and pages show them: a table with bars, without scripts, light or dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.explanation.reading import PICTURED, Reading, columns_of, is_of_pixels, reading_of
from pellucid.plot.axis import signed_number
from pellucid.plot.showing import light_and_dark
from pellucid.plot.text import escaped
from pellucid.plot.theme import DARK, LIGHT, Theme

if TYPE_CHECKING:
    from pellucid.explanation.explanation import Explanation

MOST_PICTURED = 4
"""How many examples the picture shows."""


def _variables(theme: Theme) -> str:
    return (
        f"--text:{theme.text};--back:{theme.background};--faint:{theme.faint};"
        f"--for:{theme.positive};--against:{theme.negative}"
    )


STYLE = f"""<style>
.pellucid{{{_variables(LIGHT)};font:13px/1.4 system-ui,sans-serif;color:var(--text);background:var(--back);
padding:.6em .8em;max-width:46em;overflow-wrap:anywhere}}
@media (prefers-color-scheme:dark){{.pellucid{{{_variables(DARK)}}}}}
[data-jp-theme-light=true] .pellucid,.vscode-light .pellucid{{{_variables(LIGHT)}}}
[data-jp-theme-light=false] .pellucid,.vscode-dark .pellucid,.dark .pellucid{{{_variables(DARK)}}}
.pellucid table{{border-collapse:collapse;width:100%;color:inherit;font-size:inherit;table-layout:auto}}
.pellucid td,.pellucid th{{padding:.15em .5em;border:0;text-align:left;background:none;color:inherit}}
.pellucid td.n{{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}}
.pellucid td.b{{width:40%}}
.pellucid .bar{{height:.85em;min-width:1px;background:var(--for)}}
.pellucid .bar.m{{background:repeating-linear-gradient(135deg,var(--against) 0 5px,var(--back) 5px 6px)}}
.pellucid .note{{color:inherit;opacity:.85;margin:.3em 0 0}}
</style>"""


def page_of_explanation(explanation: Explanation) -> str:
    """A part of a page: the picture where there is one, and the table.

    Args:
        explanation: The explanation.
    """
    reading = reading_of(explanation)
    return _picture(explanation) + STYLE + _words(reading, "" if is_of_pixels(explanation) else _table(reading))


def _picture(explanation: Explanation) -> str:
    if not len(explanation) or not any(part.kind in PICTURED for part in explanation.parts):
        return ""
    chart = explanation[:MOST_PICTURED].plot()
    return light_and_dark(chart.svg)


def _table(reading: Reading) -> str:
    names, numbers = columns_of(reading.rows, are_sizes=reading.are_sizes)
    largest = max((abs(row.value) for row in reading.rows), default=0.0)
    values = [row.value for row in reading.rows]
    count, others = reading.remainder
    if count or others:
        names.append(f"and {count} more" if count else "left out")
        numbers.append(signed_number(others, largest).removeprefix("+" if reading.are_sizes else ""))
        values.append(others)
    rows = "".join(map(_row, names, numbers, values, [largest] * len(values)))
    return (
        '<table><thead><tr><th scope="col">feature</th><th scope="col" style="text-align:right">attribution</th>'
        f"<th></th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _words(reading: Reading, table: str) -> str:
    """What is said above and below the table."""
    notes = "".join(f'<p class="note">{escaped(note)}</p>' for note in filter(None, (reading.sums, *reading.notes)))
    return (
        f'<div class="pellucid"><b>{escaped(reading.heading)}</b><br>{escaped(reading.predictions)}{table}{notes}</div>'
    )


def _row(name: str, number: str, value: float, largest: float) -> str:
    share = min(100.0, 100 * abs(value) / largest) if largest and value == value else 0.0
    sign = " m" if value < 0 else ""
    bar = f'<div class="bar{sign}" style="width:{share:.1f}%"></div>' if value else ""
    return f'<tr><td>{escaped(name)}</td><td class="n">{escaped(number)}</td><td class="b">{bar}</td></tr>'
