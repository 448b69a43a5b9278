"""Order statistics (sort, top k, median), written as a network of maxima and minima, which have rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor


def sort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool | None = None) -> Tensor:
    """The sorted numbers."""
    ordered = _ascending(input, dim)
    return ordered.flip(dim) if descending and input.ndim else ordered


def msort(input: Tensor) -> Tensor:
    """The numbers sorted along the first dimension."""
    return _ascending(input, 0)


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Tensor:
    """The k largest or smallest numbers, sorted."""
    return sort(input, dim, largest).narrow(dim, 0, k) if input.ndim else input


def topk_in_order(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """Torch's top k, sorted, so that two calls agree on the order; NotImplemented where it is sorted anyway."""
    return NotImplemented if sorted else torch.topk(input, k, dim, largest, True)


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Tensor:
    """The k-th smallest number."""
    if not input.ndim:
        return input
    value = _ascending(input, dim).narrow(dim, k - 1, 1)
    return value if keepdim else value.squeeze(dim)


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The number in the middle, or the lower of two."""
    numbers = input.flatten() if dim is None else input
    size = numbers.shape[dim or 0] if numbers.ndim else 1
    return kthvalue(numbers, (size + 1) // 2, dim or 0, keepdim)


def _ascending(x: Tensor, dim: int) -> Tensor:
    """Sort by a network of comparators: each replaces two numbers by their minimum and their maximum."""
    if not x.ndim:
        return x
    x = x.movedim(dim, -1)
    for low, high in _comparators(x.shape[-1], x.device):
        at_low, at_high = x.index_select(-1, low), x.index_select(-1, high)
        ordered = torch.cat([torch.minimum(at_low, at_high), torch.maximum(at_low, at_high)], -1)
        x = x.index_copy(-1, torch.cat([low, high]), ordered)
    return x.movedim(-1, dim)


def _comparators(size: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """The layers of a sorting network: the lower and the higher index of each pair that is compared.

    Batcher's merge exchange for any size (Knuth, "The art of computer programming" 3, 5.2.2, algorithm M); the letters
    are Knuth's.
    """
    largest = 1 << max(0, (size - 1).bit_length() - 1)
    p = largest if size > 1 else 0
    while p:
        q, r, d = largest, 0, p
        while True:
            low = torch.arange(size - d, device=device)
            low = low[low & p == r]
            yield low, low + d
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2
