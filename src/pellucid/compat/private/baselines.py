"""Baselines as Captum passes them on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from pellucid.attr._bases import resolve_distribution
from pellucid.compat.private.approximation import SUPPORTED_METHODS
from pellucid.compat.private.tuples import _format_tensor_into_tuples
from pellucid.core.tensors import Tensors, describe
from pellucid.errors import InvalidArgument

Baseline: TypeAlias = Tensor | int | float


def _zeros(inputs: Tensors) -> tuple[int, ...]:
    """A zero for each input."""
    return (0,) * len(inputs)


def _format_baseline(baselines: Any, inputs: Tensors) -> tuple[Baseline, ...]:
    """Baselines as a tuple, of zeros where there are none.

    Raises:
        InvalidArgument: They are neither tensors nor numbers.
    """
    if baselines is None:
        return _zeros(inputs)
    if isinstance(baselines, tuple):
        return baselines
    if not isinstance(baselines, Tensor | int | float):
        kind = type(baselines).__name__
        raise InvalidArgument(f"baselines must be a torch.Tensor, a number or a tuple of these: got {kind}.")
    return (baselines,)


def _format_input_baseline(inputs: Tensor | Tensors, baselines: Any) -> tuple[Tensors, tuple[Baseline, ...]]:
    """Inputs and baselines as tuples."""
    formatted = _format_tensor_into_tuples(inputs) or ()
    return formatted, _format_baseline(baselines, formatted)


def _format_callable_baseline(
    baselines: Callable[..., Tensor | Tensors] | Any, inputs: Tensor | Tensors
) -> tuple[Baseline, ...]:
    """Baselines, or what a function of nothing or of the inputs returns, as a tuple."""
    formatted = _format_tensor_into_tuples(inputs) or ()
    return _format_baseline(resolve_distribution(baselines, inputs) if callable(baselines) else baselines, formatted)


def _tensorize_baseline(inputs: Tensors, baselines: tuple[Baseline, ...]) -> Tensors:
    """A tensor for each input: of its shape for a number or one example, or as it is."""
    return tuple(map(_as_tensor, inputs, baselines))


def _as_tensor(tensor: Tensor, baseline: Baseline) -> Tensor:
    if not isinstance(baseline, Tensor):
        return torch.full_like(tensor, baseline)
    one_example = baseline.shape[1:] == tensor.shape[1:] and baseline.shape[0] == 1 < tensor.shape[0]
    return baseline.expand_as(tensor) if one_example else baseline


def _validate_baselines(
    inputs: Tensors, baselines: tuple[Baseline, ...], draw_baseline_from_distrib: bool = False
) -> None:
    """What `captum._utils.common` calls `_validate_input`: baselines must fit the inputs.

    Raises:
        InvalidArgument: They do not.
    """
    if len(inputs) != len(baselines):
        raise InvalidArgument(f"baselines must be as many as inputs: expected {len(inputs)}, got {len(baselines)}.")
    for tensor, baseline in zip(inputs, baselines, strict=True):
        if not isinstance(baseline, Tensor):
            continue
        one_or_all = draw_baseline_from_distrib or baseline.shape[0] in (1, tensor.shape[0])
        if baseline.shape[1:] != tensor.shape[1:] or not one_or_all:
            number = "any number of examples" if draw_baseline_from_distrib else "one example, or one for each input"
            expected = f"a number, or {number} of shape {tuple(tensor.shape[1:])}"
            raise InvalidArgument(f"baselines must be {expected}: got {describe(baseline)}.")


def _validate_input(
    inputs: Tensors,
    baselines: tuple[Baseline, ...],
    n_steps: int = 50,
    method: str = "riemann_trapezoid",
    draw_baseline_from_distrib: bool = False,
) -> None:
    """What `captum.attr._utils.common` calls so: baselines must fit the inputs, and an integral can be taken.

    Raises:
        InvalidArgument: Baselines do not fit, steps are negative, or the method is unknown.
    """
    _validate_baselines(inputs, baselines, draw_baseline_from_distrib)
    if n_steps < 0:
        raise InvalidArgument(f"n_steps must not be negative: got {n_steps}.")
    if method not in SUPPORTED_METHODS:
        raise InvalidArgument(f"method must be one of {', '.join(SUPPORTED_METHODS)}: got {method!r}.")
