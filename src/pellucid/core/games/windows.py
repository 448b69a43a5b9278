"""Windows that slide over the points, as the features of occlusion."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TypeAlias, TypeGuard, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument

WindowShapes: TypeAlias = "tuple[int, ...] | tuple[tuple[int, ...], ...]"
"""The size of a sliding window in each dimension of an input but the first; for several inputs, a tuple of such."""

Strides: TypeAlias = "int | tuple[int, ...] | tuple[int | tuple[int, ...], ...] | None"
"""By how much a window moves: in each dimension of an input but the first, or one number for all of them; for several
inputs, a tuple of such. `None` is 1."""


@final
@dataclass(frozen=True, eq=False)
class Windows(Summarized):
    """Boxes that slide over the elements, clipped at the far edges; they may overlap.

    They are numbered tensor by tensor; within one, the position in the first dimension changes fastest.

    Args:
        covers: For each tensor and dimension of an example, the indices that each position of the window covers, bool
            [positions, length]. A window covers an element if it does so in every dimension.
        like: The tensors, (n, ...).
    """

    covers: tuple[tuple[Tensor, ...], ...]
    like: Tensors

    @classmethod
    def of(cls, x: Tensors, windows: WindowShapes, strides: Strides) -> Windows:
        """The windows over these points.

        Args:
            x: The points, (n, ...) each.
            windows: See [WindowShapes][pellucid.methods.WindowShapes].
            strides: See [Strides][pellucid.methods.Strides].

        Raises:
            InvalidArgument: They do not fit the points, or leave gaps between the windows.
        """
        single = len(x) == 1
        all_shapes = windows if isinstance(windows, tuple) and not (single and _is_int_tuple(windows)) else (windows,)
        all_strides = strides if isinstance(strides, tuple) and not (single and _is_int_tuple(strides)) else (strides,)
        if strides is None:
            all_strides = (1,) * len(x)
        for name, entries in (("sliding_window_shapes", all_shapes), ("strides", all_strides)):
            if len(entries) != len(x):
                raise InvalidArgument(
                    f"{name} must have one entry for each input: expected {len(x)}, got {len(entries)}."
                )
        return cls(tuple(map(_window_coverage, x, all_shapes, all_strides)), x)

    @property
    def count(self) -> int:
        """The number of windows."""
        return sum(self._counts)

    @property
    def _counts(self) -> list[int]:
        """The number of windows over each tensor."""
        pairs = zip(self.covers, self.like, strict=True)
        return [math.prod(len(cover) for cover in covers) if like.numel() else 0 for covers, like in pairs]

    def masks_of(self, windows: Tensor, point_range: slice) -> Tensors:
        """The elements in each of these windows, int64 [k], as masks (k, 1, ...); none for a window below zero."""
        masks, start = [], 0
        for covers, like, count in zip(self.covers, self.like, self._counts, strict=True):
            over_tensor = (windows >= start) & (windows < start + count)
            index = (windows - start).clamp(0, count - 1)
            mask = over_tensor.view(-1, *[1] * (like.ndim - 1)).to(like.device)
            for dimension, cover in enumerate(covers):
                covered = cover[(index % len(cover)).to(cover.device)]
                mask = mask & covered.view(-1, *[1] * dimension, cover.shape[1], *[1] * (len(covers) - dimension - 1))
                index = index // len(cover)
            masks.append(mask.unsqueeze(1))
            start += count
        return tuple(masks)

    def spread(self, values: Tensor) -> Tensors:
        """Give each element the mean value of its windows: values [m, windows] become (m, ...) per tensor."""
        floating = values if values.is_floating_point() else values.float()
        return tuple(map(self._spread_to, self.covers, self.like, torch.split(floating, self._counts, dim=1)))

    def _spread_to(self, covers: tuple[Tensor, ...], like: Tensor, values: Tensor) -> Tensor:
        """The means for the elements of one tensor, (m, ...)."""
        if like.numel() == 0:
            return values.new_zeros(len(values) if len(like) else 0, *like.shape[1:], device=like.device)
        grid = values.to(like.device).reshape(len(values), *(len(cover) for cover in reversed(covers)))
        totals = grid.permute((0, *range(grid.ndim - 1, 0, -1)))
        unknown = totals.isnan()  # multiplied by zero they stay NaN, and would reach elements of other windows
        times_covered = torch.ones((), dtype=totals.dtype, device=totals.device)
        for cover in covers:
            times_covered = times_covered.unsqueeze(-1) * cover.sum(0)
        means = _sum_over_windows(totals.masked_fill(unknown, 0), covers) / times_covered
        if unknown.any():
            means = means.masked_fill(_sum_over_windows(unknown.to(totals.dtype), covers) > 0, math.nan)
        return means

    def changed_features(self, x: Tensors, reference: Tensors) -> Tensor:
        """The windows in which two sets of points differ, int64 [k] in order."""
        changed = []
        for covers, tensor, reference_tensor in zip(self.covers, x, reference, strict=True):
            differs = (tensor != reference_tensor).any(0).float() if tensor.numel() else tensor.new_zeros(0)
            for cover in covers:
                differs = _contract(differs, cover.T, 0)
            changed.append((differs > 0).permute(tuple(range(differs.ndim - 1, -1, -1))).flatten().cpu())
        return torch.cat(changed).nonzero().flatten()


def _contract(tensor: Tensor, cover: Tensor, dimension: int) -> Tensor:
    """Sum the product of a tensor and a matrix over a dimension and the rows; columns become the last dimension.

    Autocast is off, so that the dtype is kept.
    """
    with torch.autocast(tensor.device.type, enabled=False):
        contracted: Tensor = torch.tensordot(tensor, cover.to(tensor.dtype), ([dimension], [0]))
        return contracted


def _sum_over_windows(totals: Tensor, covers: tuple[Tensor, ...]) -> Tensor:
    """For each element, the sum of the values (m, *positions) of the windows that cover it, (m, ...)."""
    for cover in covers:  # each contracts the next dimension of positions, and appends one of elements
        totals = _contract(totals, cover, 1)
    return totals


def _is_int_tuple(value: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(value, tuple) and all(isinstance(size, int | np.integer) for size in value)


def _window_coverage(x: Tensor, window_shape: object, stride: object) -> tuple[Tensor, ...]:
    """For each dimension of an example, the indices that each position of the window covers; see `Windows`."""
    shape = tuple(x.shape[1:])
    if not _is_int_tuple(window_shape) or len(window_shape) != len(shape):
        raise InvalidArgument(
            f"sliding_window_shapes must have a size for each dimension of {shape}: got {summary(window_shape)}."
        )
    if x.numel() == 0:  # nothing to cover
        return ()
    if any(not 1 <= size <= length for size, length in zip(window_shape, shape, strict=True)):
        raise InvalidArgument(f"sliding_window_shapes must lie within the input's {shape}: got {window_shape}.")
    strides = _stride_per_dimension(stride, window_shape, shape)
    return tuple(map(functools.partial(_coverage, device=x.device), shape, window_shape, strides))


def _stride_per_dimension(stride: object, window_shape: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """A user's stride as one number for each dimension.

    Raises:
        InvalidArgument: It is not a number or one per dimension, is below 1, or leaves gaps between the windows.
    """
    strides = (stride,) if isinstance(stride, int | np.integer) else stride
    if isinstance(strides, tuple) and len(strides) == 1:
        strides *= len(shape)
    if not _is_int_tuple(strides) or len(strides) != len(shape):
        raise InvalidArgument(f"strides must be a number, or one for each dimension of {shape}: got {summary(stride)}.")
    for step, size, length in zip(strides, window_shape, shape, strict=True):
        if step < 1 or (step > size and size < length):
            raise InvalidArgument(
                f"strides must be at least 1, and no larger than the window, which would leave gaps: "
                f"got {strides} for windows of {window_shape}."
            )
    return strides


def _coverage(length: int, size: int, stride: int, device: torch.device) -> Tensor:
    """The indices of a dimension that each position of a window covers, bool [positions, length]."""
    starts = torch.arange(math.ceil((length - size) / stride) + 1, device=device)[:, None] * stride
    indices = torch.arange(length, device=device)
    return (indices >= starts) & (indices < starts + size)
