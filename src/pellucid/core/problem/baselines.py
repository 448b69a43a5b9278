"""Baselines: where attribution starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.examples import select_examples
from pellucid.core.tensors import Tensors, as_tensor_tuple, conversion_hint, describe, is_floating
from pellucid.errors import InvalidArgument


@final
@dataclass(frozen=True, eq=False)
class Background:
    """Many baselines for a game, which takes the mean over them: absent features are as in one row after another.

    F(S) = mean over the rows b of f(x in the features of S, b elsewhere)

    Shapley values then add up to f(x) less the mean output over the rows, as those of SHAP's explainers do with their
    background data; these are the interventional ones. All examples share the rows, and a coalition costs as many
    evaluations as there are.

    Lundberg, Lee, "A unified approach to interpreting model predictions", 2017, https://arxiv.org/abs/1705.07874;
    Janzing, Minorics, Bloebaum, "Feature relevance quantification in explainable AI", 2020,
    https://arxiv.org/abs/1910.13413.

    Args:
        rows: (R, ...) for inputs (B, ...), such as examples of the training data; a tuple of such for several inputs.

    Raises:
        InvalidArgument: They are no tensors, without rows, or of different numbers of them.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Background, Problem, ShapleyValues
        >>> problem = Problem(lambda x: x[:, 0] * x[:, 1], torch.tensor([[2.0, 3.0]]))
        >>> ShapleyValues()(problem, baselines=Background(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))).values
        (tensor([[2.5000, 3.0000]]),)
    """

    rows: Tensor | Tensors

    def __post_init__(self) -> None:
        rows = as_tensor_tuple(self.rows, "rows")
        if len({each.shape[:1] for each in rows}) > 1 or 0 in rows[0].shape[:1] or not rows[0].ndim:
            raise InvalidArgument(f"rows must be at least one, as many for each input: got {describe(self.rows)}.")

    def like(self, x: Tensors) -> Tensors:
        """The rows as points like others, (R, ...) for (n, ...), on their devices.

        Raises:
            InvalidArgument: They are of other shapes.
        """
        rows = as_tensor_tuple(self.rows, "rows")
        if [each.shape[1:] for each in rows] != [each.shape[1:] for each in x]:
            raise InvalidArgument(
                f"baselines must be a Background of {_format_many('rows', x)}: got {describe(self.rows)}."
            )
        return tuple(each.to(one.device, _fill_dtype(one, each)) for each, one in zip(rows, x, strict=True))


Baselines: TypeAlias = "Tensor | float | tuple[Tensor | float, ...] | Background | None"
"""Where attribution starts from: what an input looks like when it says nothing.

* `None`: zero.
* a number: this value everywhere.
* a tensor of shape (1, ...), or without this dimension: the same for all examples; of the input's shape: one for each.
* a tuple of these, one for each input tensor.
* a [Background][pellucid.methods.Background] of many rows, for the methods that take features away: ablation and
  occlusion, Shapley, Banzhaf and Owen values, interactions and Kernel SHAP.
"""


def resolve_baselines(
    baselines: Baselines, inputs: Tensors, rows: Tensor | None, examples: int, *, fills: bool = False
) -> Tensors:
    """Baselines as tensors like the inputs, one for each point.

    Args:
        baselines: What the user gave.
        inputs: The inputs, of the whole batch or of the points.
        rows: Which example each point belongs to, int64 [n]; None for every example once, in order.
        examples: The number of examples in the user's batch.
        fills: Whether they take the place of what is absent: with a fraction they then keep it where the inputs are
            integers.

    Returns:
        Tensors (n, ...) of the shapes of the inputs, on their devices and in their dtypes, unless what `fills` integers
        is wider.

    Raises:
        InvalidArgument: They do not fit the inputs.
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
    """The error for baselines that are no distribution, tensors (n_baselines, ...) like the inputs."""
    hint = conversion_hint(baselines, "baselines")
    if isinstance(baselines, int | float):
        hint = " Hint: a tensor of many rows, such as those of training examples."
    return InvalidArgument(
        "baselines must be a distribution for each input: "
        f"expected {_format_many('n_baselines', like)}, got {describe(baselines)}.{hint}"
    )


def _format_many(first: str, like: Tensors) -> str:
    """The shapes of many rows like some tensors, as a reader writes them: `(rows, 3)`."""
    return ", ".join(str((first, *each.shape[1:])).replace("'", "") for each in like)


_BY_DRAWING = "GradientShap and DeepLiftShap take many"


def _fill_dtype(x: Tensor, baseline: Tensor | float) -> torch.dtype:
    """The dtype of baselines in the place of what is absent: that of floats; among integers, a fraction is kept."""
    either = torch.result_type(x, baseline)
    return x.dtype if x.is_floating_point() and either.is_floating_point else either


def _as_number(baseline: Any) -> Any:
    """A number of NumPy as one of Python; all else as it is."""
    return baseline.item() if isinstance(baseline, np.number) else baseline


def _baseline_like(
    x: Tensor, baseline: Tensor | float | None, rows: Tensor | None, examples: int, fills: bool
) -> Tensor:
    if x.layout is not torch.strided:
        raise InvalidArgument(
            f"inputs must be dense where there are baselines: got {str(x.layout).removeprefix('torch.')}. "
            "Hint: inputs.to_dense()."
        )
    points = len(x) if rows is None or len(x) != examples else len(rows)
    if not isinstance(baseline, Tensor | int | float | None):
        given = f"baselines must be tensors or numbers: got {type(baseline).__name__}."
        alone = " Hint: a Background by itself, of a tuple of rows for several inputs."
        raise InvalidArgument(
            given + (alone if isinstance(baseline, Background) else conversion_hint(baseline, "baselines"))
        )
    dtype = _fill_dtype(x, baseline) if fills and baseline is not None else x.dtype
    if baseline is None or isinstance(baseline, int | float):
        return x.new_full((1,) * x.ndim, baseline or 0, dtype=dtype).expand(points, *x.shape[1:])
    came = tuple(baseline.shape)
    # As torch broadcasts; but what may have been meant as one for each example is not taken for another dimension.
    if baseline.ndim < x.ndim and (baseline.ndim == 0 or examples == 1 or len(baseline) != examples):
        baseline = baseline.reshape((1,) * (x.ndim - baseline.ndim) + came)
    one_or_all = baseline.ndim == x.ndim and len(baseline) in (1, examples, points)
    if not one_or_all or any(b not in (1, size) for b, size in zip(baseline.shape[1:], x.shape[1:], strict=True)):
        expected = (examples, *x.shape[1:])
        hint = ""
        if baseline.ndim == x.ndim and baseline.shape[1:] == x.shape[1:]:
            many = "pellucid.methods.Background(baselines) is many, for all but Lime" if fills else _BY_DRAWING
            hint = f" Hint: {many}; baselines.mean(0, keepdim=True) is one for all."
        elif came == (examples,) and not is_floating(baseline):
            hint = " Hint: target=... where these are targets."
        raise InvalidArgument(f"baselines must broadcast to inputs: expected {expected}, got {came}.{hint}")
    picked: Tensor = baseline if len(baseline) == points else select_examples(baseline, rows, examples)
    return picked.to(x.device, dtype).expand(points, *x.shape[1:])
