"""Sums and moments over points of every example, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias, TypeVar, final

import torch
from torch import Tensor

from pellucid.core.pathway import Pathway, one_each
from pellucid.core.tensors import Tensors, floating, per_row, widened

T = TypeVar("T")

Points: TypeAlias = Callable[[Tensor, Tensor], Tensors]
"""Where to go: (places [n], samples [n]) -> points (n, ...), sample `samples[i]` of the point at `places[i]` of x."""


def sweep(
    path: Pathway, samples: int, points: Points, read: Callable[[Tensors, Tensor], T]
) -> Iterator[tuple[Tensor, Tensor, T]]:
    """Read the model at every sample of every point of `path.x`, in chunks of as many rows as the budget allows.

    The samples come one after another, each for the whole batch, so that a forward can be given the batch whole.

    Args:
        path: The pathway.
        samples: Samples per point.
        points: Where to go.
        read: What to do there: `path` itself for values, `path.gradient` for gradients.

    Yields:
        Places int64 [n], samples int64 [n], and what was read at these n points.
    """
    size = len(path)

    def run(start: int, stop: int) -> tuple[Tensor, Tensor, T]:
        row = torch.arange(start, stop)
        places, sample = row % size, row // size
        return places, sample, read(points(places, sample), path.rows[places])

    return path.budget.chunks(samples * size, size, run)


def expectation(path: Pathway, weights: Tensor, points: Points) -> Tensors:
    """Weighted sums of the gradient over points of every example: sum_s weights[s] * grad F(points(., s)).

    Args:
        path: The pathway.
        weights: One weight per sample, [samples].
        points: Where to go.

    Returns:
        Tensors of the shapes of `path.x`, in at least float32.
    """
    sums = [torch.zeros_like(widened(x)) for x in floating(path.x)]
    for places, samples, reading in sweep(path, len(weights), points, path.gradient):
        for index, grad in enumerate(reading.grad):
            share = widened(grad) * per_row(weights[samples], widened(grad))
            sums[index] = accumulated(sums[index], places, share)
    return tuple(sums)


def values(path: Pathway, samples: int, points: Points) -> Tensor:
    """The one value that the sink explains, at every sample of every point.

    Returns:
        Values [n, samples] for n points in `path.x`; of another first dimension where the model collapses the batch.
    """
    read = [value for _, _, value in sweep(path, samples, points, lambda x, rows: one_each(path(x, rows)))]
    return torch.cat(read).reshape(samples, -1).T


def accumulated(sums: Tensor, places: Tensor, shares: Tensor) -> Tensor:
    """`sums` with each of `shares` added at its place, in the same order every time."""
    places = places.to(sums.device)
    if sums.device.type == "cpu":
        return sums.index_add(0, places, shares) if shares.requires_grad else sums.index_add_(0, places, shares)
    return sums.index_put((places,), shares, accumulate=True)  # index_add is not deterministic on CUDA


@final
class Moments:
    """Means over the samples of every place, and how far to trust them; samples come in pieces.

    Powers are summed about the first sample of each place, which keeps them small and constants exact.

    Args:
        places: How many places there are.
        samples: How many samples each will get.
        orders: The highest power to sum: 2 for means and their errors, 4 for the errors of variances.
    """

    def __init__(self, places: int, samples: int, orders: int = 2) -> None:
        self.places, self.samples, self.orders = places, samples, orders
        self._pivots: list[Tensor] = []
        self._powers: list[list[Tensor]] = []
        self._dtypes: list[torch.dtype] = []

    def add(self, places: Tensor, samples: Tensor, values: Tensors) -> None:
        """Take in values (m, ...): `values[i]` is sample `samples[i]` of the place `places[i]`, sample 0 first."""
        if not self._pivots:
            self._dtypes = [value.dtype for value in values]
            self._pivots = [widened(value).new_zeros((self.places, *value.shape[1:])) for value in values]
            self._powers = [[torch.zeros_like(pivot) for _ in range(self.orders)] for pivot in self._pivots]
        first = samples == 0
        for index, value in enumerate(map(widened, values)):
            if first.any():
                pivots = value[first.to(value.device)]
                self._pivots[index] = self._pivots[index].index_copy(0, places[first].to(value.device), pivots)
            away = value - self._pivots[index][places.to(value.device)]
            self._powers[index] = [
                accumulated(sums, places, away**order) for order, sums in enumerate(self._powers[index], start=1)
            ]

    @property
    def mean(self) -> Tensors:
        """Means over the samples."""
        return self._narrowed(p + sums[0] / self.samples for p, sums in zip(self._pivots, self._powers, strict=True))

    @property
    def variance(self) -> Tensors:
        """Mean squared distances of the samples from their mean."""
        return self._narrowed(self._variance(sums) for sums in self._powers)

    @property
    def stderr(self) -> Tensors | None:
        """Standard errors of the means; None for a single sample, which says nothing of its spread."""
        if self.samples < 2:
            return None
        return self._narrowed((self._variance(sums) / (self.samples - 1)).sqrt() for sums in self._powers)

    @property
    def variance_stderr(self) -> Tensors | None:
        """Standard errors of the variances, by the fourth moments; None for a single sample."""
        if self.samples < 2:
            return None
        return self._narrowed(
            ((self._fourth(sums) - self._variance(sums) ** 2).clamp(min=0) / self.samples).sqrt()
            for sums in self._powers
        )

    def _variance(self, sums: list[Tensor]) -> Tensor:
        first, second = (each / self.samples for each in sums[:2])
        return (second - first**2).clamp(min=0)

    def _fourth(self, sums: list[Tensor]) -> Tensor:
        m1, m2, m3, m4 = (each / self.samples for each in sums)
        return m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4

    def _narrowed(self, tensors: Iterable[Tensor]) -> Tensors:
        return tuple(tensor.to(dtype) for tensor, dtype in zip(tensors, self._dtypes, strict=True))
