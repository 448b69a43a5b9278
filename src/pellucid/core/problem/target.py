"""Targets: what is explained, taken from the output of the model or of a layer."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeAlias, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.model.layers import OUTPUT, Site, SiteLike, resolve_site
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import describe, format_names, sum_per_row
from pellucid.errors import InvalidArgument, OutOfRange, WrongType

TargetIndex: TypeAlias = "int | slice | tuple[int | slice, ...]"

TargetLike: TypeAlias = (
    "TargetIndex | Tensor | Sequence[int] | Sequence[tuple[int, ...]] | Callable[[Any], Tensor] | None"
)
"""What is explained, of an output of shape (B, ...) for B examples.

* `None`: the whole output; gradient methods need one value per example, shape (B,) or (B, 1).
* an `int`, or a tensor of one element: this column of an output (B, K), the same for all examples.
* a tuple of ints and slices: this element of each example's output, for outputs of more dimensions; the sum of the
  elements that slices choose.
* a 1-D tensor, or a list of B ints: one column per example.
* a list of B tuples: one element per example, for outputs of more dimensions.
* a tensor or a list that is longer, where the output has more rows than examples: one element per row of the output.
* a callable: any function of the output that returns one value per example, `lambda output: output.logits[:, 3]`.

Negative numbers count from the end.
"""


class Target(Protocol):
    """What is explained: a function of the tensors at a site."""

    @property
    def site(self) -> Site:
        """The site of the tensors; the forward can stop after a layer."""
        ...

    @property
    def argument_name(self) -> str:
        """The user's argument, for messages: "target" or "selector"."""
        ...

    @property
    def site_label(self) -> str:
        """The kind of site, for messages: "output" or "layer"."""
        ...

    def __call__(self, output: Any, rows: Tensor) -> Tensor:
        """The explained values [n, *K] of an output for the examples `rows` [n]."""
        ...

    @property
    def of_output_rows(self) -> bool:
        """Whether it has one index for each row of the whole batch's output, rather than one for each example."""
        ...

    @property
    def takes_any_output(self) -> bool:
        """Whether it is a user's function of whatever the model returns, and not of a tensor."""
        ...

    def argument(self, rows: Tensor) -> Any:
        """The target of the examples `rows` in the form of Captum's `target` argument."""
        ...


@final
@dataclass(frozen=True)
class Neuron(Summarized):
    """A neuron of a layer, explained in the place of the output.

    Args:
        layer: The layer; see [SiteLike][pellucid.methods.SiteLike].
        selector: Selects the neuron in the layer's output as a `target` selects in the model's output; see
            [TargetLike][pellucid.methods.TargetLike].
    """

    layer: SiteLike
    selector: TargetLike


@dataclass(frozen=True)
class _TargetBase(Summarized):
    """What targets of a site have in common."""

    site: Site

    @property
    def argument_name(self) -> str:
        """The user's argument, for messages."""
        return "selector" if self.site.modules else "target"

    @property
    def site_label(self) -> str:
        """The kind of site, for messages."""
        return "layer" if self.site.modules else "output"

    @property
    def of_output_rows(self) -> bool:
        """Whether there is one index for each row of the whole batch's output: no."""
        return False

    @property
    def takes_any_output(self) -> bool:
        """Whether it is a user's function of whatever the model returns: no."""
        return False

    def tensor_of(self, output: Any) -> Tensor:
        """The output as a tensor; a layer may also return a tuple of one tensor."""
        if self.site.modules and isinstance(output, tuple) and len(output) == 1:
            output = output[0]
        if isinstance(output, Tensor):
            return output
        subject = "layer" if self.site.modules else "model"
        verb = "take" if self.site.side == "input" else "return"
        raise InvalidArgument(
            f"{subject} must {verb} a tensor: got {type(output).__name__}. Hint: {self._hint_for(output)}."
        )

    def _hint_for(self, output: Any) -> str:
        """A hint for an output that is not a tensor: how to select one in it."""
        if isinstance(output, np.ndarray | np.generic | int | float):
            return "gradients need torch all the way; FeatureAblation, ShapleyValues and KernelShap take NumPy"
        tensor, among = "output[0]", ""
        if isinstance(output, Mapping):
            names = [key for key, value in output.items() if isinstance(value, Tensor) and value.ndim > 1]
            tensor = f"output[{(names or list(output) or [0])[0]!r}]"
            among = f" of {format_names(output)}"
        by_name = "" if self.site.modules else f", or output_selector={tensor[7:-1]}"
        return f"choose one{among} with a callable, {self.argument_name}=lambda output: {tensor}[:, 0]{by_name}"

    def shape_for(self, output: Tensor, dimensions: int) -> tuple[int, ...]:
        """The shape of one example's output.

        Raises:
            InvalidArgument: It has fewer dimensions than an index.
        """
        shape = tuple(output.shape[1:])
        if dimensions > len(shape):
            raise InvalidArgument(
                f"{self.argument_name} must choose among the dimensions of the {self.site_label} after the first, "
                f"{shape}: got {dimensions} indices. Hint: {self.argument_name}=None where there is one value per "
                "example; inputs[None] where inputs are a single example."
            )
        return shape

    def index_error(self, shape: tuple[int, ...], index: Sequence[int | slice]) -> OutOfRange:
        """The error for an index beyond the shape of one example's output."""
        indices = index[0] if len(index) == 1 else tuple(index)
        values = f"{shape[0] if len(shape) == 1 else shape} value{'' if shape == (1,) else 's'}"
        ranges = ", ".join(f"0 to {size - 1}" for size in shape)
        return OutOfRange(
            f"{self.argument_name} {indices} is beyond the {self.site_label}'s {values} per example ({ranges})."
        )


