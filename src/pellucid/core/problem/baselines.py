"""Baselines: the reference inputs of an attribution."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any, TypeAlias, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.examples import select_examples
from pellucid.core.pytree import map_tensors
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import (
    Tensors,
    as_tensor_tuple,
    conversion_hint,
    describe,
    is_floating,
)
from pellucid.errors import InvalidArgument


@final
@dataclass(frozen=True, eq=False)
class Background(Summarized):
    """A distribution of baselines: many rows, the same for all examples or for each its own.

    F(S) = mean over the rows b of f(x in the features of S, b elsewhere)

    is then the value of a coalition in a game. Shapley values add up to f(x) less the mean output over the rows, as
    those of SHAP's explainers do with their background data; these are the interventional Shapley values. Each
    coalition costs one evaluation per row.

    Lundberg, Lee, "A unified approach to interpreting model predictions", 2017, https://arxiv.org/abs/1705.07874;
    Janzing, Minorics, Bloebaum, "Feature relevance quantification in explainable AI", 2020,
    https://arxiv.org/abs/1910.13413.

    Args:
        rows: (R, ...) for inputs (B, ...), such as examples of the training data; a tuple of such for several inputs,
            or a frame, an array or a mapping where inputs are.
        per_example: Whether each example has rows of its own, (B, R, ...), such as shuffles of its sequence.

    Raises:
        InvalidArgument: They are not tensors, have no rows, or have different numbers of rows.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Background, Problem, ShapleyValues
        >>> problem = Problem(lambda x: x[:, 0] * x[:, 1], torch.tensor([[2.0, 3.0]]))
        >>> ShapleyValues()(problem, baselines=Background(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))).values
        (tensor([[2.5000, 3.0000]]),)
    """

    rows: Any
    per_example: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.rows, Mapping) or (hasattr(self.rows, "__array__") and not isinstance(self.rows, Tensor)):
            return  # they become tensors together with the inputs, whose structure they have
        rows, before = as_tensor_tuple(self.rows, "rows"), 2 if self.per_example else 1
        sizes = rows[0].shape[:before]
        if len(sizes) < before or 0 in sizes or any(tensor.shape[:before] != sizes for tensor in rows):
            of_each = " and example" if self.per_example else ""
            raise InvalidArgument(
                f"rows must be at least one, as many for each input{of_each}: got {describe(self.rows)}."
            )

    def rows_like(self, x: Tensors, examples: Tensor | None, batch_size: int) -> Tensors:
        """The rows (R, 1 or n, ...) on the devices of the points `x` (n, ...), in dtypes that can hold both.

        Args:
            x: The points.
            examples: The example that each belongs to, int64 [n]; None for every example once, in order.
            batch_size: The number of examples.

        Raises:
            InvalidArgument: They do not have the shapes of the points, or are not for as many examples.
        """
        rows = as_tensor_tuple(self.rows, "rows")
        before = 2 if self.per_example else 1
        fits = [tensor.shape[before:] for tensor in rows] == [tensor.shape[1:] for tensor in x]
        if not fits or (self.per_example and len(rows[0]) != batch_size):
            leading = (batch_size, "rows") if self.per_example else ("rows",)
            expected = format_many(leading, x)
            raise InvalidArgument(f"baselines must be a Background of {expected}: got {describe(self.rows)}.")
        if self.per_example:
            rows = tuple(tensor.transpose(0, 1) for tensor in select_examples(rows, examples, batch_size))
        else:
            rows = tuple(tensor.unsqueeze(1) for tensor in rows)
        return tuple(
            tensor.detach().to(point.device, _fill_dtype(point, tensor)) for tensor, point in zip(rows, x, strict=True)
        )


Baselines: TypeAlias = "Tensor | float | tuple[Tensor | float, ...] | Background | Callable[..., Any] | None"
"""The reference inputs of an attribution, which stand for the absence of information.

* `None`: zero; of token ids that are given by name, the mask token or padding.
* a number: this value everywhere.
* a tensor of shape (1, ...), or without this dimension: the same for all examples; of the input's shape: one for each.
* a tuple of these, one for each input tensor.
* a [Background][pellucid.methods.Background] of many rows, for all examples or for each its own: for the methods that
  remove features (ablation and occlusion, Shapley, Banzhaf and Owen values, interactions and Kernel SHAP), GradientShap
  and DeepLiftShap.
* a function of the inputs (a tensor, or a tuple of several), or of nothing, that returns any of these; at a layer whose
  features are removed, a function of its activations.
