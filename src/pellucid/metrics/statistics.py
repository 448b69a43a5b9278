"""Correlations, ranks and their standard errors, of many examples at once."""

from __future__ import annotations

import torch
from torch import Tensor


def correlation(x: Tensor, y: Tensor) -> Tensor:
    """Pearson's correlation over the last dimension, (..., T) and (..., T) -> (...); NaN where one does not vary.

    What varies by no more than rounding does not.
    """
    a, b = _standardized(x), _standardized(y)
    return (a * b).mean(-1).clamp(-1, 1)


def correlation_stderr(x: Tensor, y: Tensor) -> Tensor:
    """The standard error of Pearson's correlation, over samples in the last dimension, of any distribution.

    It is that of the mean of the influence of each sample, z_x z_y - r (z_x² + z_y²) / 2.
    """
    a, b = _standardized(x), _standardized(y)
    r = (a * b).mean(-1, keepdim=True)
    influence = a * b - r / 2 * (a.square() + b.square())
    samples = x.shape[-1]
    return (influence.square().sum(-1) / max(1, samples - 2) / samples).sqrt()


def mean_ranks(x: Tensor) -> Tensor:
    """The rank of each value in the last dimension, from 1 on; equal values have the mean of their ranks."""
    shape, flat = x.shape, x.reshape(-1, x.shape[-1]).contiguous()
    ordered = flat.sort(dim=1).values
    below = torch.searchsorted(ordered, flat, right=False)
    up_to = torch.searchsorted(ordered, flat, right=True)
    return ((below + up_to + 1).double() / 2).view(shape)


def rank_correlation(x: Tensor, y: Tensor) -> Tensor:
    """Spearman's correlation over the last dimension; NaN where one does not vary."""
    return correlation(mean_ranks(x), mean_ranks(y))


def rank_correlation_stderr(x: Tensor, y: Tensor) -> Tensor:
    """The standard error of Spearman's correlation of samples [n, T], by leaving out each of them (the jackknife)."""
    return torch.stack([_jackknife_of_ranks(*pair) for pair in zip(x, y, strict=True)])


def _jackknife_of_ranks(x: Tensor, y: Tensor) -> Tensor:
    """The same for the samples [T] of one example."""
    samples = len(x)
    if samples < 3:
        return x.new_tensor(float("nan"))
    left = [
        # Without sample t, ranks above its own are one lower, and equal ones half.
        mean_ranks(values) - (values > values[:, None]).double() - (values == values[:, None]).double() / 2
        for values in (x, y)
    ]
    others = ~torch.eye(samples, dtype=torch.bool, device=x.device)
    a, b = (ranks[others].view(samples, samples - 1) for ranks in left)
    each = correlation(a, b)
    return ((each - each.mean()).square().sum() * (samples - 1) / samples).sqrt()


def mean_and_stderr(samples: Tensor) -> tuple[Tensor, Tensor | None]:
    """The mean over the last dimension, and its standard error; None of a single sample."""
    count = samples.shape[-1]
    if count < 2:
        return samples.mean(-1), None
    return samples.mean(-1), samples.std(-1) / count**0.5


def _standardized(x: Tensor) -> Tensor:
    """Values less their mean, in units of their standard deviation; NaN where that is zero, but for rounding."""
    x = x.double()
    centred = x - x.mean(-1, keepdim=True)
    deviation = centred.square().mean(-1, keepdim=True).sqrt()
    is_constant = deviation <= 1e-12 * x.abs().amax(-1, keepdim=True)
    return centred / torch.where(is_constant, float("nan"), deviation)
