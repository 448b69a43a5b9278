"""One of the inputs of an explanation, or a layer: what it holds, and what is attributed to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias, final

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.core.summaries import Summarized
from pellucid.data.words import TokenLayout
from pellucid.plot.explained import Kind

Array: TypeAlias = NDArray[Any]
GivenAs: TypeAlias = Literal["tensor", "array", "frame"]
"""What users gave, and get back."""


@final
@dataclass(frozen=True, eq=False, kw_only=True)
class Part(Summarized):
    """An input, or a layer, and its attributions.

    Args:
        name: What it is called among several, `['photo']`; "" of the only one.
        kind: What it is.
        values: Attributions, (B, ...); read-only.
        inputs: What was attributed to, (B, ...): numbers, or ids of tokens; None where it was not kept.
        stderr: Standard errors of the values; None where there are none.
        names: The names of the elements of an example, in order; () where they are called by their places.
        mask: The feature of each element, int64 (1 or B, ...); None where each is one of its own.
        repeated: Whether values are those of features, which all of their elements have.
        layouts: How each text is made of tokens.
        words: What numbers stand for in columns of words, by the number of the column.
        given_as: What it was given as.
        dtype: Its dtype as a tensor of torch, `float32`.
        index: What the rows of a frame are called, as the frame has it.
        columns: What its columns are called, likewise.
        transposed: Whether a series came as (B, channels, steps), and is kept as (B, steps, channels).
    """

    name: str
    kind: Kind
    values: Array
    inputs: Array | None = None
    stderr: Array | None = None
    names: tuple[str, ...] = ()
    mask: Array | None = None
    repeated: bool = False
    layouts: tuple[TokenLayout, ...] = ()
    words: tuple[tuple[int, tuple[str, ...]], ...] = ()
    given_as: GivenAs = "tensor"
    dtype: str = "float32"
    index: Any = ()
    columns: Any = ()
    transposed: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        return made_again, (type(self), {field.name: getattr(self, field.name) for field in fields(self)})

    def __post_init__(self) -> None:
        for array in (self.values, self.inputs, self.stderr, self.mask):
            if array is not None:
                array.flags.writeable = False

    @property
    def tokens(self) -> tuple[tuple[str, ...], ...]:
        """The tokens of each text, without padding; () of what is no text."""
        return tuple(layout.tokens for layout in self.layouts)

    @property
    def element_values(self) -> Array:
        """Attributions of elements, float64 [B, E]; those of an image without a mask are added up over its channels."""
        return self._flat(self.values)

    @property
    def element_stderr(self) -> Array | None:
        """Their standard errors; None where there are none, or elements are sums."""
        return None if self.stderr is None or self._sums_channels else self._flat(self.stderr)

    @property
    def element_numbers(self) -> Array:
        """What elements hold, float64 [B, E]; NaN where that is no number, or several."""
        shown = self.inputs is not None and self.kind != "tokens" and not self._sums_channels
        if not shown or self.inputs is None or self.inputs.shape != self.values.shape:
            return np.full(self.element_values.shape, np.nan)
        numbers: Array = self._flat(self.inputs).copy()
        numbers[:, [column for column, _ in self.words]] = np.nan
        return numbers

    @property
    def element_names(self) -> tuple[str, ...]:
        """The names of elements, [E]; those of tokens are their positions."""
        if self.names:
            return self.names
        shape = self.values.shape[1:]
        match self.kind:
            case "image" if self._sums_channels or len(shape) == 2:
                return tuple(f"({row}, {column})" for row, column in np.ndindex(*shape[-2:]))
            case "tokens":
                return tuple(f"token {position}" for position in range(shape[0]))
            case "series" if len(shape) == 2:
                return tuple(f"step {step}, channel {channel}" for step, channel in np.ndindex(*shape))
            case _:
                return tuple(map(_place, np.ndindex(*shape)))

    @property
    def element_mask(self) -> Array | None:
        """The feature of each element, int64 [1 or B, E]."""
        if self.mask is None:
            return None
        mask = np.broadcast_to(self.mask, (len(self.mask), *self.values.shape[1:]))
        flat: Array = mask.reshape(len(mask), math.prod(mask.shape[1:]))
        return flat

    def element_text(self, example: int, element: int) -> str:
        """What an element holds, as it reads: `39`, `male`; "" where that is not shown."""
        for column, texts in self.words:
            if column == element and self.inputs is not None:
                return texts[int(self.inputs[example].ravel()[element])]
        number = self.element_numbers[example, element]
        return "" if math.isnan(number) else f"{number:.4g}"

    def select(self, examples: Any) -> Part:
        """The same of some examples."""

        def rows(array: Array | None) -> Array | None:
            return None if array is None or len(array) == 1 != len(self.values) else array[examples].copy()

        positions = np.arange(len(self.values))[examples]
        mask = self.mask if self.mask is None or len(self.mask) == 1 != len(self.values) else rows(self.mask)
        return replace(
            self,
            values=self.values[examples].copy(),
            inputs=rows(self.inputs),
            stderr=rows(self.stderr),
            mask=mask,
            layouts=tuple(self.layouts[position] for position in positions) if self.layouts else (),
            index=_picked(self.index, positions),
        )

    def restored(self) -> Any:
        """The values as what the user gave: a tensor, an array, or a frame; copies."""
        if self.given_as == "frame":
            return _frame(self.values, self.columns if len(self.columns) else self.names, self.index)
        values = (self.values.swapaxes(1, 2) if self.transposed else self.values).copy()
        return values if self.given_as == "array" else torch.from_numpy(values).to(getattr(torch, self.dtype))

    def given(self) -> Any:
        """The inputs as the user gave them: a tensor, an array or a frame, or None where they were not kept; copies."""
        if self.inputs is None:
            return None
        if self.given_as == "frame":
            frame = _frame(self.inputs, self.columns if len(self.columns) else self.names, self.index)
            for column, texts in self.words:
                words = np.array(texts, dtype=object)[self.inputs[:, column].astype(int)]
                frame = frame.astype({frame.columns[column]: object})
                frame.isetitem(column, words)
            return frame
        inputs = (self.inputs.swapaxes(1, 2) if self.transposed else self.inputs).copy()
        return inputs if self.given_as == "array" else torch.from_numpy(inputs)

    @property
    def _sums_channels(self) -> bool:
        return self.kind == "image" and self.values.ndim == 4 and self.mask is None

    def _flat(self, array: Array) -> Array:
        array = array.sum(1, dtype=np.float64) if self._sums_channels else array
        flat: Array = array.reshape(len(array), math.prod(array.shape[1:])).astype(np.float64)
        return flat


def kind_of(shape: Sequence[int], *, of_tokens: bool, of_frame: bool, of_layer: bool) -> Kind:
    """What an input of a shape (B, ...) is.

    Args:
        shape: The shape.
        of_tokens: Whether it holds ids of tokens.
        of_frame: Whether it is a frame.
        of_layer: Whether it is a layer's, whose maps have channels that are no colours.
    """
    if of_tokens:
        return "tokens" if len(shape) == 2 else "other"
    if of_frame or len(shape) == 2:
        return "table"
    if len(shape) == 4 and min(shape[2:]) > 1 and shape[1] in ((1,) if of_layer else (1, 3, 4)):
        return "image"
    if len(shape) == 3 and not of_layer:
        return "series"
    return "other"


def _picked(labels: Any, positions: Array) -> Any:
    """The labels of some rows: those of pandas as these are, others as a tuple."""
    if not len(labels):
        return ()
    return labels[positions] if hasattr(labels, "take") else tuple(labels[position] for position in positions)


def made_again(kind: type[Any], values: dict[str, Any]) -> Any:
    """An object of its fields, as copies and other processes make it."""
    return kind(**values)


def _place(indices: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, indices))}]" if len(indices) != 1 else f"feature {indices[0]}"


def _frame(values: Array, columns: Any, index: Any) -> Any:
    import pandas

    labels = columns if hasattr(columns, "take") else list(columns)
    rows = index if hasattr(index, "take") else list(index) if len(index) else None
    return pandas.DataFrame(values.copy(), columns=labels, index=rows)
