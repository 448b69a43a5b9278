"""Baselines: where attribution starts from."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor

from pellucid.core.rows import pick
from pellucid.core.tensors import Tensors, converted, described, floats
from pellucid.errors import InvalidArgument

Baselines: TypeAlias = "Tensor | float | tuple[Tensor | float, ...] | None"
"""Where attribution starts from: what an input looks like when it says nothing.

* `None`: zero.
* a number: this value everywhere.
* a tensor of shape (1, ...), or without this dimension: the same for all examples; of the input's shape: one for each.
* a tuple of these, one for each input tensor.
"""


def baselines_of(
    given: Baselines, inputs: Tensors, rows: Tensor | None, examples: int, *, exact: bool = False
) -> Tensors:
    """Baselines as tensors like the inputs, one for each point.

    Args:
        given: What the user gave.
        inputs: The inputs, of the whole batch or of the points.
        rows: Which example each point belongs to, int64 [n]; None for every example once, in order.
        examples: The number of examples in the user's batch.
        exact: Whether baselines with a fraction keep it where the inputs are integers.

    Returns:
        Tensors (n, ...) of the shapes of the inputs, on their devices and, unless `exact`, in their dtypes.

    Raises:
        InvalidArgument: They do not fit the inputs.
    """
    entries = given if isinstance(given, tuple) else (given,) * (len(inputs) if given is None else 1)
    if len(entries) != len(inputs):
        raise InvalidArgument(
            f"baselines must have one entry for each input: expected {len(inputs)}, got {len(entries)}."
        )
    return tuple(_like(x, entry, rows, examples, exact) for x, entry in zip(inputs, entries, strict=True))


def not_a_distribution(given: object, like: Tensors) -> InvalidArgument:
    """The error for baselines that are no distribution, tensors (n_baselines, ...) like the inputs."""
    expected = ", ".join(str(("n_baselines", *x.shape[1:])).replace("'", "") for x in like)
    hint = converted(given, "baselines")
    if isinstance(given, int | float):
        hint = " Hint: a tensor of many rows, such as those of training examples."
    return InvalidArgument(
        f"baselines must be a distribution for each input: expected {expected}, got {described(given)}.{hint}"
    )


def _like(x: Tensor, baseline: Tensor | float | None, rows: Tensor | None, examples: int, exact: bool) -> Tensor:
    points = len(x) if rows is None or len(x) != examples else len(rows)
    if not isinstance(baseline, Tensor | int | float | None):
        given = f"baselines must be tensors or numbers: got {type(baseline).__name__}."
        raise InvalidArgument(given + converted(baseline, "baselines"))
    dtype = torch.result_type(x, baseline) if exact and baseline is not None else x.dtype
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
            hint = " Hint: GradientShap and DeepLiftShap take many; baselines.mean(0, keepdim=True) is one for all."
        elif came == (examples,) and not floats(baseline):
            hint = " Hint: target=... where these are targets."
        raise InvalidArgument(f"baselines must broadcast to inputs: expected {expected}, got {came}.{hint}")
    picked: Tensor = baseline if len(baseline) == points else pick(baseline, rows, examples)
    return picked.to(x.device, dtype).expand(points, *x.shape[1:])
