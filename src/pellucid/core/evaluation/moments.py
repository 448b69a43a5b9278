"""Means and variances over samples that come in blocks, and their standard errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import final

import torch
from torch import Tensor

from pellucid.core.evaluation.sweep import zeros_for_all
from pellucid.core.tensors import Tensors, at_least_float32, broadcast_to


@final
class Moments:
    """Means over the samples of every point, with variances and standard errors; samples come in blocks.

    Powers of the distance from the point's first sample are summed, which keeps them small and constants exact. Points
    may have different numbers of samples.

    Args:
        points: The number of points.
        orders: The highest power to sum: 1 for means, 2 for variances and errors of means, 4 for errors of variances.
    """

    def __init__(self, points: int, orders: int) -> None:
        self._points, self.orders = points, orders
        self._pivots: list[Tensor] = []
        self._powers: list[Tensors] = []
        self._dtypes: list[torch.dtype] = []
        self._counts: list[Tensor] = []

    def add(self, samples: slice, which: slice | Tensor, blocks: Tensors) -> None:
        """Add a block of values (k, n, ...): k samples of n points. A point's first sample must come first.

        Args:
            samples: Which samples these are.
            which: The indices of the points: a slice, or int64 [n].
            blocks: The values, a tensor for each tensor of the points.
        """
        if not self._powers:
            self._dtypes = [block.dtype for block in blocks]
            self._pivots = [zeros_for_all(at_least_float32(block), which, self._points) for block in blocks]
            self._powers = [tuple(torch.zeros_like(pivot) for _ in range(self.orders)) for pivot in self._pivots]
            self._counts = [pivot.new_zeros(len(pivot)) for pivot in self._pivots]
        sums_per_tensor = zip(map(at_least_float32, blocks), self._counts, self._pivots, self._powers, strict=True)
        for block, count, pivot, powers in sums_per_tensor:
            index = which.to(block.device) if isinstance(which, Tensor) else which
            count[index] += len(block)
            distance = block
            if self.orders > 1:  # a mean alone needs no pivot
                if samples.start == 0:
                    pivot[index] = block[0].nan_to_num(0, 0, 0)  # the difference of two infinities is NaN
                distance = block - pivot[index]
            for order, power in enumerate(powers, start=1):
                power[index] += (distance if order == 1 else distance**order).sum(0)

    @property
    def mean(self) -> Tensors:
        """Means over the samples."""
        return self._narrowed(pivot + first for pivot, (first, *_) in zip(self._pivots, self._means(), strict=True))

    @property
    def variance(self) -> Tensors:
        """Variances: mean squared distances of the samples from their mean."""
        return self._narrowed(_variance(*means[:2]) for means in self._means())

    @property
    def stderr(self) -> Tensors | None:
        """Standard errors of the means; None without second powers, or where a point has a single sample."""
        if self.orders < 2 or not self._several:
            return None
        counts = map(broadcast_to, self._counts, self._pivots)
        return self._narrowed(
            (_variance(*means[:2]) / (count - 1)).sqrt() for means, count in zip(self._means(), counts, strict=True)
        )

    @property
    def variance_stderr(self) -> Tensors | None:
        """Standard errors of the variances; None without fourth powers, or where a point has a single sample."""
        if self.orders < 4 or not self._several:
            return None
        counts = map(broadcast_to, self._counts, self._pivots)
        return self._narrowed(
            ((_fourth(*means) - _variance(*means[:2]) ** 2).clamp(min=0) / count).sqrt()
            for means, count in zip(self._means(), counts, strict=True)
        )

    @property
    def _several(self) -> bool:
        return all((count > 1).all() for count in self._counts)

    def _means(self) -> Iterator[Tensors]:
        """For every tensor, the mean of each power."""
        for count, powers in zip(self._counts, self._powers, strict=True):
            yield tuple(power / broadcast_to(count, power) for power in powers)

    def _narrowed(self, tensors: Iterable[Tensor]) -> Tensors:
        return tuple(tensor.to(dtype) for tensor, dtype in zip(tensors, self._dtypes, strict=True))


def _variance(first: Tensor, second: Tensor) -> Tensor:
    """The variance, from the means of the first two powers."""
    return (second - first**2).clamp(min=0)


def _fourth(m1: Tensor, m2: Tensor, m3: Tensor, m4: Tensor) -> Tensor:
    """The fourth central moment, from the means of the first four powers."""
    return m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
