"""Removals by a Gaussian: of the content, which is blurred, or of the mask, whose edges become soft."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.core.games.removal import Removal
from pellucid.core.tensors import at_least_float32
from pellucid.errors import InvalidArgument
from pellucid.methods.removal.space import Content, Dimensions, mixed, spatial_dimensions, without_repeats

CUTOFF = 4.0
"""After how many standard deviations a Gaussian ends."""


@final
@dataclass(frozen=True, eq=False)
class Blur(Removal):
    """Absent elements become those of the blurred input, which has their colours but not their detail.

    Fong, Vedaldi, "Interpretable explanations of black boxes by meaningful perturbation", 2017,
    https://arxiv.org/abs/1704.03296.

    Args:
        sigma: The standard deviation of the Gaussian, in elements; above zero.
        dimensions: See [Dimensions][pellucid.methods.removal.space.Dimensions].

    Raises:
        InvalidArgument: `sigma` is not above zero.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Blur, FeatureAblation, Problem
        >>> series = torch.tensor([[[0.0, 0.0, 3.0, 0.0, 0.0]]])
        >>> problem = Problem(lambda x: x.amax((1, 2)), series)
        >>> FeatureAblation()(problem, removal=Blur(sigma=1.0)).values[0].round(decimals=4)
        tensor([[[0.0000, 0.0000, 1.7921, 0.0000, 0.0000]]])
    """

    sigma: float
    dimensions: Dimensions = None

    def __post_init__(self) -> None:
        _check_sigma(self.sigma)

    def __call__(self, x: Tensor, absent: Tensor) -> Tensor:
        """The inputs, blurred where elements are absent; see [Removal][pellucid.core.games.removal.Removal]."""
        return torch.where(absent, self.replacement(x), x)

    def replacement(self, x: Tensor) -> Tensor:
        """The blurred input, (n, ...)."""
        return smoothed(x, self.sigma, spatial_dimensions(x, self.dimensions, self))


@final
@dataclass(frozen=True, eq=False)
class Gaussian(Removal):
    """What is absent has edges as soft as a Gaussian, and so makes no contours of its own.

    x' = x (1 - g) + fill g, where g is the mask of absent elements, blurred

    Args:
        sigma: The standard deviation of the Gaussian, in elements; above zero.
        fill: What takes the place of removed elements; see [Content][pellucid.methods.removal.space.Content].
        dimensions: See [Dimensions][pellucid.methods.removal.space.Dimensions].

    Raises:
        InvalidArgument: `sigma` is not above zero.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Gaussian
        >>> absent = torch.tensor([[False, False, True, False, False]])
        >>> Gaussian(sigma=1.0)(torch.ones(1, 5), absent).round(decimals=4)
        tensor([[0.9228, 0.7429, 0.5974, 0.7429, 0.9228]])
    """

    sigma: float
    fill: Content = 0.0
    dimensions: Dimensions = None

    def __post_init__(self) -> None:
        _check_sigma(self.sigma)

    def __call__(self, x: Tensor, absent: Tensor) -> Tensor:
        """The inputs without absent elements; see [Removal][pellucid.core.games.removal.Removal]."""
        dimensions = spatial_dimensions(x, self.dimensions, self)
        return mixed(x, self.fill, smoothed(without_repeats(absent, dimensions).to(x.dtype), self.sigma, dimensions))


def smoothed(x: Tensor, sigma: float, dimensions: tuple[int, ...]) -> Tensor:
    """The means of floats (n, ...), weighted by a Gaussian along some dimensions and within the edges."""
    result = at_least_float32(x)
    for dimension in dimensions:
        length = x.shape[dimension]
        radius = min(math.ceil(CUTOFF * sigma), length - 1)
        offsets = torch.arange(-radius, radius + 1, dtype=result.dtype, device=x.device)
        kernel = torch.exp(-((offsets / sigma) ** 2) / 2)[None, None]
        weights = functional.conv1d(result.new_ones(1, 1, length), kernel, padding=radius)
        lines = result.movedim(dimension, -1)
        means = functional.conv1d(lines.reshape(-1, 1, length), kernel, padding=radius) / weights
        result = means.view(lines.shape).movedim(-1, dimension)
    return result.to(x.dtype)


def _check_sigma(sigma: float) -> None:
    if not sigma > 0 or math.isinf(sigma):
        raise InvalidArgument(f"sigma must be a finite number above zero: got {sigma}.")
