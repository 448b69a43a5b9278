"""Removal by the random smooth masks of RISE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.core.counts import check_count
from pellucid.core.games.removal import Removal
from pellucid.methods.removal.space import (
    Content,
    Dimensions,
    mixed,
    space_back,
    space_last,
    spatial_dimensions,
    without_repeats,
)

POOL: dict[int, Callable[..., Tensor]] = {
    1: functional.adaptive_avg_pool1d,
    2: functional.adaptive_avg_pool2d,
    3: functional.adaptive_avg_pool3d,
}
MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


@final
@dataclass(frozen=True, eq=False)
class Rise(Removal):
    """What is absent is removed by the smooth masks of RISE: on a coarse grid, enlarged and shifted at random.

    The mask of absent elements is reduced to its means over the cells of a grid, enlarged again by linear interpolation
    to one more cell than the input has, and cropped to it at a random offset below a cell. Each mask has an offset of
    its own, which follows from the mask and the seed: equal masks have equal offsets.

    Petsiuk, Das, Saenko, "RISE: Randomized input sampling for explanation of black-box models", 2018,
    https://arxiv.org/abs/1806.07421.

    Args:
        cells: The cells of the grid in each dimension.
        fill: What takes the place of removed elements; see [Content][pellucid.methods.removal.space.Content].
        seed: Seeds the offsets.
        dimensions: See [Dimensions][pellucid.methods.removal.space.Dimensions]; three at most.

    Raises:
        InvalidArgument: `cells` is below one.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Lime, Problem, Rise
        >>> image = torch.ones(1, 1, 8, 8)
        >>> cells = (torch.arange(8) // 2)[:, None] * 4 + torch.arange(8) // 2
        >>> problem = Problem(lambda x: x[:, 0, :4].sum((1, 2)), image)
        >>> found = Lime(n_samples=400, seed=0)(problem, feature_mask=cells, removal=Rise(cells=4)).values[0]
        >>> bool(found[..., :4, :].mean() > found[..., 4:, :].mean())
        True
    """

    cells: int = 7
    fill: Content = 0.0
    seed: int = 0
    dimensions: Dimensions = None

    def __post_init__(self) -> None:
        check_count("cells", self.cells)

    def __call__(self, x: Tensor, absent: Tensor) -> Tensor:
        """The inputs without absent elements; see [Removal][pellucid.core.games.removal.Removal]."""
        dimensions = spatial_dimensions(x, self.dimensions, self, three_at_most=True)
        masks = space_last(without_repeats(absent, dimensions), dimensions)
        space = masks.shape[-len(dimensions) :]
        removed = self._enlarged(masks.reshape(len(masks), -1, *space).float())
        return mixed(x, self.fill, space_back(removed.reshape(masks.shape), dimensions))

    def _enlarged(self, masks: Tensor) -> Tensor:
        """Masks (n, c, *space) as smooth ones of the same shape."""
        space = masks.shape[2:]
        grid = [min(self.cells, length) for length in space]
        cell = [-(-length // cells) for length, cells in zip(space, grid, strict=True)]
        coarse = POOL[len(space)](masks, grid)
        size = [length + extra for length, extra in zip(space, cell, strict=True)]
        enlarged = functional.interpolate(coarse, size=size, mode=MODES[len(space)], align_corners=False)
        for dimension, (length, extra, share) in enumerate(
            zip(space, cell, self._offsets(coarse), strict=True), start=2
        ):
            start = (share * extra).long()
            index = start[:, None] + torch.arange(length, device=masks.device)
            shape = [len(masks), *[1] * (dimension - 1), length, *[1] * (masks.ndim - dimension - 1)]
            enlarged = torch.take_along_dim(enlarged, index.view(shape), dim=dimension)
        return enlarged.clamp(0, 1)

    def _offsets(self, coarse: Tensor) -> Tensor:
        """Offsets [space, n] in [0, 1), by a hash of each mask (n, c, *cells)."""
        generator = torch.Generator("cpu").manual_seed(self.seed)
        numbers = coarse.flatten(1).double()
        weights = torch.rand(numbers.shape[1], coarse.ndim - 2, generator=generator, dtype=torch.float64, device="cpu")
        return (numbers @ (1e3 * weights).to(numbers)).frac().T
