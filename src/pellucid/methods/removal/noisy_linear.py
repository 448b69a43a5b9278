"""Removal by what the surroundings say: noisy linear imputation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.core.games.removal import Removal
from pellucid.core.tensors import at_least_float32
from pellucid.errors import InvalidArgument
from pellucid.methods.removal.space import Dimensions, space_back, space_last, spatial_dimensions

DIRECT, DIAGONAL = 1 / 6, 1 / 12
"""The weights of the neighbours of a pixel."""

MOST_ROUNDS = 2000
EXACT_ENOUGH = 1e-5


@final
@dataclass(frozen=True, eq=False)
class NoisyLinear(Removal):
    """Absent pixels of an image become the weighted means of their neighbours, and a little noise.

    x_p = (Σ_q w_q x_q) / (Σ_q w_q) over the eight neighbours q of p, for all absent p together; w = 1/6, and 1/12 of
    diagonal ones

    A mask of holes does not show in what is left of the image, as it does where these are grey.

    Rong, Leemann, Borisov, Kasneci, Kasneci, "A consistent and efficient evaluation strategy for attribution methods",
    2022, https://arxiv.org/abs/2202.00449.

    Args:
        noise: The standard deviation of the noise, which is the same for the same pixel.
        dimensions: Height and width; see [Dimensions][pellucid.methods.removal.space.Dimensions].
        seed: Seeds the noise.

    Raises:
        InvalidArgument: `noise` is negative; or, when called, there are not two dimensions of space.

    Examples:
        >>> import torch
        >>> from pellucid.methods import NoisyLinear
        >>> image = torch.arange(9.0).view(1, 1, 3, 3)
        >>> absent = torch.zeros(1, 1, 3, 3, dtype=torch.bool)
        >>> absent[..., 1, 1] = True
        >>> NoisyLinear(noise=0)(image.masked_fill(absent, 100), absent)
        tensor([[[[0., 1., 2.],
                  [3., 4., 5.],
                  [6., 7., 8.]]]])
    """

    noise: float = 0.01
    dimensions: Dimensions = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.noise < float("inf"):
            raise InvalidArgument(f"noise must be a finite number from zero on: got {self.noise}.")

    def __call__(self, x: Tensor, absent: Tensor) -> Tensor:
        """The inputs without absent elements; see [Removal][pellucid.core.games.removal.Removal]."""
        dimensions = spatial_dimensions(x, self.dimensions, self)
        if len(dimensions) != 2:
            raise InvalidArgument(
                f"dimensions of NoisyLinear must be height and width: got {len(dimensions)} for {list(x.shape)}. "
                "Hint: dimensions=(2, 3), or removal=Blur(...)."
            )
        images, holes = space_last(at_least_float32(x), dimensions), space_last(absent, dimensions)
        flat = images.reshape(-1, 1, *images.shape[-2:])
        filled = _filled(flat, holes.reshape(flat.shape)).view(images.shape)
        generator = torch.Generator(device="cpu").manual_seed(self.seed)
        noise = self.noise * torch.randn(images.shape[1:], generator=generator, device="cpu").to(images)
        return space_back(torch.where(holes, filled + noise, images), dimensions).to(x.dtype)


def _filled(images: Tensor, holes: Tensor) -> Tensor:
    """Images (n, 1, H, W) whose holes solve the equations of their neighbours, by conjugate gradients."""
    missing = holes.to(images.dtype)
    if images.shape[-2:] == (1, 1):
        return images  # without neighbours, that is all there is
    known = torch.where(holes, 0.0, images)
    weights = _neighbours(torch.ones_like(missing))

    def equations(values: Tensor) -> Tensor:
        """What the unknown pixels add to the equation of each."""
        return (weights * values - _neighbours(values)) * missing

    count = (1 - missing).sum((2, 3), keepdim=True)
    means = torch.where(
        count > 0, known.sum((2, 3), keepdim=True) / count.clamp(min=1), images.mean((2, 3), keepdim=True)
    )
    unknown = missing * means
    residual = _neighbours(known) * missing - equations(unknown)
    steps = residual / weights
    direction, size = steps, _dot(residual, steps)
    enough = size * EXACT_ENOUGH**2
    for _ in range(MOST_ROUNDS):
        if bool((size <= enough).all()):
            break
        moved = equations(direction)
        # What is exact enough stays, so that an image does not depend on those beside it.
        length = torch.where(size > enough, _ratio(size, _dot(direction, moved)), 0.0)
        unknown, residual = unknown + length * direction, residual - length * moved
        steps = residual / weights
        before, size = size, _dot(residual, steps)
        direction = steps + _ratio(size, before) * direction
    return known + unknown


def _neighbours(values: Tensor) -> Tensor:
    """The weighted sums of the neighbours of each pixel, (n, 1, H, W)."""
    row = [DIAGONAL, DIRECT, DIAGONAL]
    kernel = values.new_tensor([row, [DIRECT, 0.0, DIRECT], row])
    return functional.conv2d(values, kernel[None, None], padding=1)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((2, 3), keepdim=True)


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(b > 0, a / b.clamp(min=1e-30), 0.0)
