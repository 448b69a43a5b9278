"""The space of an input, pixels or steps, and what takes the place of removed elements there."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor

from pellucid.core.games.removal import Removal
from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument

Dimensions: TypeAlias = "tuple[int, ...] | None"
"""The dimensions of an input (B, ...) that are space or time.

* `None`: all from the third on, as those of images (B, C, H, W) and series (B, C, T); the last one of (B, T).
* a tuple: these, such as (1, 2) for images (B, H, W, C), and (1,) for embedded tokens (B, T, D).
"""

Content: TypeAlias = "Removal | Tensor | float"
"""What takes the place of removed elements: a number or a tensor (1, ...) that broadcasts to the input, the same for
all examples, or what another removal makes of the whole input, such as `Blur(5)`."""


def spatial_dimensions(
    x: Tensor, dimensions: Dimensions, removal: object, *, three_at_most: bool = False
) -> tuple[int, ...]:
    """The dimensions of space of an input (n, ...), counted from the front.

    Raises:
        InvalidArgument: The input holds no floats, has no such dimensions, or more than torch's convolutions take.
    """
    name = type(removal).__name__
    if not x.is_floating_point():
        raise InvalidArgument(
            f"inputs must be floats for {name}: got {str(x.dtype).removeprefix('torch.')} {list(x.shape)}. "
            "Hint: baselines=..., or a function of one's own as removal."
        )
    if dimensions is None:
        spatial = tuple(range(2, x.ndim)) or tuple(range(1, x.ndim))
    else:
        several = dimensions if isinstance(dimensions, tuple | list) else ()
        spatial = tuple(dimension + x.ndim if dimension < 0 else dimension for dimension in several)
    outside = any(dimension not in range(1, x.ndim) for dimension in spatial)
    if not spatial or outside or len(set(spatial)) < len(spatial):
        raise InvalidArgument(
            f"dimensions of {name} must be a tuple of those of an input but the first, each once: "
            f"expected 1 to {x.ndim - 1}, got {summary(dimensions)} for {list(x.shape)}."
        )
    if three_at_most and len(spatial) > 3:
        raise InvalidArgument(f"dimensions of {name} must be three at most: got {len(spatial)}.")
    return spatial


def space_last(x: Tensor, dimensions: tuple[int, ...]) -> Tensor:
    """An input (n, ...) as a view (n, *kept, *space)."""
    kept = [dimension for dimension in range(x.ndim) if dimension not in dimensions]
    return x.permute(*kept, *dimensions)


def space_back(x: Tensor, dimensions: tuple[int, ...]) -> Tensor:
    """The inverse of `space_last`."""
    kept = [dimension for dimension in range(x.ndim) if dimension not in dimensions]
    return x.permute(*torch.tensor([*kept, *dimensions], device="cpu").argsort().tolist())


def without_repeats(masks: Tensor, dimensions: tuple[int, ...]) -> Tensor:
    """Masks (n, ...) of which those that are the same for all channels have one, so that it is looked at once."""
    for dimension in range(1, masks.ndim):
        first = masks.narrow(dimension, 0, 1)
        if dimension not in dimensions and masks.shape[dimension] > 1 and bool((masks == first).all()):
            masks = first
    return masks


def fill_like(fill: Content, x: Tensor) -> Tensor:
    """What takes the place of removed elements of an input (n, ...), broadcast to it."""
    if isinstance(fill, Removal):
        return fill(x, torch.ones_like(x, dtype=torch.bool))
    value: Tensor = torch.as_tensor(fill, dtype=x.dtype, device=x.device)
    of_all = (1, *x.shape[1:])  # as rows come in blocks of all sizes
    if value.ndim > x.ndim or any(
        size not in (1, length) for size, length in zip(reversed(value.shape), reversed(of_all), strict=False)
    ):
        raise InvalidArgument(
            f"fill must be the same for all examples and broadcast to inputs: expected {list(of_all)}, "
            f"got {list(value.shape)}. Hint: baselines=... may be one for each."
        )
    return value.expand_as(x)


def mixed(x: Tensor, fill: Content, removed: Tensor) -> Tensor:
    """An input (n, ...), replaced by other content to degrees `removed` in [0, 1], which broadcast to it."""
    degree, content = removed.to(x.dtype).expand_as(x), fill_like(fill, x)
    between = torch.where(degree > 0, torch.lerp(x, content, degree), x)
    return torch.where(degree < 1, between, content)  # of what is not finite too, nothing is left
