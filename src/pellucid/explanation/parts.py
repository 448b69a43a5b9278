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
from pellucid.explanation.named_baselines import has_channels_first
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
    number = arrangement.attributed.index(index)
    array, given = array_of(values), _inputs_of(leaf, len(values), arrangement.is_one_example)
    mask = _mask_of(question, number, array.ndim)
    elements = math.prod(array.shape[1:])
    kind = kind_of(array.shape, of_tokens=is_text, of_frame=leaf.frame is not None, of_layer=False)
    transposed = kind == "series" and has_channels_first(arrangement.model, arrangement.tensors[number])
    names_fit = kind in ("table", "series", "other") and not question.mask[1]
    names = names_of_leaf(leaf, name, question.asked.feature_names, elements) if names_fit else ()
    if leaf.frame is not None and not names:
        names = names_of_leaf(leaf, name, None, elements)
    return Part(
        name=name,
        kind=kind,
        values=_kept(array, transposed),
        inputs=None if given is None else _kept(given, transposed),
        stderr=None if stderr is None else _kept(array_of(stderr), transposed),
        names=names,
        mask=None if mask is None else _kept(mask, transposed),
        repeated=mask is not None and "feature_mask" in question.choice.takes,
        layouts=_layouts(question, index) if is_text else (),
        words=_words(leaf),
        given_as=_given_as(leaf),
        dtype=str(values.dtype).removeprefix("torch."),
        index=() if leaf.frame is None or given is None else leaf.frame.frame.index,
        columns=() if leaf.frame is None else leaf.frame.frame.columns,
        transposed=transposed,
    )


def _kept(array: Array, transposed: bool = False) -> Array:
    """A copy, of a series with its steps first."""
    return np.array(array.swapaxes(1, 2) if transposed and array.ndim == 3 else array)


def _name_of(leaf: Leaf) -> str:
    """The name of an input among several: its key, or its number."""
    return ".".join(f"input {key}" if isinstance(key, int) else str(key) for key in leaf.path)


def _inputs_of(leaf: Leaf, examples: int, is_one_example: bool) -> Array | None:
    given = array_of(leaf.value)
    if given.ndim and len(given) == examples:
        return given
    return given[None] if examples == 1 and is_one_example else None


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


def _mask_of(question: Question, number: int, dimensions: int) -> Array | None:
    """The mask of an input, with the dimensions of its values; None where there is none."""
    mask = question.mask[0]
    if mask is None:
        return None
    array = array_of(as_tensor_tuple(mask, "feature_mask")[number]).astype(np.int64)
    return array.reshape((1,) * (dimensions - array.ndim) + array.shape)


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
        value, error = _examples_first(value, question.examples), _examples_first(error, question.examples)
        mask = _mask_of(question, number, value.ndim) if question.is_game_of_layer else None
        picture = _picture_behind(question, value)
        own = _examples_first(activations[number], question.examples) if number < len(activations) else None
        own = None if own is None or own.shape != value.shape else own
        shown = own if picture is None else picture
        kind = "image" if picture is not None else kind_of(value.shape, of_tokens=False, of_frame=False, of_layer=True)
        is_row = kind == "table" and value.ndim == 2
        parts.append(
            Part(
                name=label if len(values) == 1 else f"{label}[{number}]",
                kind=kind,
                values=_kept(array_of(value)),
                inputs=None if shown is None else _kept(array_of(shown)),
                stderr=None if error is None else _kept(array_of(error)),
                mask=mask,
                repeated=mask is not None,
                names=tuple(f"unit {unit}" for unit in range(value.shape[1])) if is_row else (),
                dtype=str(value.dtype).removeprefix("torch."),
            )
        )
    return tuple(parts)


def _examples_first(tensor: Any, examples: int) -> Any:
    """A tensor (B, ...) of a layer that has another dimension before its examples, as the states of recurrent ones."""
    if tensor is None or len(tensor) == examples or tensor.ndim < 2 or tensor.shape[1] != examples:
        return tensor
    return tensor.movedim(1, 0)


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
