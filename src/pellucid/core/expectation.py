"""Sums and moments over many points of every example, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.gathered import Gathered
from pellucid.core.pathway import Pathway
from pellucid.core.tensors import Tensors, broadcast_to, detached, lerp, summed, widened

Points: TypeAlias = Callable[[slice, slice], Tensors]
"""Where to go: (samples, places) -> points (k * n, ...): k samples, one after another, of n places in `path.x`."""

Read: TypeAlias = Callable[[Tensors, Tensor], Tensors]
"""What to do there: (points, rows) -> tensors (k * n, ...)."""


def sweep(path: Pathway, samples: int, points: Points, read: Read) -> Iterator[tuple[slice, slice, Tensors]]:
    """Read the model at every sample of every point of `path.x`, in blocks of as many rows as the budget allows.

    Args:
        path: The pathway.
        samples: Samples per point.
        points: Where to go.
        read: What to do there.

    Yields:
        A block, as k samples and n places, and what was read there, (k, n, ...).
    """

    def run(sample: slice, place: slice) -> tuple[slice, slice, Tensors]:
        count = sample.stop - sample.start
        read_there = read(points(sample, place), copied(path.rows, sample, place))
        return sample, place, tuple(each.view(count, each.shape[0] // count, *each.shape[1:]) for each in read_there)

    return path.budget.blocks(samples, len(path), run)


def copied(rows: Tensor, samples: slice, places: slice) -> Tensor:
    """The rows of a block: those at its places, once for each of its samples."""
    count = samples.stop - samples.start
    return rows[places] if count == 1 else rows[places].repeat(count)


def gradients(path: Pathway) -> tuple[Tensors, Tensors]:
    """The tensors where the pathway reads, at its own points, and the gradients there."""

    def run(_: slice, place: slice) -> Tensors:
        if path.source.modules and path.points is None:
            reading = path.gradient(None, path.rows[place])
        elif place == slice(None):
            reading = path.gradient(path.x, path.rows)
        else:
            reading = path.gradient(tuple(x[place] for x in path.x), path.rows[place])
        # What lies before a layer must not be kept alive by what was read there.
        return (reading.at_read if path.create_graph else detached(reading.at_read)) + reading.grad

    both = once(path, run)
    return both[: len(both) // 2], both[len(both) // 2 :]


def once(path: Pathway, run: Callable[[slice, slice], Tensors]) -> Tensors:
    """What a run at every point of a pathway gives, in blocks of as many rows as the budget allows."""
    found = Gathered(len(path))

    def counted(samples: slice, places: slice) -> tuple[int, Tensors]:
        return len(path.rows[places]), run(samples, places)

    for rows, block in path.budget.blocks(1, len(path), counted):
        found.add(rows, block)
    return found.tensors


def expectation(path: Pathway, weights: Tensor, points: Points, read: Read | None = None) -> Tensors:
    """Weighted sums of the gradient over samples of every point: sum_s weights[s] * grad F(points(s, .)).

    First samples of no weight are read and add nothing, even where they are no numbers.

    Args:
        path: The pathway.
        weights: One weight per sample, [samples].
        points: Where to go.
        read: What to sum, where not the gradient.

    Returns:
        Tensors of the shapes of those read, in at least float32.
    """
    sums: Tensors = ()
    idle = int((weights == 0).cumprod(0).sum())
    for samples, places, grads in sweep(path, len(weights), points, read or path.grad):
        wide = tuple(map(widened, grads))
        sums = sums or tuple(everywhere(each, places, len(path)) for each in wide)
        counting = slice(max(0, idle - samples.start), None)
        for each, grad in zip(sums, wide, strict=True):
            each[places] += (grad[counting] * broadcast_to(weights[samples][counting], grad)).sum(0)
    return sums


def everywhere(block: Tensor, places: slice | Tensor, total: int) -> Tensor:
    """Zeros for all places, (places, ...), like a block (k, n, ...) of some; a whole batch may have other places."""
    whole = isinstance(places, slice) and places == slice(None)
    return block.new_zeros(block.shape[1] if whole else total, *block.shape[2:])


def values(path: Pathway, samples: int, points: Points) -> Tensor:
    """What the sink explains at every sample of every point; several values of one point are added up.

    Returns:
        Values [n, samples] for n points in `path.x`; of another first dimension where the model collapses the batch.
    """
    found = Gathered(samples * len(path))

    def run(sample: slice, place: slice) -> tuple[Tensor, Tensor]:
        rows = copied(path.rows, sample, place)
        return rows, path(points(sample, place), rows)

    for rows, value in path.budget.blocks(samples, len(path), run):
        found.add(len(rows), (summed(value) if value.ndim else value.reshape(1),))
    return by_place(found, samples)


def by_place(gathered: Gathered, samples: int) -> Tensor:
    """Values [n, samples] of a sweep; all that belongs to one sample comes together in a block."""
    (values,) = gathered.tensors
    return values.reshape(samples, -1).T


def line(start: Tensors, end: Tensors, nodes: Tensor) -> Points:
    """Where to go along the lines from `start` to `end`, (places, ...) each: to the nodes [samples] in [0, 1]."""

    def between(samples: slice, places: slice) -> Tensors:
        starts, ends = (tuple(each[None, places] for each in points) for points in (start, end))
        return lerp(starts, ends, nodes[samples])

    return between


def block_of(points: Tensors, samples: slice, places: slice) -> Tensors:
    """These samples of these places, (k, n, ...), of points (places, samples, ...)."""
    return tuple(each[places, samples].transpose(0, 1) for each in points)


def along(points: Tensors) -> Points:
    """Where to go when the points are there already: (places, samples, ...)."""
    return lambda samples, places: tuple(each.flatten(0, 1) for each in block_of(points, samples, places))


@final
class InTurn:
    """Where to go when points are drawn as a sweep comes to them: no more of them are held than a block needs.

    Args:
        draw: So many more samples of every place, (places, samples, ...).
    """

    def __init__(self, draw: Callable[[int], Tensors]) -> None:
        self._draw = draw
        self._held: Tensors = ()
        self._start = self._stop = 0

    def __call__(self, samples: slice, places: slice) -> Tensors:
        """Points of a block; a block that did not fit comes again in parts, and finds what was drawn for it."""
        if samples.start >= self._stop:
            self._start, self._held = samples.start, ()  # let go of before others are drawn
        if samples.stop > self._stop:
            drawn = self._draw(samples.stop - self._stop)
            rest = tuple(each[:, samples.start - self._start :] for each in self._held)
            self._held = tuple(torch.cat(both, 1) for both in zip(rest, drawn, strict=True)) if rest else drawn
            self._start, self._stop = samples.start, samples.stop
        return along(self._held)(slice(samples.start - self._start, samples.stop - self._start), places)


@final
class Moments:
    """Means over the samples of every place, and how far to trust them; samples come in blocks.

    Powers are summed about the first sample of each place, which keeps them small and constants exact. Places may have
    different numbers of samples.

    Args:
        places: How many places there are.
        orders: The highest power to sum: 1 for means, 2 for variances and errors of means, 4 for errors of variances.
    """

    def __init__(self, places: int, orders: int) -> None:
        self.places, self.orders = places, orders
        self._pivots: list[Tensor] = []
        self._powers: list[Tensors] = []
        self._dtypes: list[torch.dtype] = []
        self._counts: list[Tensor] = []

    def add(self, samples: slice, places: slice | Tensor, blocks: Tensors) -> None:
        """Take in a block of values (k, n, ...) of k samples of n places; the first sample of a place comes first.

        Args:
            samples: The numbers of the samples.
            places: The places: a slice, or int64 [n].
            blocks: The values.
        """
        if not self._powers:
            self._dtypes = [block.dtype for block in blocks]
            self._pivots = [everywhere(widened(block), places, self.places) for block in blocks]
            self._powers = [tuple(torch.zeros_like(pivot) for _ in range(self.orders)) for pivot in self._pivots]
            self._counts = [pivot.new_zeros(len(pivot)) for pivot in self._pivots]
        every = zip(map(widened, blocks), self._counts, self._pivots, self._powers, strict=True)
        for block, count, pivot, powers in every:
            at = places.to(block.device) if isinstance(places, Tensor) else places
            count[at] += len(block)
            away = block
            if self.orders > 1:  # a mean alone needs no care
                if samples.start == 0:
                    pivot[at] = block[0].nan_to_num(0, 0, 0)  # infinities have no differences
                away = block - pivot[at]
            for order, power in enumerate(powers, start=1):
                power[at] += (away if order == 1 else away**order).sum(0)

    @property
    def mean(self) -> Tensors:
        """Means over the samples."""
        return self._narrowed(pivot + first for pivot, (first, *_) in zip(self._pivots, self._means(), strict=True))

    @property
    def variance(self) -> Tensors:
        """Mean squared distances of the samples from their mean."""
        return self._narrowed(_variance(*means[:2]) for means in self._means())

    @property
    def stderr(self) -> Tensors | None:
        """Standard errors of the means; None where they were not asked for or a single sample cannot tell."""
        if self.orders < 2 or not self._several:
            return None
        counts = map(broadcast_to, self._counts, self._pivots)
        return self._narrowed(
            (_variance(*means[:2]) / (count - 1)).sqrt() for means, count in zip(self._means(), counts, strict=True)
        )

    @property
    def variance_stderr(self) -> Tensors | None:
        """Standard errors of the variances, by the fourth moments; None likewise."""
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
        """Of every tensor, the means of its powers."""
        for count, powers in zip(self._counts, self._powers, strict=True):
            yield tuple(power / broadcast_to(count, power) for power in powers)

    def _narrowed(self, tensors: Iterable[Tensor]) -> Tensors:
        return tuple(tensor.to(dtype) for tensor, dtype in zip(tensors, self._dtypes, strict=True))


def _variance(first: Tensor, second: Tensor) -> Tensor:
    return (second - first**2).clamp(min=0)


def _fourth(m1: Tensor, m2: Tensor, m3: Tensor, m4: Tensor) -> Tensor:
    return m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
