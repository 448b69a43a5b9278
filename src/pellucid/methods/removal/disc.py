"""Removal with round corners."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.core.games.removal import Removal
from pellucid.errors import InvalidArgument
from pellucid.methods.removal.space import (
    Content,
    Dimensions,
    mixed,
    space_back,
    space_last,
    spatial_dimensions,
    without_repeats,
)

CONVOLVE = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


@final
@dataclass(frozen=True, eq=False)
class Disc(Removal):
    """What is absent is removed as far as discs within it reach: corners are round, and a square window is a disc.

    The discs are balls in three dimensions. Nothing else is touched, so that features keep to themselves.

    Args:
        radius: From the middle of a disc to its farthest elements; a window of 2 radius + 1 holds just one.
        fill: What takes the place of removed elements; see [Content][pellucid.methods.removal.space.Content].
        dimensions: See [Dimensions][pellucid.methods.removal.space.Dimensions]; three at most.

    Raises:
        InvalidArgument: `radius` is not above zero; or, when called, what is absent holds no disc.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Disc
        >>> Disc(radius=1)(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3, dtype=torch.bool))
        tensor([[[[0., 0., 0.],
                  [0., 0., 0.],
                  [0., 0., 0.]]]])
        >>> absent = torch.zeros(1, 1, 5, 5, dtype=torch.bool)
        >>> absent[..., 1:4, 1:4] = True
        >>> Disc(radius=1)(torch.ones(1, 1, 5, 5), absent)[0, 0]
        tensor([[1., 1., 1., 1., 1.],
                [1., 1., 0., 1., 1.],
                [1., 0., 0., 0., 1.],
                [1., 1., 0., 1., 1.],
                [1., 1., 1., 1., 1.]])
    """

    radius: float
    fill: Content = 0.0
    dimensions: Dimensions = None

    def __post_init__(self) -> None:
        if not self.radius > 0 or math.isinf(self.radius):
            raise InvalidArgument(f"radius must be a finite number above zero: got {self.radius}.")

    def __call__(self, x: Tensor, absent: Tensor) -> Tensor:
        """The inputs without absent elements; see [Removal][pellucid.core.games.removal.Removal]."""
        dimensions = spatial_dimensions(x, self.dimensions, self, three_at_most=True)
        masks = space_last(without_repeats(absent, dimensions), dimensions)
        removed = self._opened(masks.reshape(-1, 1, *masks.shape[-len(dimensions) :])).view(masks.shape)
        is_lost = masks.flatten(1).any(1) & ~removed.flatten(1).any(1)
        if is_lost.any():
            raise InvalidArgument(
                f"radius of Disc must fit into what is absent: one of {self.radius} fits nowhere, and nothing would be "
                "removed. Hint: a smaller radius, or larger windows or features."
            )
        return mixed(x, self.fill, space_back(removed, dimensions))

    def _opened(self, masks: Tensor) -> Tensor:
        """The union of all discs within masks, bool (k, 1, *space); beyond the edges all is absent."""
        space = masks.ndim - 2
        reach = int(self.radius)
        offsets = torch.arange(-reach, reach + 1, dtype=torch.float32, device=masks.device)
        distances = sum(grid**2 for grid in torch.meshgrid(*[offsets] * space, indexing="ij"))
        disc = (torch.as_tensor(distances) <= self.radius**2).float()[None, None]
        convolve = CONVOLVE[space]
        middles = convolve((~masks).float(), disc, padding=reach) < 0.5
        return convolve(middles.float(), disc, padding=reach) > 0.5
