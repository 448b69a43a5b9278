"""Windows that slide over the points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument

WindowShapes: TypeAlias = "tuple[int, ...] | tuple[tuple[int, ...], ...]"
"""The size of a sliding window in each dimension of an input but the first; for several inputs, a tuple of such."""

Strides: TypeAlias = "int | tuple[int, ...] | tuple[int | tuple[int, ...], ...] | None"
"""By how much a window moves: in each dimension of an input but the first, or one number for all of them; for several
inputs, a tuple of such. `None` is 1."""


@final
@dataclass(frozen=True, eq=False)
class Windows:
    """Boxes that slide over the elements, clipped at the far edges; they may overlap.

    They are numbered tensor by tensor, the first dimension changing fastest.

    Args:
        covers: For each tensor and dimension of one example of it, which places each position of the window covers,
            bool [positions, size].
        like: The tensors, (n, ...).
    """

    covers: tuple[tuple[Tensor, ...], ...]
    like: Tensors

    @classmethod
    def of(cls, x: Tensors, windows: WindowShapes, strides: Strides) -> Windows:
        """The windows over points.

        Args:
            x: The points.
            windows: See [WindowShapes][pellucid.methods.WindowShapes].
            strides: See [Strides][pellucid.methods.Strides].

        Raises:
            InvalidArgument: They do not fit the points, or leave gaps between the windows.
        """
        single = len(x) == 1
        each_size = windows if isinstance(windows, tuple) and not (single and _as_sizes(windows)) else (windows,)
        each_stride = strides if isinstance(strides, tuple) and not (single and _as_sizes(strides)) else (strides,)
        if strides is None:
            each_stride = (1,) * len(x)
        for name, given in (("sliding_window_shapes", each_size), ("strides", each_stride)):
            if len(given) != len(x):
                raise InvalidArgument(
                    f"{name} must have one entry for each input: expected {len(x)}, got {len(given)}."
                )
        triples = zip(x, each_size, each_stride, strict=True)
        return cls(tuple(_window_coverage(tensor, size, stride) for tensor, size, stride in triples), x)

    @property
    def count(self) -> int:
        """How many windows there are."""
        return sum(self._counts)

    @property
    def _counts(self) -> list[int]:
        pairs = zip(self.covers, self.like, strict=True)
        return [math.prod(len(cover) for cover in covers) if like.numel() else 0 for covers, like in pairs]

    def masks_of(self, windows: Tensor, point_range: slice) -> Tensors:
        """Which elements lie in each of these windows [k]: (k, 1, ...); in no window for one below zero."""
        masks, start = [], 0
        for covers, like, count in zip(self.covers, self.like, self._counts, strict=True):
            here = (windows >= start) & (windows < start + count)
            rest = (windows - start).clamp(0, count - 1)
            mask = here.view(-1, *[1] * (like.ndim - 1)).to(like.device)
            for dimension, cover in enumerate(covers):
                at = (rest % len(cover)).to(cover.device)
                mask = mask & cover[at].view(-1, *[1] * dimension, cover.shape[1], *[1] * (len(covers) - dimension - 1))
                rest = rest // len(cover)
            masks.append(mask.unsqueeze(1))
            start += count
        return tuple(masks)

    def spread(self, values: Tensor) -> Tensors:
        """Values [m, windows] of m outputs as means over the windows that cover each element, (m, ...) per tensor."""
        parts = torch.split(values, self._counts, dim=1)
        return tuple(
            self._spread_to(covers, like, part if part.is_floating_point() else part.float())
            for covers, like, part in zip(self.covers, self.like, parts, strict=True)
        )

    def _spread_to(self, covers: tuple[Tensor, ...], like: Tensor, values: Tensor) -> Tensor:
        if like.numel() == 0:
            return values.new_zeros(len(values) if len(like) else 0, *like.shape[1:], device=like.device)
        grid = values.to(like.device).reshape(len(values), *(len(cover) for cover in reversed(covers)))
        totals = grid.permute((0, *range(grid.ndim - 1, 0, -1)))
        unknown = totals.isnan()  # which a sum of products would spread to windows elsewhere
        times_covered = torch.ones((), dtype=totals.dtype, device=totals.device)
        for cover in covers:
            times_covered = times_covered.unsqueeze(-1) * cover.sum(0)
        means = _summed_over(totals.masked_fill(unknown, 0), covers) / times_covered
        if unknown.any():
            means = means.masked_fill(_summed_over(unknown.to(totals.dtype), covers) > 0, math.nan)
        return means

    def changed_features(self, x: Tensors, reference: Tensors) -> Tensor:
        """The windows in which two sets of points differ, int64 [k] in order."""
        found = []
        for covers, one, two in zip(self.covers, x, reference, strict=True):
            differs = (one != two).any(0).float() if one.numel() else one.new_zeros(0)
            for cover in covers:
                differs = _contracted(differs, cover.T, 0)
            found.append((differs > 0).permute(tuple(range(differs.ndim - 1, -1, -1))).flatten().cpu())
        return torch.cat(found).nonzero().flatten()


def _contracted(tensor: Tensor, cover: Tensor, dimension: int) -> Tensor:
    """A dimension summed over by the rows of a cover, whose columns become the last dimension; as exact as it came."""
    with torch.autocast(tensor.device.type, enabled=False):
        contracted: Tensor = torch.tensordot(tensor, cover.to(tensor.dtype), ([dimension], [0]))
        return contracted


def _summed_over(totals: Tensor, covers: tuple[Tensor, ...]) -> Tensor:
    for cover in covers:  # each contracts the next dimension of positions, and appends one of elements
        totals = _contracted(totals, cover, 1)
    return totals


def _as_sizes(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(each, int | np.integer) for each in value)


def _window_coverage(x: Tensor, size: object, stride: object) -> tuple[Tensor, ...]:
    """Which places each position of a window covers, for each dimension of one example."""
    shape = tuple(x.shape[1:])
    if not _as_sizes(size) or not isinstance(size, tuple) or len(size) != len(shape):
        raise InvalidArgument(f"sliding_window_shapes must have a size for each dimension of {shape}: got {size!r}.")
    if x.numel() == 0:  # nothing to cover
        return ()
    if any(not 1 <= window <= length for window, length in zip(size, shape, strict=True)):
        raise InvalidArgument(f"sliding_window_shapes must lie within the input's {shape}: got {size}.")
    steps = (stride,) if isinstance(stride, int | np.integer) else stride
    if isinstance(steps, tuple) and len(steps) == 1:
        steps *= len(shape)
    if not _as_sizes(steps) or not isinstance(steps, tuple) or len(steps) != len(shape):
        raise InvalidArgument(f"strides must be a number, or one for each dimension of {shape}: got {stride!r}.")
    for step, window, length in zip(steps, size, shape, strict=True):
        if step < 1 or (step > window and window < length):
            raise InvalidArgument(
                f"strides must be at least 1, and no larger than the window, which would leave gaps: "
                f"got {steps} for windows of {size}."
            )
    return tuple(_coverage(*each, device=x.device) for each in zip(shape, size, steps, strict=True))


def _coverage(length: int, size: int, stride: int, device: torch.device) -> Tensor:
    starts = torch.arange(math.ceil((length - size) / stride) + 1, device=device)[:, None] * stride
    places = torch.arange(length, device=device)
    return (places >= starts) & (places < starts + size)
