"""Features of images, series and volumes: their pixels, and squares of these, across all channels."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.games.features import FeatureMask
from pellucid.core.tensors import Tensors, as_tensor_tuple, unwrap_single


def pixels(inputs: Tensor | Tensors) -> FeatureMask:
    """A feature mask in which each pixel is one feature, with all its channels.

    Args:
        inputs: Images (B, C, H, W), series (B, C, T), volumes; a tuple of these. Of other inputs, (B, F), each element
            is a feature.

    Returns:
        int64 (1, 1, H, W), or a tuple of these.

    Examples:
        >>> import torch
        >>> from pellucid.metrics import pixels
        >>> pixels(torch.rand(8, 3, 2, 2))
        tensor([[[[0, 1],
                  [2, 3]]]])
    """
    return patches(inputs, 1)


def patches(inputs: Tensor | Tensors, size: int) -> FeatureMask:
    """A feature mask in which squares of pixels are features, with all their channels; those at the ends are smaller.

    Args:
        inputs: Images (B, C, H, W), series (B, C, T), volumes; a tuple of these. Of other inputs, (B, F), each element
            is a feature.
        size: The side of a square, in pixels.

    Returns:
        int64 (1, 1, H, W), or a tuple of these.

    Examples:
        >>> import torch
        >>> from pellucid.metrics import patches
        >>> patches(torch.rand(8, 3, 2, 4), 2)
        tensor([[[[0, 0, 1, 1],
                  [0, 0, 1, 1]]]])
    """
    check_count("size", size)
    masks, start = [], 0
    for x in as_tensor_tuple(inputs, "inputs"):
        mask = _squares(x, size if x.ndim > 2 else 1)
        masks.append(mask + start)
        start += int(mask.max()) + 1 if mask.numel() else 0
    return unwrap_single(tuple(masks))


def _squares(x: Tensor, size: int) -> Tensor:
    """The square of each element, int64 (1, 1, *space), or (1, features)."""
    first = 2 if x.ndim > 2 else 1
    mask = torch.zeros([1] * x.ndim, dtype=torch.int64, device=x.device)
    for dimension in range(first, x.ndim):
        places = torch.arange(x.shape[dimension], device=x.device) // size
        along = [1] * dimension + [-1] + [1] * (x.ndim - dimension - 1)
        mask = mask * (int(places[-1]) + 1 if len(places) else 1) + places.view(along)
    return mask
