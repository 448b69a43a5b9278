"""The parts of an explanation, of what a method returned for a question."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from pellucid.core.tensors import Tensors, array_of, as_tensor_tuple
from pellucid.data.leaves import Leaf
from pellucid.data.nested import map_leaves
from pellucid.data.words import TokenLayout, layouts_of_ids
from pellucid.explanation.naming import names_of_leaf
from pellucid.explanation.part import Array, GivenAs, Part, kind_of
from pellucid.explanation.question import Question


def parts_of_inputs(question: Question, values: Tensors, stderr: Tensors | None) -> tuple[Part, ...]:
    """The inputs and their attributions.

    Args:
        question: The question.
        values: Attributions of the tensors of its arrangement, (B, ...) each.
        stderr: Their standard errors.
    """
    arrangement = question.arrangement
    errors = stderr or (None,) * len(values)
    kept = list(zip(arrangement.attributed, values, errors, strict=True))
    return tuple(_part(question, index, value, error) for index, value, error in kept)


def structure_of(question: Question) -> Any:
    """Where the parts lie in what the user gave: their numbers, and None where nothing is attributed to."""
    arrangement = question.arrangement
    if question.ids_alone:
        return 0
    numbers = {index: number for number, index in enumerate(arrangement.attributed)}
    in_order = iter(range(len(arrangement.leaves)))
    inputs = dict(arrangement.inputs) if isinstance(arrangement.inputs, Mapping) else arrangement.inputs
    return map_leaves(inputs, lambda *_: numbers.get(next(in_order)))


def _part(question: Question, index: int, values: Tensor, stderr: Tensor | None) -> Part:
    arrangement = question.arrangement
    leaf = arrangement.leaves[index]
    is_text = index in arrangement.texts
    if index in arrangement.embedded_texts:
        values, stderr = values.sum(-1), None
    name = "" if len(arrangement.attributed) == 1 else _name_of(leaf)
    array, given = array_of(values), _inputs_of(leaf, len(values))
    mask, repeated = _mask_of(question, arrangement.attributed.index(index), array.ndim)
    elements = math.prod(array.shape[1:])
    kind = kind_of(array.shape, of_tokens=is_text, of_frame=leaf.frame is not None, of_layer=False)
    names_fit = kind in ("table", "series", "other") and not question.mask[1]
    names = names_of_leaf(leaf, name, question.asked.feature_names, elements) if names_fit else ()
    if leaf.frame is not None and not names:
        names = names_of_leaf(leaf, name, None, elements)
    return Part(
        name=name,
        kind=kind,
        values=_copy(array),
        inputs=_copy(given),
        stderr=None if stderr is None else _copy(array_of(stderr)),
        names=names,
        mask=mask,
        repeated=repeated,
        layouts=_layouts(question, index) if is_text else (),
        words=_words(leaf),
        given_as=_given_as(leaf),
        dtype=str(values.dtype).removeprefix("torch."),
        index=() if leaf.frame is None else tuple(leaf.frame.frame.index.tolist()),
    )


def _copy(array: Array) -> Array:
    return np.array(array)


def _name_of(leaf: Leaf) -> str:
    """The name of an input among several: its key, or its number."""
    return ".".join(f"input {key}" if isinstance(key, int) else str(key) for key in leaf.path)


def _inputs_of(leaf: Leaf, examples: int) -> Array:
    given = array_of(leaf.value)
    return given if len(given) == examples and given.ndim else given[None]


def _given_as(leaf: Leaf) -> GivenAs:
    if leaf.frame is not None:
        return "frame"
    return "array" if isinstance(leaf.given, np.ndarray) else "tensor"


def _words(leaf: Leaf) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """What the numbers of a frame's columns of words stand for."""
    if leaf.frame is None:
        return ()
    columns = list(leaf.frame.frame.columns)
    return tuple((columns.index(column), tuple(map(str, codes))) for column, codes in leaf.frame.codes.items())


def _mask_of(question: Question, number: int, dimensions: int) -> tuple[Array | None, bool]:
    """The mask of an input, with the dimensions of its values, and whether these are repeated in a feature."""
    mask = question.mask[0]
    if mask is None:
        return None, False
    array = array_of(as_tensor_tuple(mask, "feature_mask")[number]).astype(np.int64)
    repeated = "feature_mask" in question.choice.takes
    return array.reshape((1,) * (dimensions - array.ndim) + array.shape), repeated


def _layouts(question: Question, index: int) -> tuple[TokenLayout, ...]:
    """How texts are made of tokens: as a fast tokenizer tells, or the ids say."""
    arrangement = question.arrangement
    leaf = arrangement.leaves[index]
    encodings = getattr(arrangement.inputs, "encodings", None)
    if encodings and leaf.path == ("input_ids",):
        return tuple(map(TokenLayout.of, encodings))
    *outside, of_ids = leaf.path or ("input_ids",)
    beside = (*outside, str(of_ids).removesuffix("input_ids") + "attention_mask")
    attention = next((other.value for other in arrangement.leaves if other.path == beside), None)
    attention = attention if isinstance(attention, Tensor) and attention.shape == leaf.value.shape else None
    return layouts_of_ids(leaf.value, arrangement.reading.tokenizer, attention)


def parts_of_layer(
    question: Question, values: Tensors, stderr: Tensors | None, activations: Sequence[Tensor], label: str
) -> tuple[Part, ...]:
    """The tensors of a layer and their attributions.

    Args:
        question: The question.
        values: Attributions, (B, ...) each.
        stderr: Their standard errors.
        activations: What the layer says, where that has the shapes of the values.
        label: The name of the layer.
    """
    errors = stderr or (None,) * len(values)
    parts = []
    for number, (value, error) in enumerate(zip(values, errors, strict=True)):
        picture = _picture_behind(question, value)
        own = activations[number] if number < len(activations) and activations[number].shape == value.shape else None
        shown = own if picture is None else picture
        kind = "image" if picture is not None else kind_of(value.shape, of_tokens=False, of_frame=False, of_layer=True)
        is_row = kind == "table" and value.ndim == 2
        parts.append(
            Part(
                name=label if len(values) == 1 else f"{label}[{number}]",
                kind=kind,
                values=_copy(array_of(value)),
                inputs=None if shown is None else _copy(array_of(shown)),
                stderr=None if error is None else _copy(array_of(error)),
                names=tuple(f"unit {unit}" for unit in range(value.shape[1])) if is_row else (),
                dtype=str(value.dtype).removeprefix("torch."),
            )
        )
    return tuple(parts)


def _picture_behind(question: Question, values: Tensor) -> Tensor | None:
    """The image that a map (B, 1, h, w) lies over; None where there is none."""
    tensors = question.arrangement.tensors
    is_map = values.ndim == 4 and values.shape[1] == 1 and len(tensors) == 1
    if (
        not is_map
        or tensors[0].ndim != 4
        or kind_of(tensors[0].shape, of_tokens=False, of_frame=False, of_layer=False) != "image"
    ):
        return None
    return tensors[0]