@final
@dataclass(frozen=True)
class TargetFunction(_TargetBase):
    """A user's function of the output that returns one value per example."""

    function: Callable[[Any], Tensor]

    @property
    def takes_any_output(self) -> bool:
        """Whether it is a user's function of whatever the model returns, and not of a tensor: yes."""
        return True

    def __call__(self, output: Any, rows: Tensor) -> Tensor:
        value = self.function(output)
        if not isinstance(value, Tensor):
            raise InvalidArgument(f"{self.argument_name} must return a tensor: got {describe(value)}.")
        return value

    def argument(self, rows: Tensor) -> Any:
        return self.function


@final
@dataclass(frozen=True)
class SameIndex(_TargetBase):
    """The same element of every example's output, or the sum over slices; `()` is the whole output."""

    index: tuple[int | slice, ...]

    @cached_property
    def _column(self) -> int | None:
        """The column, where the index is a single integer."""
        return self.index[0] if len(self.index) == 1 and isinstance(self.index[0], int) else None

    def __call__(self, output: Any, rows: Tensor) -> Tensor:
        output = self.tensor_of(output)
        if self._column is not None and output.ndim > 1 and -output.shape[1] <= self._column < output.shape[1]:
            column: Tensor = output.select(1, self._column)
            return column
        shape = self.shape_for(output, len(self.index))
        for position, size in zip(self.index, shape, strict=False):
            in_range = range(size)[position] if isinstance(position, slice) else -size <= position < size
            if not in_range:
                raise self.index_error(shape, self.index)
        all_examples = (slice(None),)
        selected: Tensor = output[all_examples + self.index] if self.index else output
        has_slices = any(isinstance(position, slice) for position in self.index)
        return sum_per_row(selected).to(selected.dtype) if has_slices else selected

    def argument(self, rows: Tensor) -> Any:
        return (self.index or None) if len(self.index) != 1 else self.index[0]


@final
@dataclass(frozen=True)
class IndexPerExample(_TargetBase):
    """One element per example, or one per row of a whole batch's output that has more rows than examples.

    Args:
        index: int64 [B, dimensions], or [rows of the output, dimensions]; on the CPU.
        examples: The number of examples in the batch, B.
    """

    index: Tensor
    examples: int

    @property
    def of_output_rows(self) -> bool:
        """Whether there is one index for each row of the whole batch's output, rather than one for each example."""
        return len(self.index) != self.examples

    def __call__(self, output: Any, rows: Tensor) -> Tensor:
        output = self.tensor_of(output)
        index = self._index_of(rows)
        shape = self.shape_for(output, index.shape[1])
        if len(output) != len(index) and self.of_output_rows:
            per_row = f", or {len(output)}, one per row of the {self.site_label}" if len(output) > self.examples else ""
            raise InvalidArgument(
                f"{self.argument_name} must hold one element per example: "
                f"expected {self.examples}{per_row}, got {len(index)}."
            )
        if len(output) != len(index):
            raise InvalidArgument(
                f"{self.argument_name} holds one element per example, so the {self.site_label} must hold {len(index)} "
                f"examples: got {describe(output)}."
            )
        sizes = torch.tensor(shape[: index.shape[1]], device=index.device)
        out_of_range = (index < -sizes) | (index >= sizes)
        if out_of_range.any():
            raise self.index_error(shape, index[out_of_range.any(1)][0].tolist())
        all_rows = (torch.arange(len(index), device=output.device),)
        selected: Tensor = output[all_rows + index.to(output.device).unbind(1)]
        return selected

    def _index_of(self, rows: Tensor) -> Tensor:
        return self.index if self.of_output_rows else self.index[rows]

    def argument(self, rows: Tensor) -> Any:
        index = self._index_of(rows)
        return index[:, 0] if index.shape[1] == 1 else [tuple(element) for element in index.tolist()]


