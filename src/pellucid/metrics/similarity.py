"""How alike the attributions of two explanations are, example by example."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.core.summaries import summary
from pellucid.core.tensors import Tensors, flatten_examples
from pellucid.errors import InvalidArgument
from pellucid.metrics.statistics import rank_correlation

Similarity: TypeAlias = Literal["rank correlation", "rank correlation of sizes", "ssim"]
"""How two explanations are compared.

* `"rank correlation"`: Spearman's, of all attributions of an example.
* `"rank correlation of sizes"`: the same of their absolute values.
* `"ssim"`: the structural similarity of images (B, C, H, W), each scaled to [0, 1].
"""

WINDOW, SPREAD = 11, 1.5
"""The window of the structural similarity, and the standard deviation of its Gaussian weights."""


def similarity(kind: Similarity, a: Tensors, b: Tensors) -> Tensor:
    """How alike two explanations are, float64 [n]; NaN where one does not vary.

    Args:
        kind: See [Similarity][pellucid.metrics.similarity.Similarity].
        a: Attributions, (n, ...) each.
        b: Others of the same shapes.

    Raises:
        InvalidArgument: There is no such similarity, or these are no images.
    """
    if kind not in get_args(Similarity):
        raise InvalidArgument(f"similarity must be one of {', '.join(get_args(Similarity))}: got {summary(kind)}.")
    if kind == "ssim":
        return _structural(a, b)
    flat = [torch.cat([flatten_examples(tensor).cpu().double() for tensor in tensors], dim=1) for tensors in (a, b)]
    if kind == "rank correlation of sizes":
        flat = [values.abs() for values in flat]
    return rank_correlation(flat[0], flat[1])


def _structural(a: Tensors, b: Tensors) -> Tensor:
    """The mean structural similarity (Wang, Bovik, Sheikh, Simoncelli, 2004) of images, [n]."""
    if len(a) > 1 or a[0].ndim != 4 or min(a[0].shape[2:]) < WINDOW:
        raise InvalidArgument(
            f'similarity "ssim" must be of images of at least {WINDOW} x {WINDOW} pixels: got '
            f'{summary(a[0])}. Hint: similarity="rank correlation".'
        )
    x, y = (_to_unit(tensor[0].cpu().double()) for tensor in (a, b))
    offsets = torch.arange(WINDOW, dtype=torch.float64, device="cpu") - WINDOW // 2
    weights = torch.exp(-offsets.square() / (2 * SPREAD**2))
    kernel = torch.outer(weights, weights) / weights.sum() ** 2

    def mean(values: Tensor) -> Tensor:
        flat = values.flatten(0, 1)[:, None]
        return functional.conv2d(flat, kernel[None, None]).view(*values.shape[:2], -1)

    means, squares = (mean(x), mean(y)), (mean(x * x), mean(y * y))
    variances = [square - value**2 for square, value in zip(squares, means, strict=True)]
    covariance = mean(x * y) - means[0] * means[1]
    c1, c2 = 0.01**2, 0.03**2
    values = ((2 * means[0] * means[1] + c1) * (2 * covariance + c2)) / (
        (means[0] ** 2 + means[1] ** 2 + c1) * (variances[0] + variances[1] + c2)
    )
    return values.flatten(1).mean(1)


def _to_unit(images: Tensor) -> Tensor:
    """Images scaled to [0, 1], each for itself; NaN where all pixels are the same."""
    low, high = (bound(images.flatten(1), dim=1).view(-1, 1, 1, 1) for bound in (torch.amin, torch.amax))
    return (images - low) / torch.where(high > low, high - low, float("nan"))
