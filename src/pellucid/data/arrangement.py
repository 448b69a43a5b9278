"""How a user's inputs lie: which of them are attributed to, which follow the examples, and how the model takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias, final

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.core.model.adapted import AdaptedModel
from pellucid.core.model.layers import SiteLike
from pellucid.core.problem.baselines import Background, given_baselines
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, as_tensor_tuple, format_names, unwrap_single
from pellucid.data.binding import Binding, alone, binding_of, described
from pellucid.data.estimators import as_function_of_arrays, is_estimator
from pellucid.data.frames import is_frame, is_series
from pellucid.data.leaves import Leaf, as_numbers, leaves_of
from pellucid.data.nested import Path, entries_of, is_numbers, label, map_leaves
from pellucid.data.processing import processed
from pellucid.data.text import (
    Embedded,
    absent_token,
    embedded,
    embedding_of,
    holds_mask,
    holds_text,
    special_tokens_of,
    untouched_tokens,
)
from pellucid.errors import InvalidArgument

BatchDimension: TypeAlias = "int | Mapping[Any, int | None] | tuple[int | None, ...] | None"
"""Which dimension of an input counts its examples.

* 0: the first.
* `None`: none. The input goes into every forward whole, and has attributions of its own shape; where no input has
  examples, all of them are one example.