@final
@dataclass(frozen=True)
class MappedTarget(Summarized):
    """A function of the values of another target."""

    target: Target
    function: Callable[[Tensor], Tensor]

    @property
    def site(self) -> Site:
        """The other target's site."""
        return self.target.site

    @property
    def argument_name(self) -> str:
        """The user's argument, for messages."""
        return self.target.argument_name

    @property
    def site_label(self) -> str:
        """The kind of site, for messages."""
        return self.target.site_label

    @property
    def of_output_rows(self) -> bool:
        """Whether the other target has one index for each row of the whole batch's output."""
        return self.target.of_output_rows

    @property
    def takes_any_output(self) -> bool:
        """Whether the other target is a user's function of whatever the model returns."""
        return self.target.takes_any_output

    def __call__(self, output: Any, rows: Tensor) -> Tensor:
        return self.function(self.target(output, rows))

    def argument(self, rows: Tensor) -> Any:
        """The other target in the form of Captum's `target` argument."""
        return self.target.argument(rows)


def resolve_target(target: TargetLike | Neuron, batch_size: int, model: Callable[..., Any]) -> Target:
    """Resolve a user's target, of the output or of a layer.

    Args:
        target: The user's target.
        batch_size: The number of examples in the batch.
        model: The model, to whose modules names of layers refer.

    Raises:
        InvalidArgument: The target has an unknown form, or not one element per example.
    """
    if isinstance(target, Neuron):
        return target_at(resolve_site(target.layer, model), target.selector, batch_size)
    return target_at(OUTPUT, target, batch_size)


def target_at(site: Site, target: TargetLike, examples: int) -> Target:
    """Resolve a user's `target`, or `selector`, at a site.

    Args:
        site: The output of the model, or a layer.
        target: See [TargetLike][pellucid.methods.TargetLike].
        examples: The number of examples in the batch.

    Raises:
        InvalidArgument: The target has an unknown form, or not one element per example; or the site is all calls of a
            layer.
    """
    if site.call == "all":
        raise InvalidArgument('call must be one call of the layer of a neuron: got "all". Hint: call=0.')
    name = _TargetBase(site).argument_name
    if target is None or callable(target):
        return SameIndex(site, ()) if target is None else TargetFunction(site, target)
    if isinstance(target, tuple | slice):
        positions = target if isinstance(target, tuple) else (target,)
        index = [
            position if isinstance(position, slice) else _as_index(position, target, name) for position in positions
        ]
        return SameIndex(site, tuple(index))
    if isinstance(target, list):
        return _index_per_example(site, _index_of_list(target, name), examples)
    if isinstance(target, Tensor | np.ndarray):
        integers = _integers_of(target, name)
        if integers.numel() == 1:
            return SameIndex(site, (int(integers),))
        return _index_per_example(site, integers.to(torch.int64)[:, None], examples)
    return SameIndex(site, (_as_index(target, target, name),))


def _index_of_list(target: list[Any], name: str) -> Tensor:
    """A list of integers, or of tuples of integers of one length, as int64 [elements, dimensions]."""
    elements = [element if isinstance(element, tuple) else (element,) for element in target]
    if len({len(element) for element in elements}) > 1:
        raise InvalidArgument(f"{name} must hold tuples of one length: got tuples of several lengths.")
    index = [[_as_index(position, target, name) for position in element] for element in elements]
    return torch.tensor(index, dtype=torch.int64, device="cpu")


def _integers_of(target: Tensor | np.ndarray[Any, Any], name: str) -> Tensor:
    """A tensor or array of integers, [elements] or a single one of any shape, as a tensor on the CPU."""
    tensor = target.detach().cpu() if isinstance(target, Tensor) else torch.from_numpy(target)
    is_integer = not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)
    if not is_integer or (tensor.ndim > 1 and tensor.numel() != 1):
        raise InvalidArgument(f"{name} must be a 1-D tensor of integers: got {describe(tensor)}.")
    return tensor


def _index_per_example(site: Site, index: Tensor, examples: int) -> IndexPerExample:
    """The target with one element per example, or per row of the output."""
    target = IndexPerExample(site, index, examples)
    if len(index) < examples or (site.modules and len(index) > examples):
        raise InvalidArgument(
            f"{target.argument_name} must hold one element per example: expected {examples}, got {len(index)}."
        )
    return target


def _as_index(value: Any, target: Any, name: str) -> int:
    """An integer of a user's target.

    Raises:
        WrongType: It is not an integer.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        expected = "an int, a tuple of ints and slices, a tensor or list of one per example, a callable or None"
        raise WrongType(f"{name} must be {expected}: got {type(target).__name__} {summary(target)}.") from None
