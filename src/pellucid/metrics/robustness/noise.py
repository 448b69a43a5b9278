"""Noisy copies of examples, the same for all metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import SupportsFloat, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.random_streams import random_source
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, as_tensor_tuple, format_shapes
from pellucid.errors import InvalidArgument, WrongShape
from pellucid.metrics.given import movable, span_of

MOST_HELD = 2**24
"""The most elements of noisy copies that are held at once."""


@final
@dataclass(frozen=True)
class Noise(Summarized):
    """Noisy copies of the examples, uniform around them: the same for all metrics with the same parameters.

    Args:
        radius: How far each element moves at most, as a share of the range of its example.
        n_samples: How many copies of each.
        seed: Seeds them, each example for itself; None draws from the global generators.
        spread: What `radius` is a share of in the place of that range, (1 or n, ...) for each input; () for none.
    """

    radius: float
    n_samples: int
    seed: int | None
    spread: Tensors = field(default=(), compare=False)

    @property
    def repeatable(self) -> Noise:
        """The same with a seed, drawn from the global generators where there is none: for copies made again."""
        return replace(self, seed=int(np.random.randint(2**31))) if self.seed is None else self

    def copies(self, f: ModelFunction) -> Iterator[tuple[slice, Tensors]]:
        """Some copies at a time: which, and their tensors (n * copies, ...), those of an example together."""
        samples = check_count("n_samples", self.n_samples)
        if not isinstance(self.radius, SupportsFloat) or not 0 < self.radius < float("inf"):
            raise InvalidArgument(f"radius must be a finite number above zero: got {summary(self.radius)}.")
        x = movable(f)
        most = 1 if f.session.whole_batch else max(1, MOST_HELD // max(1, sum(tensor.numel() for tensor in x)))
        sizes = [tensor[:1].numel() for tensor in x]
        with random_source(self.seed, f.ids) as draws:
            for start in range(0, samples, most):
                count = min(most, samples - start)
                # Copy by copy, so that they are the same however many are made at a time.
                numbers = draws.uniform(len(f), count * sum(sizes)).view(len(f), count, sum(sizes))
                moved = []
                for number, (tensor, of_tensor) in enumerate(zip(x, torch.split(numbers, sizes, dim=2), strict=True)):
                    reach = self.radius * self._spread(number, tensor)[:, None]
                    shifts = (2 * of_tensor - 1).to(tensor.device).reshape(len(tensor), count, *tensor.shape[1:])
                    moved.append((tensor[:, None] + (reach * shifts).to(tensor.dtype)).flatten(0, 1))
                yield slice(start, start + count), tuple(moved)

    def _spread(self, number: int, x: Tensor) -> Tensor:
        """What the radius is a share of, (1 or n, ...), in double precision: of half, a range may be infinite."""
        if self.spread:
            return self.spread[number].to(x.device).double()
        low, high = span_of(x)
        return high.double() - low.double()


def spread_of(spread: Tensor | Tensors | None, x: Tensors) -> Tensors:
    """What noise is a share of, one tensor for each input; () where users do not say.

    Args:
        spread: What users say.
        x: The inputs.

    Raises:
        InvalidArgument: It is negative, or no number.
        WrongShape: It does not broadcast to the inputs.
    """
    if spread is None:
        return ()
    tensors: Tensors = as_tensor_tuple(spread, "spread")
    fits = len(tensors) == len(x) and all(
        each.ndim == tensor.ndim and all(size in (1, full) for size, full in zip(each.shape, tensor.shape, strict=True))
        for each, tensor in zip(tensors, x, strict=False)
    )
    if not fits:
        raise WrongShape(f"spread must broadcast to the inputs, {format_shapes(x)}: got {format_shapes(tensors)}.")
    if not all(bool(((each >= 0) & each.isfinite()).all()) for each in tensors):
        raise InvalidArgument("spread must be of finite numbers from zero on.")
    return tensors
