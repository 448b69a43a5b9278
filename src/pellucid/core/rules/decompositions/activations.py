"""Elementwise functions, written as calls that have rules."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pellucid.core.tensors import is_number_non_parameter


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half, times the sigmoid of the second."""
    first, second = input.chunk(2, dim)
    return first * second.sigmoid()


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """The sum input + value * tensor1 / tensor2."""
    return input + tensor1 * value / tensor2


def lerp(input: Tensor, end: Tensor, weight: Tensor | float) -> Tensor:
    """The point input + weight * (end - input)."""
    return input + (end - input) * weight


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """A quotient whose denominator may depend on the inputs; NotImplemented for others, which are linear.

    Complex quotients are written as quotients of real numbers.
    """
    if not is_number_non_parameter(other):
        return NotImplemented
    if other.is_complex():
        return div(input * other.conj(), other.real.square() + other.imag.square())
    if isinstance(input, Tensor) and input.is_complex():
        parts = torch.true_divide(torch.view_as_real(input.resolve_conj()), other.unsqueeze(-1))
        return torch.view_as_complex(parts.contiguous())
    quotient = torch.true_divide(input, other)
    return quotient if rounding_mode is None else quotient.floor() if rounding_mode == "floor" else quotient.trunc()


def conjugate(input: Tensor) -> Tensor:
    """The conjugate, computed at once, as the lazy one is a flag that later calls resolve."""
    return torch.conj_physical(input)


def reciprocal(input: Tensor) -> Any:
    """One over complex numbers; NotImplemented for real ones."""
    return div(1, input) if input.is_complex() else NotImplemented


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """The difference relu(input) - weight * relu(-input)."""
    slope = weight.reshape(-1, *[1] * (input.ndim - 2)) if input.ndim > 1 else weight
    return input.relu() - slope * (-input).relu()
