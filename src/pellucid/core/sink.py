"""Sinks: what is explained, read off the output of the model."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.site import OUTPUT, Site
from pellucid.core.tensors import described
from pellucid.errors import InvalidArgument, OutOfRange

TargetLike: TypeAlias = (
    "int | tuple[int, ...] | Tensor | Sequence[int] | Sequence[tuple[int, ...]] | Callable[[Any], Tensor] | None"
)
"""What is explained, of an output of shape (B, ...) for B examples.

* `None`: the output as it is; gradient methods need one value per example, shape (B,) or (B, 1).
* an `int`, or a tensor of one element: this column of an output (B, K), the same for all examples.
* a tuple of ints: this element of each example's output, for outputs of more dimensions.
* a 1-D tensor, or a list of B ints: one column per example.
* a list of B tuples: one element per example, for outputs of more dimensions.
* a callable: any function of the output that returns one value per example, `lambda output: output.logits[:, 3]`.

Negative numbers count from the end.
"""


class Sink(Protocol):
    """What is explained: a function of the tensors at a site."""

    @property
    def site(self) -> Site:
        """Where the values are read; a layer means that the forward can stop there."""
        ...

    def __call__(self, output: Any, rows: Tensor) -> Tensor:
        """The explained values [n, *K] of an output for the examples `rows` [n]."""
        ...

    def argument(self, rows: Tensor) -> Any:
        """The user's target for the examples `rows`, as a function with a `target` argument takes it."""
        ...


@final
@dataclass(frozen=True)
class Function:
    """Any function of the output, one value per example."""

    function: Callable[[Any], Tensor]
    site: Site = OUTPUT

    def __call__(self, output: Any, rows: Tensor) -> Tensor:
        value = self.function(output)
        if not isinstance(value, Tensor):
            raise InvalidArgument(f"target must return a tensor: got {described(value)}.")
        return value

    def argument(self, rows: Tensor) -> Any:
        return self.function


@final
@dataclass(frozen=True)
class Element:
    """The same element of every example's output; `()` is the whole output."""

    index: tuple[int, ...]
    site: Site = OUTPUT

    def __call__(self, output: Any, rows: Tensor) -> Tensor:
        shape = _shape_for(output, len(self.index))
        for position, size in zip(self.index, shape, strict=False):
            if not -size <= position < size:
                raise OutOfRange(f"target must lie within the output's {shape} values per example: got {self.index}.")
        everything = (slice(None),)
        selected: Tensor = output[everything + self.index] if self.index else output
        return selected

    def argument(self, rows: Tensor) -> Any:
        return (self.index or None) if len(self.index) != 1 else self.index[0]


@final
@dataclass(frozen=True)
class Elements:
    """One element per example: `index` int64 [B, dimensions], on the CPU."""

    index: Tensor
    site: Site = OUTPUT

    def __call__(self, output: Any, rows: Tensor) -> Tensor:
        index = self.index[rows]
        shape = _shape_for(output, index.shape[1])
        if len(output) != len(index):
            raise InvalidArgument(
                f"target holds one element per example, so the output must hold {len(index)} examples: "
                f"got {described(output)}."
            )
        sizes = torch.tensor(shape[: index.shape[1]], device=index.device)
        if ((index < -sizes) | (index >= sizes)).any():
            outside = index[((index < -sizes) | (index >= sizes)).any(1)][0].tolist()
            raise OutOfRange(f"target must lie within the output's {shape} values per example: got {outside}.")
        every = (torch.arange(len(index), device=output.device),)
        selected: Tensor = output[every + index.to(output.device).unbind(1)]
        return selected

    def argument(self, rows: Tensor) -> Any:
        index = self.index[rows]
        return index[:, 0] if index.shape[1] == 1 else [tuple(element) for element in index.tolist()]


def sink_of(target: TargetLike, examples: int) -> Sink:
    """The sink that a user's `target` means for a batch of `examples`.

    Args:
        target: See [TargetLike][pellucid.core.sink.TargetLike].
        examples: The number of examples in the batch.

    Raises:
        InvalidArgument: The target is of no known form, or holds another number of elements than examples.
    """
    if target is None or callable(target):
        return Element(()) if target is None else Function(target)
    if isinstance(target, tuple):
        return Element(tuple(_integer(position, target) for position in target))
    if isinstance(target, list | Tensor | np.ndarray):
        return _sink_of_many(target, examples)
    return Element((_integer(target, target),))


def _sink_of_many(target: list[Any] | Tensor | np.ndarray[Any, Any], examples: int) -> Sink:
    if isinstance(target, list):
        elements = [element if isinstance(element, tuple) else (element,) for element in target]
        if len({len(element) for element in elements}) > 1:
            raise InvalidArgument("target must hold tuples of one length: got tuples of several lengths.")
        index = torch.tensor(
            [[_integer(i, target) for i in element] for element in elements], dtype=torch.int64, device="cpu"
        )
    else:
        index = target.detach().cpu() if isinstance(target, Tensor) else torch.from_numpy(target)
        integers = not (index.is_floating_point() or index.is_complex() or index.dtype == torch.bool)
        if integers and index.numel() == 1:
            return Element((int(index),))
        if not integers or index.ndim > 1:
            raise InvalidArgument(f"target must be a 1-D tensor of integers: got {described(index)}.")
        index = index.to(torch.int64)[:, None]
    if len(index) != examples:
        raise InvalidArgument(f"target must hold one element per example: expected {examples}, got {len(index)}.")
    return Elements(index)


def _integer(value: Any, target: Any) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        expected = "an int, a tuple of ints, a tensor or list of one per example, a callable or None"
        raise InvalidArgument(f"target must be {expected}: got {type(target).__name__} {target!r}.") from None


def _shape_for(output: Any, dimensions: int) -> tuple[int, ...]:
    """The shape of one example's output, which must have at least these dimensions."""
    if not isinstance(output, Tensor):
        raise InvalidArgument(
            f"forward_func must return a tensor: got {type(output).__name__}. "
            "Hint: choose one with a callable target, such as target=lambda output: output[0][:, 3]."
        )
    shape = tuple(output.shape[1:])
    if dimensions > len(shape):
        raise InvalidArgument(
            f"target must choose among the dimensions of the output after the first, {shape}: got {dimensions} indices."
        )
    return shape
