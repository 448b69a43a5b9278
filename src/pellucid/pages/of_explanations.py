"""Pages of explanations: a picture of all, what each feature adds, the strongest reasons of single examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.explanation.checking.verdict import SIGNS
from pellucid.explanation.explanation import Explanation
from pellucid.explanation.reading import PICTURED, Reading, reading_of
from pellucid.explanation.tables import labels_of_examples
from pellucid.pages.page import Page, Section
from pellucid.plot.charts.base import Chart
from pellucid.plot.headlines import capitalized, method_text

if TYPE_CHECKING:
    from pellucid.explanation.comparison import Comparison

SINGLE = 3
"""How many examples have a section of their own."""

INTERVAL = "± 95 %"

MEANS_NOT = (
    "Attributions say what the model makes of its inputs, not what is so in the world: "
    "a feature that matters to the model need not be a cause."
)


def page_of(explanation: Explanation | Comparison, *, code: str = "", most: int = SINGLE) -> Page:
    """A page of an explanation, or of several side by side.

    Args:
        explanation: The explanation, or a comparison of methods or targets.
        code: What made it, which a reader can unfold.
        most: How many examples have sections of their own, the first ones.

    Examples:
        >>> import pellucid, torch
        >>> from pellucid.pages import page_of
        >>> explanation = pellucid.explain(torch.nn.Linear(2, 1), torch.ones(1, 2), feature_names=["age", "fare"])
        >>> page_of(explanation).title
        'Why the model predicts what it predicts'
    """
    several: Mapping[str, Explanation] = {"": explanation} if isinstance(explanation, Explanation) else explanation
    sections: list[Section] = []
    if not isinstance(explanation, Explanation):
        sections.append(Section(heading="Side by side", charts=(explanation.plot(),)))
    for name, one in several.items():
        sections += _sections(one, f"{capitalized(method_text(name))}: " if name else "", most)
    first = next(iter(several.values()))
    return Page(
        title="Why the model predicts what it predicts",
        asked=tuple(
            f"{capitalized(reading.heading)}: {reading.predictions}." for reading in map(reading_of, several.values())
        ),
        sections=(*sections, *_checks(several), _trust(several)),
        code=code,
        sources=(_made_by(first),),
    )


def _sections(explanation: Explanation, of: str, most: int) -> list[Section]:
    """A section of all examples, where there are several and these have no pictures, and of the first ones."""
    count, labels, sections = len(explanation), labels_of_examples(explanation), []
    if count != 1 and not _is_pictured(explanation):
        charts: tuple[Chart, ...] = (explanation.plot.bar(), explanation.plot.beeswarm()) if count else ()
        sections.append(_section(f"{of}{count} examples", explanation, charts))
    for example in range(min(count, most)):
        one, number = explanation[example], f"example {example + 1} of {count}"
        name = f"{labels[example]}, {number}" if isinstance(labels[example], str) else number
        sections.append(_section(capitalized(f"{of}{name}"), one, (one.plot(),)))
    return sections


def _section(heading: str, explanation: Explanation, charts: tuple[Chart, ...]) -> Section:
    reading = reading_of(explanation, 40)
    return Section(
        heading=heading,
        shows=_sentence(reading.sums),
        charts=charts,
        table=None if _is_pictured(explanation) else _table(reading),
        caption="Mean sizes of attributions" if reading.are_sizes else "Attributions",
    )


def _is_pictured(explanation: Explanation) -> bool:
    return any(part.kind in PICTURED for part in explanation.parts)


def _table(reading: Reading) -> Any:
    """The features of a reading, strongest first, as a frame."""
    import pandas

    names = [f"{row.name} = {row.text}" if row.text else row.name for row in reading.rows]
    values = [row.value for row in reading.rows]
    errors = [np.nan if row.stderr is None else 1.96 * row.stderr for row in reading.rows]
    count, others = reading.remainder
    if count or others:
        names.append(f"and {count} more" if count else "left out")
        values.append(others)
        errors.append(np.nan)
    table = pandas.DataFrame({"attribution": values}, index=pandas.Index(names, name="feature"))
    return table if np.isnan(errors).all() else table.assign(**{INTERVAL: errors})


def _trust(several: Mapping[str, Explanation]) -> Section:
    """How far the numbers hold: notes, the evaluations that they took."""
    notes = dict.fromkeys(note for one in several.values() for note in one.notes)
    evaluations = np.mean([np.nanmean(one.evaluations) if len(one) else 0.0 for one in several.values()])
    seconds = sum(one.seconds for one in several.values())
    cost = f"{evaluations:.0f} evaluations of the model for each example, {seconds:.1f} s."
    return Section(heading="How far the numbers hold", shows=(*map(_sentence, notes), cost), limits=MEANS_NOT)


def _checks(several: Mapping[str, Explanation]) -> list[Section]:
    """A section for each explanation that was checked: the verdicts, and what was followed."""
    sections = []
    for one in several.values():
        if one.checked is not None:
            of = f": {method_text(one.method)}" if len(several) > 1 else ""
            said = tuple(
                f"{SIGNS[verdict.grade]} {capitalized(verdict.name)}. {verdict.says}"
                f"{f' Hint: {verdict.advice}' if verdict.advice else ''}"
                for verdict in one.checked.verdicts
            )
            sections.append(Section(heading=f"How far to trust it{of}", shows=said, charts=one.checked.charts))
    return sections


def _sentence(text: str) -> str:
    """A text with a capital letter and a full stop; "" as it is."""
    return f"{capitalized(text)}{'' if text.endswith('.') else '.'}" if text else ""


def _made_by(explanation: Explanation) -> str:
    provenance = explanation.provenance
    versions = ", ".join(f"{name} {version}" for name, version in provenance.versions.items())
    parameters = ", ".join(f"{name}={value!r}" for name, value in provenance.parameters.items())
    return (
        f"Model: {provenance.model}, {provenance.n_parameters:,} parameters. "
        f"Method: {provenance.method}({parameters}); "
        f"baselines: {provenance.baselines or 'none'}, seed {provenance.seed}. Made {provenance.created} on "
        f"{provenance.device} by {versions}."
    )
