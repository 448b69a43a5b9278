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
from pellucid.errors import InvalidArgument
from pellucid.explanation.named_baselines import has_channels_first
from pellucid.explanation.naming import names_of_leaf
from pellucid.explanation.part import Array, GivenAs, Part, kind_of
from pellucid.explanation.question import Question
from pellucid.plot.explained import Kind


def parts_of_inputs(question: Question, values: Tensors, stderr: Tensors | None) -> tuple[Part, ...]:
    """The inputs and their attributions.

    Args:
        question: The question.
        values: Attributions of the tensors of its arrangement, (B, ...) each.
        stderr: Their standard errors.
    """
    arrangement = question.arrangement
    _check_names_of_inputs(question)
    errors = stderr or (None,) * len(values)
    kept = list(zip(arrangement.attributed, values, errors, strict=True))
    return tuple(_part(question, index, value, error) for index, value, error in kept)


def _check_names_of_inputs(question: Question) -> None:
    """Check that names of features by input are of inputs that there are.

    Raises:
        InvalidArgument: They are not.
    """
    given, arrangement = question.asked.feature_names, question.arrangement
    if not isinstance(given, Mapping):
        return
    several = len(arrangement.attributed) > 1
    known = [_name_of(arrangement.leaves[index]) if several else "" for index in arrangement.attributed]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InvalidArgument(f"feature_names must be of the inputs {', '.join(map(repr, known))}: got {unknown[0]!r}.")


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
    leaf, number = arrangement.leaves[index], arrangement.attributed.index(index)
    is_text, frame = index in arrangement.texts, leaf.frame
    if index in arrangement.embedded_texts:
        values, stderr = values.sum(-1), None
    name = "" if len(arrangement.attributed) == 1 else _name_of(leaf)
    array, given = array_of(values), _inputs_of(leaf, len(values), arrangement.is_one_example)
    mask = _mask_of(question, number, array.ndim)
    kind = kind_of(array.shape, of_tokens=is_text, of_frame=frame is not None, of_layer=False)
    transposed = kind == "series" and has_channels_first(arrangement.model, arrangement.tensors[number])
    return Part(
        name=name,
        kind=kind,
        values=_kept(array, transposed),
        inputs=_kept(given, transposed),
        stderr=_kept(None if stderr is None else array_of(stderr), transposed),
        names=_element_names(question, leaf, name, kind, array.shape[2:0:-1] if transposed else array.shape[1:]),
        mask=_kept(mask, transposed),
        repeated=mask is not None and "feature_mask" in question.choice.takes,
        layouts=_layouts(question, index) if is_text else (),
        words=_words(leaf),
        given_as=_given_as(leaf),
        dtype=str(values.dtype).removeprefix("torch."),
        index=() if frame is None or given is None else frame.frame.index,
        columns=() if frame is None else frame.frame.columns,
        transposed=transposed,
    )


def _element_names(question: Question, leaf: Leaf, name: str, kind: Kind, shape: Sequence[int]) -> tuple[str, ...]:
    """The names of the elements of an input, where there are any; of a mask's features, there may be others."""
    elements, channels = math.prod(shape), shape[-1] if kind == "series" else 0
    has_names = kind in ("table", "series", "other") and not question.mask[1]
    names = names_of_leaf(leaf, name, question.asked.feature_names, elements, channels) if has_names else ()
    return names or (() if leaf.frame is None else names_of_leaf(leaf, name, None, elements))


def _kept(array: Array | None, transposed: bool = False) -> Any:
    """A copy, of a series with its steps first."""
    if array is None:
        return None
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
        given = question.asked.inputs
        texts = [given] if isinstance(given, str) else given if _are_texts(given) else [""] * len(encodings)
        unknown = getattr(arrangement.reading.tokenizer, "unk_token", None) or "[UNK]"
        return tuple(TokenLayout.of(each, text, unknown) for each, text in zip(encodings, texts, strict=True))
    *outside, of_ids = leaf.path or ("input_ids",)
    beside = (*outside, str(of_ids).removesuffix("input_ids") + "attention_mask")
    attention = next((other.value for other in arrangement.leaves if other.path == beside), None)
    attention = attention if isinstance(attention, Tensor) and attention.shape == leaf.value.shape else None
    return layouts_of_ids(leaf.value, arrangement.reading.tokenizer, attention)


def _are_texts(given: Any) -> bool:
    return isinstance(given, list | tuple) and all(isinstance(each, str) for each in given)


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
    said: dict[int, Tensor] = dict(enumerate(activations))
    errors: dict[int, Tensor] = dict(enumerate(stderr or ()))
    return tuple(
        _part_of_layer(
            question,
            number,
            value,
            errors.get(number),
            said.get(number),
            label if len(values) == 1 else f"{label}[{number}]",
        )
        for number, value in enumerate(values)
    )


def _part_of_layer(
    question: Question, number: int, value: Tensor, error: Tensor | None, activation: Tensor | None, name: str
) -> Part:
    """One of the tensors of a layer."""
    value, error, own = (_examples_first(tensor, question.examples) for tensor in (value, error, activation))
    mask = _mask_of(question, number, value.ndim) if question.is_game_of_layer else None
    picture = _picture_behind(question, value)
    shown = picture if picture is not None or own is None or own.shape != value.shape else own
    kind = kind_of(value.shape, of_tokens=False, of_frame=False, of_layer=True) if picture is None else "image"
    return Part(
        name=name,
        kind=kind,
        values=_kept(array_of(value)),
        inputs=_kept(None if shown is None else array_of(shown)),
        stderr=_kept(None if error is None else array_of(error)),
        mask=mask,
        repeated=mask is not None,
        names=tuple(f"unit {unit}" for unit in range(value.shape[1])) if value.ndim == 2 else (),
        dtype=str(value.dtype).removeprefix("torch."),
    )


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
