"""Explanations as tables: rows of features, frames, dicts and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.explanation.part import Array

if TYPE_CHECKING:
    from pellucid.explanation.explanation import Explanation


def rows(explanation: Explanation) -> Iterator[tuple[int, int]]:
    """Examples and the positions of their features, but for those of padding."""
    for example in range(len(explanation)):
        named = explanation.features.names_in(example)
        yield from ((example, position) for position, name in enumerate(named) if name)


def labels_of_examples(explanation: Explanation) -> list[Any]:
    """What examples are called: the labels of a frame's rows, or their numbers."""
    index = explanation.parts[0].index
    return [index[example] if len(index) else example for example in range(len(explanation))]


def _columns(explanation: Explanation) -> dict[str, list[Any]]:
    """The columns of the long table."""
    places = np.array(list(rows(explanation)), dtype=np.int64).reshape(-1, 2)
    examples, positions = places[:, 0], places[:, 1]
    names = [explanation.features.names_in(example) for example in range(len(explanation))]
    shown = labels_of_examples(explanation)
    columns: dict[str, list[Any]] = {
        "example": [shown[example] for example in examples.tolist()],
        "feature": [names[example][position] for example, position in places.tolist()],
        "input": _inputs(explanation, examples, positions),
        "attribution": explanation.features.values[examples, positions].tolist(),
    }
    if explanation.features.stderr is not None:
        columns["stderr"] = explanation.features.stderr[examples, positions].tolist()
    columns["target"] = [explanation.target_names[example] for example in examples.tolist()]
    columns["prediction"] = explanation.prediction[examples].tolist()
    return columns


def _inputs(explanation: Explanation, examples: Array, positions: Array) -> list[Any]:
    """What features hold: numbers, and where these are none how they read."""
    numbers = explanation.features.numbers[examples, positions]
    inputs: list[Any] = numbers.tolist()
    unknown = np.flatnonzero(np.isnan(numbers)).tolist()
    texts = explanation.features.texts if unknown else ()
    for place in unknown:
        inputs[place] = texts[examples[place]][positions[place]]
    return inputs


def to_frame(explanation: Explanation) -> Any:
    """See [Explanation.to_frame][pellucid.Explanation.to_frame]."""
    try:
        import pandas
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError('to_frame takes pandas: pip install "pellucid[tables]"', name="pandas") from missing
    return pandas.DataFrame(_columns(explanation))


def to_csv(explanation: Explanation, path: Path | str | None) -> str | None:
    """See [Explanation.to_csv][pellucid.Explanation.to_csv]."""
    columns = _columns(explanation)
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(columns)
    table.writerows(zip(*columns.values(), strict=True))
    if path is None:
        return written.getvalue()
    Path(path).write_text(written.getvalue(), encoding="utf-8")
    return None


def to_dict(explanation: Explanation) -> dict[str, Any]:
    """See [Explanation.to_dict][pellucid.Explanation.to_dict]."""
    provenance = explanation.provenance
    delta = explanation.delta
    index = explanation.parts[0].index
    examples = [
        {
            **({"example": _label(index[example])} if len(index) else {}),
            "target": explanation.target_names[example],
            "prediction": _number(explanation.prediction[example]),
            "baseline_prediction": _number(explanation.baseline_prediction[example]),
            "delta": None if delta is None else _number(delta[example]),
            "remainder": _number(explanation.remainder[example]),
            "evaluations": _number(explanation.evaluations[example]),
            "features": [
                _feature(explanation, example, position, name) for position, name in _named(explanation, example)
            ],
        }
        for example in range(len(explanation))
    ]
    return {
        "method": explanation.method,
        "unit": explanation.unit,
        "seconds": explanation.seconds,
        "notes": list(explanation.notes),
        "parameters": dict(provenance.parameters),
        "baselines": provenance.baselines,
        "source": provenance.source,
        "seed": provenance.seed,
        "model": provenance.model,
        "versions": dict(provenance.versions),
        **({} if explanation.checked is None else {"checked": explanation.checked.to_dict()}),
        "created": provenance.created,
        "examples": examples,
    }


def _named(explanation: Explanation, example: int) -> list[tuple[int, str]]:
    return [(position, name) for position, name in enumerate(explanation.features.names_in(example)) if name]


def _feature(explanation: Explanation, example: int, position: int, name: str) -> dict[str, Any]:
    feature: dict[str, Any] = {
        "name": name,
        "input": explanation.features.texts[example][position] or None,
        "attribution": _number(explanation.features.values[example, position]),
    }
    if explanation.features.stderr is not None:
        feature["stderr"] = _number(explanation.features.stderr[example, position])
    return feature


def _label(name: Any) -> Any:
    """What a row is called, as JSON has it."""
    name = name.item() if isinstance(name, np.generic) else name
    return name if isinstance(name, int) else str(name)


def _number(value: Any) -> float | None:
    """A number, None where it is NaN or infinite, which JSON does not have."""
    number = float(value)
    return number if np.isfinite(number) else None