* a mapping or a tuple of these, one for each input.
"""


@final
@dataclass(frozen=True, eq=False, kw_only=True)
class Reading(Summarized):
    """How inputs are to be read.

    Args:
        batch_dim: See [BatchDimension][pellucid.data.arrangement.BatchDimension].
        embeds: Whether token ids are attributed to where they are embedded, and not as they are.
        embedding: The module that embeds them; None looks for it.
        tokenizer: Makes ids of texts, and says what stands for absent tokens and which are special, beyond what inputs
            and model say.
        processor: Makes tensors of images.
        keep_embedding: Whether tokens have an attribution for each number of their vectors, and not the sum of these.
    """

    batch_dim: BatchDimension = 0
    embeds: bool = False
    embedding: SiteLike | None = None
    tokenizer: Any = None
    processor: Any = None
    keep_embedding: bool = False


@final
@dataclass(frozen=True, eq=False)
class Arrangement(Summarized):
    """How inputs lie.

    Args:
        inputs: What the user gave.
        model: The user's model.
        reading: How it is read.
        leaves: All leaves, in order.
        attributed: The indices of those that are attributed to.
        following: The indices of tensors that follow the examples besides.
        texts: The indices of token ids, all of which are attributed to.
        without_examples: The indices of those that are attributed to and have no examples.
        arguments: Further arguments of the model.
        keywords: Further arguments by name.
    """

    inputs: Any
    model: Any
    reading: Reading
    leaves: tuple[Leaf, ...]
    attributed: tuple[int, ...]
    following: tuple[int, ...]
    texts: tuple[int, ...]
    without_examples: frozenset[int]
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        inputs: Any,
        model: Any,
        reading: Reading,
        arguments: tuple[Any, ...] = (),
        keywords: Mapping[str, Any] = MappingProxyType({}),
    ) -> Arrangement:
        """The arrangement of a user's inputs.

        Args:
            inputs: A tensor, array, frame, or a structure of these and of anything else.
            model: The user's model.
            reading: How they are to be read.
            arguments: Further arguments of the model.
            keywords: Further arguments by name.

        Raises:
            InvalidArgument: There is nothing to attribute to, or something that cannot be made a tensor.
        """
        inputs = processed(inputs, model, reading.tokenizer, reading.processor)
        _check_entries("batch_dim", entries_of(reading.batch_dim) or {}, entries_of(inputs) or {0: inputs})
        leaves = leaves_of(inputs, model)
        attributed, following, texts, without = _roles(leaves, reading.batch_dim)
        return cls(inputs, model, reading, leaves, attributed, following, texts, without, arguments, keywords)

    @property
    def is_one_example(self) -> bool:
        """Whether no input has examples, so that all of them are one."""
        return len(self.without_examples) == len(self.attributed)

    @property
    def needs_whole_batch(self) -> bool:
        """Whether every forward takes all there is."""
        return bool(self.without_examples)

    @cached_property
    def embeddings(self) -> dict[int, nn.Module]:
        """The modules that embed token ids, by the indices of these."""
        moving = (*self.attributed, *self.following)
        texts = {index: self.leaves[index].value.clone() for index in self.embedded_texts}  # known by where they are
        tensors = [texts.get(index, self.leaves[index].value) for index in moving]
        arguments, keywords = self._arranged(dict(zip(moving, tensors, strict=True)), self.arguments, self.keywords)

        def call() -> Any:
            return self.model(*arguments, **keywords)

        return {index: embedding_of(self.model, call, ids, self.reading.embedding) for index, ids in texts.items()}

    @cached_property
    def _bind(self) -> Binding:
        """How the model takes the inputs."""
        return alone if is_estimator(self.model) else binding_of(self.model, self.inputs, self.arguments, self.keywords)

    @property
    def embedded_texts(self) -> tuple[int, ...]:
        """The indices of token ids that are attributed to where they are embedded."""
        return self.texts if self.reading.embeds else ()

    @property
    def tensors(self) -> Tensors:
        """What is attributed to."""
        values = tuple(self._source(index, self.leaves[index].value) for index in self.attributed)
        return tuple(value.unsqueeze(0) for value in values) if self.is_one_example else values

    @property
    def followers(self) -> Tensors:
        """What follows the examples besides, which the model is given after what is attributed to."""
        of_texts = (self.leaves[index].value.clone() for index in self.embedded_texts)  # two may be one tensor
        return (*(self.leaves[index].value for index in self.following), *of_texts)

    def _source(self, index: int, value: Tensor) -> Tensor:
        """The vectors of token ids that are embedded; other values unchanged."""
        if index not in self.embedded_texts or value.is_floating_point():
            return value
        with torch.no_grad():
            vectors: Tensor = self.embeddings[index](value)
        return vectors

    def adapted_model(self) -> AdaptedModel:
        """The model as a function of the tensors, the followers, further arguments, and the values of keywords."""
        function = as_function_of_arrays(self.model) if is_estimator(self.model) else self.model
        moving = (*self.attributed, *self.following, *self.embedded_texts)  # ids come last, and replace their vectors

        def arrange(*tensors: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
            rows = dict(zip(moving, tensors, strict=False))
            if self.is_one_example:
                rows |= {index: rows[index][0] for index in self.attributed}
            rest = tensors[len(moving) :]
            split = len(rest) - len(self.keywords)
            return self._arranged(rows, rest[:split], dict(zip(self.keywords, rest[split:], strict=True)))

        def vectors_in_place(tensors: tuple[Any, ...]) -> AbstractContextManager[None]:
            ids = tensors[len(moving) - len(self.embedded_texts) : len(moving)]
            texts = [
                Embedded(label(self.leaves[index].path), self.embeddings[index], of_text, vectors)
                for index, of_text in zip(self.embedded_texts, ids, strict=True)
                for vectors in [tensors[self.attributed.index(index)]]
            ]
            return embedded(texts)

        convert = _as_one_example if self.is_one_example else None
        within = vectors_in_place if self.embedded_texts else nullcontext
        return AdaptedModel(function, arrange, convert, within, described(self._bind, self.inputs))

    def _arranged(
        self, rows: Mapping[int, Tensor], further: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments and keywords of the model, of the tensors in the place of some leaves, and of more of them."""
        takes_frames = is_estimator(self.model)
        values = iter(
            leaf.for_model(rows[index], takes_frames) if index in rows else leaf.for_one_forward
            for index, leaf in enumerate(self.leaves)
        )
        arguments, by_name = self._bind(map_leaves(self.inputs, lambda *_: next(values)))
        return (*arguments, *further), by_name | dict(keywords)

    def baselines(self, value: Any) -> Any:
        """A user's baselines as the engine takes them: one for what is attributed to, or a tuple of several.

        Args:
            value: A structure like the inputs, of tensors, numbers, frames or rows by column, or a Background of such;
                or one for all.

        Raises:
            InvalidArgument: Something does not fit the inputs, or nothing says what stands for absent words.
        """
        return self._for_each("baselines", value, self._baseline)

    def masks(self, value: Any) -> Any:
        """A user's feature masks, likewise; None where there are none."""
        return None if value is None else self._for_each("feature_mask", value, self._mask)

    def _mask(self, index: int, value: Any) -> Any:
        if value is None:
            missing = label(self.leaves[index].path, "feature_mask")
            raise InvalidArgument(f"feature_mask must be given for all that is attributed to: expected {missing}, too.")
        return value

    def _for_each(self, name: str, value: Any, change: Callable[[int, Any], Any]) -> Any:
        if callable(value) and not isinstance(value, Tensor):
            return lambda *_: self._for_each(name, given_baselines(value, self.inputs), change)
        if isinstance(value, Background):
            return replace(value, rows=self._rows_of(value.rows))
        parts = tuple(change(index, self._part(self.leaves[index], name, value)) for index in self.attributed)
        if all(part is None for part in parts):
            return None
        return parts[0] if len(parts) == 1 else parts

    def _rows_of(self, rows: Any) -> Tensor | Tensors:
        """The rows of a background: tensors of what is attributed to, in order, or a structure like the inputs."""
        if not isinstance(rows, Tensor | tuple):
            of_structure: Tensor | Tensors = self._for_each("baselines", rows, self._baseline)
            return of_structure
        in_order = zip(self.attributed, as_tensor_tuple(rows, "rows"), strict=False)
        return unwrap_single(tuple(self._source(index, of_input) for index, of_input in in_order))

    def _part(self, leaf: Leaf, name: str, value: Any) -> Any:
        """What an argument says of one leaf, None where it says nothing; as a tensor where it is one."""
        part = _entry_at(leaf, name, self.inputs, value)
        if leaf.frame is not None and (is_frame(part) or is_series(part) or isinstance(part, Mapping)):
            part = leaf.frame.numbers(part, name=name, coded=name == "baselines")
        tensor = as_numbers(part, name)
        if not isinstance(tensor, Tensor):
            return part
        if tensor.is_floating_point() and leaf.value.is_floating_point():
            tensor = tensor.to(leaf.value.dtype)
        return tensor.unsqueeze(0) if self.is_one_example and tensor.ndim == leaf.value.ndim else tensor

    def _baseline(self, index: int, value: Any) -> Any:
        """A baseline of one leaf; of token ids, as ids or, where they are embedded, as vectors."""
        ids, frame = self.leaves[index].value, self.leaves[index].frame
        if frame is not None and frame.codes and not isinstance(value, Tensor):
            raise InvalidArgument(
                f"baselines must have a value for the columns {format_names(frame.codes)}, which hold no numbers. "
                "Hint: baselines=inputs.mode().iloc[0], or pellucid.methods.Background(rows) of a frame."
            )
        if index not in self.texts:
            return value
        if isinstance(value, Background):
            return replace(value, rows=self._source(index, as_tensor_tuple(value.rows, "rows")[0]))
        if isinstance(value, Tensor):
            return self._source(index, value.to(ids.device))
        embeds = index in self.embedded_texts
        number = absent_token(self.model, self.reading.tokenizer, embedded=embeds) if value is None else _token(value)
        special = self._beside(index, "special_tokens_mask")
        untouched = untouched_tokens(
            ids,
            self.model,
            self.reading.tokenizer,
            attention=self._beside(index, "attention_mask"),
            special=special_tokens_of(self.inputs) if special is None else special,
        )
        replaced = self._source(index, torch.where(untouched, ids, 0 if number is None else number))
        if number is None:
            return torch.where(untouched[..., None], replaced, 0)
        return replaced

    def _beside(self, index: int, name: str) -> Any:
        """What is called `attention_mask` or the like beside token ids; None where there is none."""
        *outside, of_ids = self.leaves[index].path
        path = (*outside, of_ids.removesuffix("input_ids") + name)
        return next((leaf.value for leaf in self.leaves if leaf.path == path), None)

    def restored(self, attributions: Sequence[Tensor], *, are_errors: bool = False) -> Any:
        """Attributions in the structure of the inputs, with None where there is nothing to attribute to.

        Args:
            attributions: The attributions.
            are_errors: Whether they are standard errors, of which those of sums are not the sums: None stands for them.
        """
        by_leaf: dict[int, Any] = {}
        for index, values in zip(self.attributed, attributions, strict=True):
            if index in self.embedded_texts and not self.reading.keep_embedding:
                if are_errors:
                    continue
                values = values.sum(-1)
            by_leaf[index] = self.leaves[index].restored(values[0] if self.is_one_example else values)
        in_order = iter(by_leaf.get(index) for index in range(len(self.leaves)))
        return map_leaves(_plain(self.inputs), lambda *_: next(in_order))


