"""How a user's inputs lie: which of them are attributed to, which follow the examples, and how the model takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias, final

import torch
from torch import Tensor, nn

from pellucid.core.model.adapted import AdaptedModel
from pellucid.core.model.layers import SiteLike
from pellucid.core.problem.baselines import Background, given_baselines
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, format_names
from pellucid.data.binding import Binding, alone, binding_of
from pellucid.data.estimators import as_function_of_arrays, is_estimator
from pellucid.data.frames import is_frame, is_series
from pellucid.data.leaves import Leaf, as_numbers, leaves_of
from pellucid.data.nested import Path, is_numbers, map_leaves
from pellucid.data.processing import processed
from pellucid.data.text import absent_token, embedded, embedding_of, holds_text, untouched_tokens
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
        arguments: What the model takes after the inputs.
        keywords: What it takes by name besides.
    """

    batch_dim: BatchDimension = 0
    embeds: bool = False
    embedding: SiteLike | None = None
    tokenizer: Any = None
    processor: Any = None
    keep_embedding: bool = False
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)


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
    """

    inputs: Any
    model: Any
    reading: Reading
    leaves: tuple[Leaf, ...]
    attributed: tuple[int, ...]
    following: tuple[int, ...]
    texts: tuple[int, ...]
    without_examples: frozenset[int]

    @classmethod
    def of(cls, inputs: Any, model: Any, reading: Reading) -> Arrangement:
        """The arrangement of a user's inputs.

        Args:
            inputs: A tensor, array, frame, or a structure of these and of anything else.
            model: The user's model.
            reading: How they are to be read.

        Raises:
            InvalidArgument: There is nothing to attribute to, or something that cannot be made a tensor.
        """
        inputs = processed(inputs, model, reading.tokenizer, reading.processor)
        leaves = leaves_of(inputs, model)
        roles = _roles(leaves, reading.batch_dim)
        return cls(inputs, model, reading, leaves, *roles)

    @property
    def is_one_example(self) -> bool:
        """Whether no input has examples, so that all of them are one."""
        return len(self.without_examples) == len(self.attributed)

    @property
    def needs_whole_batch(self) -> bool:
        """Whether every forward takes all there is."""
        return bool(self.without_examples)

    @cached_property
    def embedding(self) -> nn.Module:
        """The module that embeds token ids."""
        arguments, keywords = self._bind(self.inputs)
        more, named = self.reading.arguments, self.reading.keywords
        ids = self.leaves[self.texts[0]].value
        return embedding_of(
            self.model, lambda: self.model(*arguments, *more, **keywords, **named), ids, self.reading.embedding
        )

    @cached_property
    def _bind(self) -> Binding:
        """How the model takes the inputs."""
        if is_estimator(self.model):
            return alone
        return binding_of(self.model, self.inputs, self.reading.arguments, self.reading.keywords)

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
        return tuple(self.leaves[index].value for index in (*self.following, *self.embedded_texts))

    def _source(self, index: int, value: Tensor) -> Tensor:
        """The vectors of token ids that are embedded; other values unchanged."""
        if index not in self.embedded_texts or value.is_floating_point():
            return value
        with torch.no_grad():
            vectors: Tensor = self.embedding(value)
        return vectors

    @property
    def additional_forward_args(self) -> tuple[Any, ...]:
        """What the adapted model is given after what is attributed to."""
        return (*self.followers, *self.reading.arguments, *self.reading.keywords.values())

    def adapted_model(self) -> AdaptedModel:
        """The model as a function of the tensors, the followers, and further arguments, by name the last of these."""
        names = tuple(self.reading.keywords)
        takes_frames = is_estimator(self.model)
        function = as_function_of_arrays(self.model) if takes_frames else self.model
        moving = (*self.attributed, *self.following, *self.embedded_texts)  # ids come last, and replace their vectors

        def arrange(*tensors: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
            rows = dict(zip(moving, tensors, strict=False))
            if self.is_one_example:
                rows |= {index: rows[index][0] for index in self.attributed}
            values = iter(
                leaf.for_model(rows[index], takes_frames) if index in rows else leaf.value
                for index, leaf in enumerate(self.leaves)
            )
            arguments, by_name = self._bind(map_leaves(self.inputs, lambda *_: next(values)))
            rest = tensors[len(moving) :]
            split = len(rest) - len(names)
            return (*arguments, *rest[:split]), by_name | dict(zip(names, rest[split:], strict=True))

        def vectors_in_place(tensors: tuple[Any, ...]) -> AbstractContextManager[None]:
            ids = tensors[len(moving) - len(self.embedded_texts) : len(moving)]
            vectors = [tensors[self.attributed.index(index)] for index in self.embedded_texts]
            return embedded(self.embedding, list(zip(ids, vectors, strict=True)))

        convert = _as_one_example if self.is_one_example else None
        return AdaptedModel(function, arrange, convert, vectors_in_place if self.embedded_texts else nullcontext)

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
        return None if value is None else self._for_each("feature_mask", value, lambda _, mask: mask)

    def _for_each(self, name: str, value: Any, change: Callable[[int, Any], Any]) -> Any:
        if callable(value) and not isinstance(value, Tensor):
            return lambda *_: self._for_each(name, given_baselines(value, self.inputs), change)
        if isinstance(value, Background):
            return Background(self._for_each(name, value.rows, change), value.per_example)
        parts = tuple(change(index, self._part(self.leaves[index], name, value)) for index in self.attributed)
        if all(part is None for part in parts):
            return None
        return parts[0] if len(parts) == 1 else parts

    def _part(self, leaf: Leaf, name: str, value: Any) -> Any:
        """What an argument says of one leaf, None where it says nothing; as a tensor where it is one."""
        part = _entry_at(leaf, value)
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
        if isinstance(value, Tensor):
            return self._source(index, value.to(ids.device))
        tokenizer, embeds = self.reading.tokenizer, index in self.embedded_texts
        number = absent_token(self.model, tokenizer, embedded=embeds) if value is None else int(value)
        untouched = untouched_tokens(self.inputs, ids, self.model, tokenizer)
        replaced = self._source(index, torch.where(untouched, ids, 0 if number is None else number))
        if number is None:
            return torch.where(untouched[..., None], replaced, 0)
        return replaced

    def restored(self, attributions: Sequence[Tensor]) -> Any:
        """Attributions in the structure of the inputs, with None where there is nothing to attribute to."""
        by_leaf: dict[int, Any] = {}
        for index, values in zip(self.attributed, attributions, strict=True):
            if index in self.embedded_texts and not self.reading.keep_embedding:
                values = values.sum(-1)
            by_leaf[index] = self.leaves[index].restored(values[0] if self.is_one_example else values)
        in_order = iter(by_leaf.get(index) for index in range(len(self.leaves)))
        return map_leaves(_plain(self.inputs), lambda *_: next(in_order))


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
    wanted = sorted(texts | which(lambda leaf: leaf.value.is_floating_point())) or tensors
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


def _entry_at(leaf: Leaf, value: Any) -> Any:
    """What a structure like the inputs holds in the place of a leaf, None where it lacks that; else itself."""
    for key in leaf.path:
        if not isinstance(value, Mapping | tuple | list) or is_numbers(value):
            return value
        if isinstance(value, Mapping) and key not in value:
            return None if leaf.frame is None else value
        value = value[key]
    return value


def _has_no_examples(path: Path, batch_dim: BatchDimension) -> bool:
    """Whether an input has no dimension that counts examples.

    Raises:
        InvalidArgument: Another than the first is to count them.
    """
    if isinstance(batch_dim, Mapping | tuple):
        entry = batch_dim.get(path[0], 0) if isinstance(batch_dim, Mapping) else batch_dim[path[0]]
    else:
        entry = batch_dim
    if entry not in (0, None):
        raise InvalidArgument(f"batch_dim must be 0 or None: got {entry}. Hint: inputs.movedim({entry}, 0).")
    return entry is None


def _as_one_example(output: Any) -> Any:
    """The output of a model without examples as that of one."""
    return map_leaves(output, lambda _, leaf: leaf.unsqueeze(0) if isinstance(leaf, Tensor) else leaf)


def _plain(inputs: Any) -> Any:
    """A mapping as a dict, which takes any values."""
    return dict(inputs) if isinstance(inputs, Mapping) else inputs
