"""Targets: what is explained, taken from the output of the model or of a layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol, TypeAlias, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.model.layers import Site, SiteLike
from pellucid.core.problem.output import chosen_output
from pellucid.core.problem.output_target import OutputTarget
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import as_tensor, describe, format_names, sum_per_row
from pellucid.errors import InvalidArgument, OutOfRange

TargetIndex: TypeAlias = "int | slice | tuple[int | slice, ...]"

TargetLike: TypeAlias = (
    "TargetIndex | str | Tensor | Sequence[int | str] | Sequence[tuple[int | str, ...]] | Callable[[Any], Tensor]"
    " | Contrast | Several | None"
)
"""What is explained, of an output of shape (B, ...) for B examples.

* `None`: the whole output; gradient methods need one value per example, shape (B,) or (B, 1).
* an `int`, or a tensor of one element: this column of an output (B, K), the same for all examples.
* a tuple of ints and slices: this element of each example's output, for outputs of more dimensions; the sum of the
  elements that slices choose.
* a 1-D tensor, or a list of B ints: one column per example.
* a list of B tuples: one element per example, for outputs of more dimensions.
* a tensor or a list that is longer, where the output has more rows than examples: one element per row of the output.
* a callable: any function of the output that returns one value per example, `lambda output: output.logits[:, 3]`, or
  one of `pellucid.targets`.
* a `Contrast(a, b)` of two of these: why a rather than b.
* a `Several([a, b, ...])` of these, or `Several("all")`: attributions for each, in a dimension after the examples.

Where names of classes are known, they may stand for numbers. Negative numbers count from the end. Of an output with
`logits`, as Hugging Face's have, these are meant.
"""

TargetsLike: TypeAlias = "Sequence[TargetLike] | Literal['all']"
"""Several targets: a list of them, or "all" columns of an output (B, K). Attributions are (B, K, ...), of one sweep."""


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
    def several(self) -> bool:
        """Whether its values are those of several targets, [n, K]."""
        ...

    @property
    def functions(self) -> tuple[Callable[..., Any], ...]:
        """The functions that it calls: users' functions, which may change between calls."""
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


@final
@dataclass(frozen=True)
class Contrast(Summarized):
    """The difference of two targets: why the first rather than the second.

    v = value of `target` - value of `rather_than`

    Args:
        target: What is explained; see [TargetLike][pellucid.methods.TargetLike].
        rather_than: What it is compared with, likewise.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Contrast, Problem, Saliency
        >>> problem = Problem(lambda x: x * torch.tensor([1.0, 2.0]), torch.ones(1, 2), target=Contrast(0, 1))
        >>> Saliency(abs=False)(problem).values
        (tensor([[ 1., -2.]]),)
    """

    target: TargetLike
    rather_than: TargetLike


@final
@dataclass(frozen=True)
class Several(Summarized):
    """Several targets at once: attributions (B, K, ...) for K of them, from the forwards of one.

    Args:
        targets: A list of targets, each of one value per example; or "all" columns of an output (B, K). See
            [TargetLike][pellucid.methods.TargetLike].

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, Saliency, Several
        >>> model = lambda x: torch.stack([x.sum(1), x.prod(1)], 1)
        >>> Saliency()(Problem(model, torch.tensor([[2.0, 3.0]]), target=Several("all"))).values
        (tensor([[[1., 1.],
                 [3., 2.]]]),)
    """

    targets: TargetsLike


@dataclass(frozen=True)
class SiteTarget(Summarized):
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
    def several(self) -> bool:
        """Whether its values are those of several targets: no."""
        return False

    @property
    def functions(self) -> tuple[Callable[..., Any], ...]:
        """The functions that it calls: none."""
        return ()

    def tensor_of(self, output: Any, rows: Tensor) -> Tensor:
        """The output as a tensor: itself, the one that is meant among several, or the one in a tuple of a layer."""
        if isinstance(output, Tensor):
            return output
        if self.site.modules:
            output = output[0] if isinstance(output, tuple) and len(output) == 1 else output
        else:
            output = chosen_output(output, len(rows))[0]
        output = output if torch.is_grad_enabled() else as_tensor(output)
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
class TargetFunction(SiteTarget):
    """A user's function of the output that returns one value per example."""

    function: Callable[[Any], Tensor]

    @property
    def functions(self) -> tuple[Callable[..., Any], ...]:
        """The user's function."""
        return (self.function,)

    def __call__(self, output: Any, rows: Tensor) -> Tensor:
        value = self.argument(rows)(output)
        if not isinstance(value, Tensor):
            raise InvalidArgument(f"{self.argument_name} must return a tensor: got {describe(value)}.")
        return value

    def argument(self, rows: Tensor) -> Any:
        return self.function.select(rows) if isinstance(self.function, OutputTarget) else self.function


@final
@dataclass(frozen=True)
class SameIndex(SiteTarget):
    """The same element of every example's output, or the sum over slices; `()` is the whole output."""

    index: tuple[int | slice, ...]

    @cached_property
    def column(self) -> int | None:
        """The column, where the index is a single integer."""
        return self.index[0] if len(self.index) == 1 and isinstance(self.index[0], int) else None

    def __call__(self, output: Any, rows: Tensor) -> Tensor:
        output = self.tensor_of(output, rows)
        if self.column is not None and output.ndim > 1 and -output.shape[1] <= self.column < output.shape[1]:
            column: Tensor = output.select(1, self.column)
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
class IndexPerExample(SiteTarget):
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
        output = self.tensor_of(output, rows)
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