def _token(value: Any) -> int:
    """A token as its number.

    Raises:
        InvalidArgument: It is none.
    """
    if not isinstance(value, int | float | np.number) or not float(value).is_integer():
        raise InvalidArgument(
            f"baselines of token ids must be ids, or vectors of their embedding: got {summary(value)}. "
            "Hint: baselines=tokenizer.mask_token_id."
        )
    return int(value)


def _roles(leaves: tuple[Leaf, ...], batch_dim: BatchDimension) -> tuple[Any, ...]:
    """Which leaves are attributed to, which follow the examples besides, which are token ids, which have no examples.

    Floats and token ids are attributed to, or all tensors where there are none of these; as far as they have as many
    rows as the first of them.
    """

    def which(test: Callable[[Leaf], bool]) -> set[int]:
        return {index for index, leaf in enumerate(leaves) if isinstance(leaf.value, Tensor) and test(leaf)}

    tensors = sorted(which(lambda leaf: True))
    without = which(lambda leaf: _has_no_examples(leaf.path, batch_dim))
    texts = which(lambda leaf: holds_text(leaf.path, leaf.value))
    floats = which(lambda leaf: leaf.value.is_floating_point() and not (texts and holds_mask(leaf.path)))
    wanted = sorted(texts | floats) or tensors
    follows = _of_one_size(leaves, sorted(set(tensors) - without), wanted)
    attributed = [index for index in wanted if index in without | follows]
    return (
        tuple(attributed),
        tuple(sorted(follows.difference(attributed))),
        tuple(sorted(texts.intersection(attributed))),
        frozenset(without.intersection(attributed)),
    )


