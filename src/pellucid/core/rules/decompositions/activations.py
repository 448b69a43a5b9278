"""Elementwise functions in steps that have rules."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pellucid.core.tensors import is_number_non_parameter


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """One half, times the sigmoid of the other."""
    first, second = input.chunk(2, dim)
    return first * second.sigmoid()


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """The sum input + value * tensor1 / tensor2."""
    return input + tensor1 * value / tensor2


def lerp(input: Tensor, end: Tensor, weight: Tensor | float) -> Tensor:
    """The point input + weight * (end - input)."""
    return input + (end - input) * weight


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """A quotient whose denominator may depend on the inputs; any other is linear.

    That of complex numbers is made of quotients of real ones.
    """
    if not is_number_non_parameter(other):
        return NotImplemented
    if other.is_complex():
        return div(input * other.conj(), other.real.square() + other.imag.square())
    if isinstance(input, Tensor) and input.is_complex():
        parts = torch.true_divide(torch.view_as_real(input.resolve_conj()), other.unsqueeze(-1))
        return torch.view_as_complex(parts.contiguous())
    exact = torch.true_divide(input, other)
    return exact if rounding_mode is None else exact.floor() if rounding_mode == "floor" else exact.trunc()


def conjugate(input: Tensor) -> Tensor:
    """The conjugate, made at once, so that the call is one step that nothing undoes."""
    return torch.conj_physical(input)


def reciprocal(input: Tensor) -> Any:
    """One over complex numbers; of real ones it is left as it is."""
    return div(1, input) if input.is_complex() else NotImplemented


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """The difference relu(input) - weight * relu(-input)."""
    along = weight.reshape(-1, *[1] * (input.ndim - 2)) if input.ndim > 1 else weight
    return input.relu() - along * (-input).relu()
