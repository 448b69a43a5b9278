"""Order statistics, written as a network of maxima and minima: sorted numbers, the largest of them, the median."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor


def sort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool | None = None) -> Tensor:
    """All numbers, in their order."""
    ordered = _ascending(input, dim)
    return ordered.flip(dim) if descending and input.ndim else ordered


def msort(input: Tensor) -> Tensor:
    """All numbers along the first dimension, in their order."""
    return _ascending(input, 0)


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Tensor:
    """The k largest numbers, or the k smallest, in their order."""
    return sort(input, dim, largest).narrow(dim, 0, k) if input.ndim else input


def topk_in_order(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The same by torch, with their places, in their order, so that two calls agree on it."""
    return NotImplemented if sorted else torch.topk(input, k, dim, largest, True)


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Tensor:
    """The k-th smallest number."""
    if not input.ndim:
        return input
    found = _ascending(input, dim).narrow(dim, k - 1, 1)
    return found if keepdim else found.squeeze(dim)


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The number in the middle, or the lower of two."""
    along = input.flatten() if dim is None else input
    size = along.shape[dim or 0] if along.ndim else 1
    return kthvalue(along, (size + 1) // 2, dim or 0, keepdim)


def _ascending(x: Tensor, dim: int) -> Tensor:
    """Numbers in their order: each two that are compared become the smaller and the larger."""
    if not x.ndim:
        return x
    x = x.movedim(dim, -1)
    for low, high in _compared(x.shape[-1], x.device):
        one, other = x.index_select(-1, low), x.index_select(-1, high)
        both = torch.cat([torch.minimum(one, other), torch.maximum(one, other)], -1)
        x = x.index_copy(-1, torch.cat([low, high]), both)
    return x.movedim(-1, dim)


def _compared(size: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Which places are compared, step by step, so that all are in order at the end.

    Batcher's network for any number of places (Knuth, "The art of computer programming" 3, 5.2.2, algorithm M).
    """
    largest = 1 << max(0, (size - 1).bit_length() - 1)
    part = largest if size > 1 else 0
    while part:
        span, rest, apart = largest, 0, part
        while True:
            low = torch.arange(size - apart, device=device)
            low = low[low & part == rest]
            yield low, low + apart
            if span == part:
                break
            apart, span, rest = span - part, span // 2, part
        part //= 2
