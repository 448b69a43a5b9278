"""Removal by the mean colour: of what is absent, of patches, or of superpixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.games.features import Features
from pellucid.core.games.removal import Removal
from pellucid.core.tensors import at_least_float32
from pellucid.methods.removal.space import Dimensions, space_back, space_last, spatial_dimensions


@final
@dataclass(frozen=True, eq=False)
class Segments(Removal):
    """Absent elements become the mean of their segment, in each channel: its colour without its detail.

    With the segments of `feature_mask` this is what LIME does to superpixels.

    Ribeiro, Singh, Guestrin, "Why should I trust you?", KDD 2016, https://arxiv.org/abs/1602.04938.

    Args:
        segments: Integers that broadcast to the input, as a [FeatureMask][pellucid.methods.FeatureMask]; an int for
            square patches of this size; None for one segment of all that is absent, such as the window of occlusion.
        dimensions: Over which the mean is taken; see [Dimensions][pellucid.methods.removal.space.Dimensions].

    Raises:
        InvalidArgument: A size below one.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Segments
        >>> absent = torch.tensor([[True, True, False, False]])
        >>> Segments()(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), absent)
        tensor([[1.5000, 1.5000, 3.0000, 4.0000]])
    """

    segments: Tensor | int | None = None
    dimensions: Dimensions = None

    def __post_init__(self) -> None:
        if not isinstance(self.segments, Tensor | None):
            check_count("segments", self.segments)

    def __call__(self, x: Tensor, absent: Tensor) -> Tensor:
        """The inputs, with means where elements are absent; see [Removal][pellucid.core.games.removal.Removal]."""
        means = self.replacement(x)
        if means is None:
            dimensions = spatial_dimensions(x, self.dimensions, self)
            total = at_least_float32(x).masked_fill(~absent, 0).sum(dimensions, keepdim=True)
            means = (total / absent.sum(dimensions, keepdim=True).clamp(min=1)).to(x.dtype)
        return torch.where(absent, means, x)

    def replacement(self, x: Tensor) -> Tensor | None:
        """The mean of each element's segment, (n, ...); None where that is all that is absent."""
        if self.segments is None:
            return None
        dimensions = spatial_dimensions(x, self.dimensions, self)
        segments = _patches(x, self.segments, dimensions) if isinstance(self.segments, int) else self.segments
        (index,) = Features.of((x,), segments, "segments").masks
        numbers = space_last(index.expand_as(x), dimensions).flatten(-len(dimensions))
        values = space_last(x, dimensions)
        flat = at_least_float32(values.flatten(-len(dimensions)))
        count = int(numbers.max()) + 1 if numbers.numel() else 0
        sums = flat.new_zeros(*flat.shape[:-1], count)
        totals = sums.scatter_add(-1, numbers, flat) / sums.scatter_add(-1, numbers, torch.ones_like(flat)).clamp(min=1)
        return space_back(totals.gather(-1, numbers).view(values.shape), dimensions).to(x.dtype)


def _patches(x: Tensor, size: int, dimensions: tuple[int, ...]) -> Tensor:
    """The patch of each element, int64 (1, ...), of squares of a size in the dimensions of space."""
    patch = torch.zeros([1] * x.ndim, dtype=torch.int64, device=x.device)
    for dimension in dimensions:
        rows = torch.arange(x.shape[dimension], device=x.device) // size
        shape = [1] * dimension + [-1] + [1] * (x.ndim - dimension - 1)
        patch = patch * (int(rows[-1]) + 1) + rows.view(shape)
    return patch
