"""Explanations as JSON and named arrays, and back."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.data.words import TokenLayout
from pellucid.errors import InvalidFile
from pellucid.explanation.checking.verdict import Check
from pellucid.explanation.explanation import Explanation
from pellucid.explanation.part import Array, GivenAs, Part
from pellucid.explanation.provenance import Provenance
from pellucid.plot.explained import Kind

SCHEMA = "pellucid.explanation"
VERSION = (1, 1)
"""A file of the same first number can be read; the second grows where something is added."""

OF_EXAMPLES = ("prediction", "baseline_prediction", "remainder", "evaluations")
OPTIONAL = ("inputs", "stderr", "mask")


def as_json(explanation: Explanation, prefix: str, arrays: dict[str, Array], *, inputs: bool) -> dict[str, Any]:
    """An explanation as what JSON can hold; its arrays are put into a dict.

    Args:
        explanation: The explanation.
        prefix: What the names of its arrays begin with.
        arrays: The dict.
        inputs: Whether inputs are kept.
    """
    for name in OF_EXAMPLES:
        arrays[prefix + name] = getattr(explanation, name)
    if explanation.interactions is not None:
        arrays[prefix + "interactions"] = explanation.interactions
    parts = [
        _part_as_json(part, f"{prefix}{number}/", arrays, inputs=inputs)
        for number, part in enumerate(explanation.parts)
    ]
    provenance = dataclasses.replace(
        explanation.provenance,
        fingerprint=explanation.provenance.fingerprint
        if explanation.model is None
        else explanation.model.fingerprint(),
    )
    return {
        "parts": parts,
        "structure": _structure_as_json(explanation.structure),
        "target_names": list(explanation.target_names),
        "unit": explanation.unit,
        "adds_up": explanation.adds_up,
        "seconds": explanation.seconds,
        "feature_labels": list(explanation.feature_labels),
        "rounds": [[number, _finite(error)] for number, error in explanation.rounds],
        "notes": list(explanation.notes),
        "provenance": {name: _plain(value) for name, value in vars(provenance).items()},
        "checked": None if explanation.checked is None else explanation.checked.to_dict(),
    }


def _finite(number: float) -> float | str:
    """A number, or how it reads where JSON has no such number."""
    return number if np.isfinite(number) else str(number)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    return _finite(value) if isinstance(value, float) else value


def _part_as_json(part: Part, prefix: str, arrays: dict[str, Array], *, inputs: bool) -> dict[str, Any]:
    arrays[prefix + "values"] = part.values
    for name in OPTIONAL:
        array = getattr(part, name)
        if array is not None and (inputs or name != "inputs"):
            arrays[prefix + name] = array
    layouts = part.layouts if inputs else tuple(_without_text(layout) for layout in part.layouts)
    return {
        "name": part.name,
        "kind": part.kind,
        "names": list(part.names),
        "repeated": part.repeated,
        "layouts": [dataclasses.asdict(layout) for layout in layouts],
        "words": [[column, list(texts)] for column, texts in part.words] if inputs else [],
        "given_as": part.given_as,
        "dtype": part.dtype,
        "index": list(map(_label, part.index)),
        "columns": list(map(_label, part.columns)),
        "transposed": part.transposed,
    }


def _label(label: Any) -> str | int | float:
    """What a row or a column is called: a number, or how it reads."""
    if isinstance(label, np.generic):
        label = label.item()
    is_number = isinstance(label, int | float) and np.isfinite(label)
    return label if is_number else str(label)


def _without_text(layout: TokenLayout) -> TokenLayout:
    """The layout of a text whose tokens are not told."""
    return dataclasses.replace(layout, tokens=tuple(f"token {number}" for number in range(len(layout.tokens))))


def _structure_as_json(structure: Any) -> Any:
    """Where the inputs lie, as dicts and lists with a key that says what they are; other containers become these."""
    if isinstance(structure, Mapping):
        return {"dict": [[_key(key), _structure_as_json(entry)] for key, entry in structure.items()]}
    if isinstance(structure, tuple | list):
        kind = "tuple" if isinstance(structure, tuple) else "list"
        return {kind: [_structure_as_json(entry) for entry in structure]}
    if dataclasses.is_dataclass(structure) and not isinstance(structure, type):
        return {"dict": [[name, _structure_as_json(entry)] for name, entry in vars(structure).items()]}
    return structure


def _key(key: Any) -> str | int:
    return key if isinstance(key, int) else str(key)


def _structure_from_json(entry: Any, parts: int) -> Any:
    """The inverse.

    Raises:
        InvalidFile: It is of parts that there are not.
    """
    if isinstance(entry, dict):
        ((kind, held),) = entry.items()
        if kind == "dict":
            return {key: _structure_from_json(value, parts) for key, value in held}
        values = [_structure_from_json(value, parts) for value in held]
        return tuple(values) if kind == "tuple" else values
    if entry is not None and not (type(entry) is int and 0 <= entry < parts):
        raise InvalidFile(f"its structure must be of the {parts} inputs that it holds")
    return entry


def from_json(entry: Mapping[str, Any], arrays: Mapping[str, Array], prefix: str) -> Explanation:
    """An explanation of what [as_json][pellucid.explanation.schema.as_json] made of it.

    Args:
        entry: What JSON held.
        arrays: The arrays, by name.
        prefix: What their names begin with.

    Raises:
        InvalidFile: Something does not fit.
    """
    of_examples = {name: _of_examples(arrays, prefix + name) for name in OF_EXAMPLES}
    count = len(of_examples["prediction"])
    parts = tuple(
        _part_from_json(part, f"{prefix}{number}/", arrays, count) for number, part in enumerate(entry["parts"])
    )
    interactions = arrays.get(prefix + "interactions")
    names = _texts(entry["target_names"])
    sizes = {len(array) for array in of_examples.values()} | {len(names)}
    if sizes != {count} or not parts:
        raise InvalidFile("its parts are of different numbers of examples")
    explanation = Explanation(
        parts=parts,
        structure=_structure_from_json(entry["structure"], len(parts)),
        target_names=names,
        unit=str(entry["unit"]),
        adds_up=bool(entry["adds_up"]),
        seconds=float(entry["seconds"]),
        feature_labels=_texts(entry["feature_labels"]),
        interactions=None if interactions is None else interactions.astype(np.float64),
        rounds=tuple((float(number), float(error)) for number, error in entry["rounds"]),
        notes=_texts(entry["notes"]),
        provenance=_provenance(entry["provenance"]),
        **of_examples,
    )
    if entry.get("checked") is not None:
        checked = Check.of_dict(entry["checked"])
        if any(len(verdict.by_example) not in (0, count) for verdict in checked.verdicts):
            raise InvalidFile("its check is not of its examples")
        vars(explanation)["checked"] = checked
    _check_masks(explanation)
    features = explanation.features.values.shape[1]
    if interactions is not None and interactions.shape != (count, features, features):
        raise InvalidFile("its interactions are not of its features")
    return explanation


def _check_masks(explanation: Explanation) -> None:
    """Check that masks, where there are any, are of all inputs, and number the features that have names."""
    masks = [part.mask for part in explanation.parts if part.mask is not None]
    if not masks:
        return
    fits = len(masks) == len(explanation.parts) and all(mask.dtype.kind in "iu" for mask in masks)
    most = len(explanation.feature_labels)
    if not fits or not all(0 <= mask.min(initial=0) <= mask.max(initial=-1) < most or not mask.size for mask in masks):
        raise InvalidFile("its masks must number the features that it names")


def _of_examples(arrays: Mapping[str, Array], name: str) -> Array:
    if name not in arrays or arrays[name].ndim != 1:
        raise InvalidFile(f"{name!r} must be there, a number for each example")
    return arrays[name].astype(np.float64)


def _texts(entries: Any) -> tuple[str, ...]:
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise InvalidFile("names and notes must be lists of texts")
    return tuple(entries)


def _provenance(entry: Mapping[str, Any]) -> Provenance:
    """The provenance; what a later version adds is left out."""
    known = {field.name for field in dataclasses.fields(Provenance)}
    values = {name: value for name, value in entry.items() if name in known}
    return Provenance.of_dicts({"parameters": {}, "versions": {}, **values})


def _part_from_json(entry: Mapping[str, Any], prefix: str, arrays: Mapping[str, Array], count: int) -> Part:
    values = arrays.get(prefix + "values")
    if values is None or values.ndim < 1 or len(values) != count or values.dtype.kind not in "fiub":
        raise InvalidFile(f"{prefix}values must be there, a row for each example")
    if entry["kind"] not in typing.get_args(Kind) or entry["given_as"] not in typing.get_args(GivenAs):
        raise InvalidFile(f"{prefix} is of an unknown kind")
    part = Part(
        name=str(entry["name"]),
        kind=entry["kind"],
        values=values,
        names=_texts(entry["names"]),
        repeated=bool(entry["repeated"]),
        layouts=tuple(map(_layout, entry["layouts"])),
        words=tuple((int(column), _texts(texts)) for column, texts in entry["words"]),
        given_as=entry["given_as"],
        dtype=_dtype(entry["dtype"]),
        index=tuple(entry["index"]),
        columns=tuple(entry["columns"]),
        transposed=bool(entry["transposed"]),
        inputs=arrays.get(prefix + "inputs"),
        stderr=arrays.get(prefix + "stderr"),
        mask=arrays.get(prefix + "mask"),
    )
    _check_arrays(part, prefix)
    _check_names(part, prefix)
    return part


def _check_arrays(part: Part, prefix: str) -> None:
    """Check that arrays are of as many examples, and what belongs to elements of as many of these."""
    count = len(part.values)
    for name in ("stderr", "mask"):
        array = getattr(part, name)
        if array is not None and not _broadcasts(array.shape, part.values.shape):
            raise InvalidFile(f"{prefix}{name} does not fit its values")
    if (part.inputs is not None and len(part.inputs) != count) or len(part.layouts) not in (0, count):
        raise InvalidFile(f"{prefix}inputs are not of as many examples as its values")


DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")


def _dtype(name: Any) -> str:
    if name not in DTYPES:
        raise InvalidFile(f"a dtype must be one of {', '.join(DTYPES)}")
    return str(name)


def _check_names(part: Part, prefix: str) -> None:
    """Check that what is said of elements is said of as many."""
    elements = part.element_values.shape[1]
    counts = ((len(part.names), elements), (len(part.columns), elements), (len(part.index), len(part.values)))
    fits = all(count in (0, expected) for count, expected in counts) and _has_shape_of_kind(part)
    if not fits or not all(_reads(part, column, len(texts), elements) for column, texts in part.words):
        raise InvalidFile(f"{prefix}names are not of its elements")


def _has_shape_of_kind(part: Part) -> bool:
    """Whether values have as many dimensions as those of their kind."""
    dimensions = {"image": (3, 4), "series": (3,)}.get(part.kind, (part.values.ndim,))
    of_text = not part.layouts or (part.kind == "tokens" and part.values.ndim == 2)
    return part.values.ndim in dimensions and of_text and (not part.transposed or part.values.ndim == 3)


def _reads(part: Part, column: int, texts: int, elements: int) -> bool:
    """Whether the numbers of a column of words all stand for one of so many."""
    if part.inputs is None or not 0 <= column < elements:
        return False
    numbers = part.inputs.reshape(len(part.inputs), -1)[:, column]
    return bool(((numbers >= 0) & (numbers < texts)).all())


def _broadcasts(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(size in (1, full) for size, full in zip(shape, wanted, strict=True))


def _layout(entry: Mapping[str, Any]) -> TokenLayout:
    return TokenLayout(
        _texts(entry["tokens"]),
        tuple(map(int, entry["special_tokens_mask"])),
        tuple((int(start), int(end)) for start, end in entry["offsets"]),
        tuple(None if word is None else int(word) for word in entry["word_ids"]),
        tuple(None if text is None else int(text) for text in entry["sequence_ids"]),
    )