"""


def given_baselines(baselines: Any, inputs: Tensor | Tensors) -> Any:
    """Baselines as they are given, or what a function of nothing or of the inputs returns.

    Args:
        baselines: The user's baselines.
        inputs: What the function is called with: with copies, as it may write into them.
    """
    if not callable(baselines) or isinstance(baselines, Tensor):
        return baselines
    kinds = {parameter.kind for parameter in _signature(baselines).parameters.values()}
    return (
        baselines()
        if kinds <= {Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD}
        else baselines(map_tensors(inputs, Tensor.clone))
    )


def _signature(function: Callable[..., Any]) -> Signature:
    """The signature of a function; that of a function of the inputs for a built-in one that does not tell."""
    try:
        return inspect.signature(function)
    except ValueError:
        return Signature([Parameter("inputs", Parameter.POSITIONAL_ONLY)])


def resolve_baselines(
    baselines: Baselines, inputs: Tensors, rows: Tensor | None, examples: int, *, fills: bool = False
) -> Tensors:
    """The user's baselines as tensors like the inputs, one for each point.

    Args:
        baselines: The user's baselines.
        inputs: The inputs, of the whole batch or of the points.
        rows: The example that each point belongs to, int64 [n]; None for every example once, in order.
        examples: The number of examples in the user's batch.
        fills: Whether the baselines replace absent features; fractions are then kept where the inputs are integers.

    Returns:
        Tensors (n, ...) of the shapes, devices and dtypes of the inputs, but for fractions that fill integers.

    Raises:
        InvalidArgument: The baselines do not fit the inputs.
    """
    if isinstance(baselines, Background):
        raise InvalidArgument(
            f"baselines must be one for each example: got a Background of {describe(baselines.rows)}. "
            "Hint: GradientShap and DeepLiftShap take its rows; methods that take features away take it."
        )
    entries = baselines if isinstance(baselines, tuple) else (baselines,) * (len(inputs) if baselines is None else 1)
    if len(entries) != len(inputs):
        raise InvalidArgument(
            f"baselines must have one entry for each input: expected {len(inputs)}, got {len(entries)}."
        )
    return tuple(
        _baseline_like(x, _as_number(entry), rows, examples, fills) for x, entry in zip(inputs, entries, strict=True)
    )


def not_a_distribution(baselines: object, like: Tensors) -> InvalidArgument:
    """The error for baselines that are not a distribution, a tensor (n_baselines, ...) for each input."""
    hint = conversion_hint(baselines, "baselines")
    if isinstance(baselines, int | float):
        hint = " Hint: a tensor of many rows, such as those of training examples."
    return InvalidArgument(
        "baselines must be a distribution for each input: "
        f"expected {format_many(('n_baselines',), like)}, got {describe(baselines)}.{hint}"
    )


def format_many(first: tuple[int | str, ...], like: Tensors) -> str:
    """The shapes of tensors with other first dimensions, for a message: `(rows, 3)`."""
    return ", ".join(str((*first, *tensor.shape[1:])).replace("'", "") for tensor in like)


def _fill_dtype(x: Tensor, baseline: Tensor | float) -> torch.dtype:
    """The dtype of baselines that replace absent features: that of a floating input, else one that holds both."""
    common = torch.result_type(x, baseline)
    return x.dtype if x.is_floating_point() and common.is_floating_point else common


def _as_number(baseline: Any) -> Any:
    """A NumPy number as a Python number; other values unchanged."""
    return baseline.item() if isinstance(baseline, np.number) else baseline


def _baseline_like(
    x: Tensor, baseline: Tensor | float | None, rows: Tensor | None, examples: int, fills: bool
) -> Tensor:
    """The baseline of one input; the arguments are those of `resolve_baselines`."""
    if x.layout is not torch.strided:
        raise InvalidArgument(
            f"inputs must be dense where there are baselines: got {str(x.layout).removeprefix('torch.')}. "
            "Hint: inputs.to_dense()."
        )
    if not isinstance(baseline, Tensor | int | float | None):
        raise _not_a_baseline(baseline)
    points = len(x) if rows is None or len(x) != examples else len(rows)
    dtype = _fill_dtype(x, baseline) if fills and baseline is not None else x.dtype
    if not isinstance(baseline, Tensor):
        return x.new_full((1,) * x.ndim, baseline or 0, dtype=dtype).expand(points, *x.shape[1:])
    batch = _with_missing_dimensions(baseline, x, examples)
    if not _broadcasts(batch, x, first_sizes=(1, examples, points)):
        raise _not_broadcastable(baseline, batch, x, examples, fills)
    selected: Tensor = batch if len(batch) == points else select_examples(batch, rows, examples)
    return selected.to(x.device, dtype).expand(points, *x.shape[1:])


def _with_missing_dimensions(baseline: Tensor, x: Tensor, examples: int) -> Tensor:
    """A baseline with as many dimensions as the input `x`: missing ones are added in front, as torch broadcasts.

    A tensor that may have been meant as one value per example is returned unchanged, and so is refused later.
    """
    missing = x.ndim - baseline.ndim
    if missing > 0 and (baseline.ndim == 0 or examples == 1 or len(baseline) != examples):
        return baseline.reshape((1,) * missing + tuple(baseline.shape))
    return baseline


def _broadcasts(baseline: Tensor, x: Tensor, first_sizes: tuple[int, ...]) -> bool:
    """Whether a baseline broadcasts to an input `x` and its first dimension has one of some sizes."""
    if baseline.ndim != x.ndim or len(baseline) not in first_sizes:
        return False
    return all(size in (1, expected) for size, expected in zip(baseline.shape[1:], x.shape[1:], strict=True))


def _not_a_baseline(value: object) -> InvalidArgument:
    """The error for a baseline of an unknown type."""
    hint = conversion_hint(value, "baselines")
    if isinstance(value, Background):
        hint = " Hint: a Background by itself, of a tuple of rows for several inputs."
    return InvalidArgument(f"baselines must be tensors or numbers: got {type(value).__name__}.{hint}")


def _not_broadcastable(baseline: Tensor, batch: Tensor, x: Tensor, examples: int, fills: bool) -> InvalidArgument:
    """The error for a baseline, as the user gave it and as a batch, that does not broadcast to an input `x`."""
    expected, shape = (examples, *x.shape[1:]), tuple(baseline.shape)
    hint = ""
    if batch.ndim == x.ndim and batch.shape[1:] == x.shape[1:]:
        many = (
            "pellucid.methods.Background(baselines) is many, for all but Lime"
            if fills
            else "GradientShap and DeepLiftShap take many"
        )
        hint = f" Hint: {many}; baselines.mean(0, keepdim=True) is one for all."
    elif shape == (examples,) and not is_floating(baseline):
        hint = " Hint: target=... where these are targets."
    return InvalidArgument(f"baselines must broadcast to inputs: expected {expected}, got {shape}.{hint}")