def _of_one_size(leaves: tuple[Leaf, ...], tensors: list[int], wanted: list[int]) -> set[int]:
    """The tensors that have as many rows as the first that is wanted."""
    rows = {index: len(leaves[index].value) for index in tensors if leaves[index].value.ndim}
    size = next((rows[index] for index in wanted if index in rows), None)
    return {index for index, count in rows.items() if count == size}


def _entry_at(leaf: Leaf, name: str, inputs: Any, value: Any) -> Any:
    """What a structure like the inputs holds in the place of a leaf, None where it lacks that; else itself.

    Raises:
        InvalidArgument: It holds what the inputs do not.
    """
    for key in leaf.path:
        given = _entries_for(inputs, value)
        if given is None or (leaf.frame is not None and key not in given):  # for all, or by columns of the frame
            return value
        own = entries_of(inputs) or {}
        _check_entries(name, given, own)
        if key not in given:
            return None
        inputs, value = own[key], given[key]
    return value


def _entries_for(inputs: Any, value: Any) -> dict[Any, Any] | None:
    """What an argument says of what the inputs hold; None where it is one for all of this."""
    is_tensor = is_numbers(value) and not isinstance(inputs, tuple | list)
    return None if is_tensor or isinstance(value, Background) else entries_of(value)


def _check_entries(name: str, given: dict[Any, Any], own: dict[Any, Any]) -> None:
    """Check that an argument is of what the inputs hold.

    Raises:
        InvalidArgument: It holds what the inputs do not.
    """
    unknown = {key: entry for key, entry in given.items() if key not in own}
    if unknown:
        raise InvalidArgument(
            f"{name} must be of the inputs {format_names(own)}, or one for all: got {format_names(unknown)}."
        )


def _has_no_examples(path: Path, batch_dim: BatchDimension) -> bool:
    """Whether an input has no dimension that counts examples.

    Raises:
        InvalidArgument: Another than the first is to count them.
    """
    entry = batch_dim
    if isinstance(batch_dim, Mapping | tuple):
        entry = (entries_of(batch_dim) or {}).get(path[0] if path else 0, 0)
    if entry not in (0, None):
        raise InvalidArgument(f"batch_dim must be 0 or None: got {entry}. Hint: inputs.movedim({entry}, 0).")
    return entry is None


def _as_one_example(output: Any) -> Any:
    """The output of a model without examples as that of one."""
    return map_leaves(output, lambda _, leaf: leaf.unsqueeze(0) if isinstance(leaf, Tensor) else leaf)


def _plain(inputs: Any) -> Any:
    """A mapping as a dict, which takes any values."""
    return dict(inputs) if isinstance(inputs, Mapping) else inputs
