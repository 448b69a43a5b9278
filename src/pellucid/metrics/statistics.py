"""Correlations, ranks and their standard errors, of many examples at once."""

from __future__ import annotations

import torch
from torch import Tensor

MOST_HELD = 2**22
"""The most numbers that are held at once."""


def correlation(x: Tensor, y: Tensor) -> Tensor:
    """Pearson's correlation over the last dimension, (..., T) and (..., T) -> (...); NaN where one does not vary.

    What varies by no more than rounding does not.
    """
    a, b = _standardized(x), _standardized(y)
    return (a * b).mean(-1).clamp(-1, 1)


def correlation_stderr(x: Tensor, y: Tensor) -> Tensor:
    """The standard error of Pearson's correlation of samples in the last dimension, by leaving each out (jackknife)."""
    samples = x.shape[-1]
    a, b = _standardized(x), _standardized(y)
    # Without a sample, means move by its share: sums of squares and products lose its own, and what that makes up.
    left = samples / max(1, samples - 1)
    products = (a * b).sum(-1, keepdim=True) - left * a * b
    norms = [values.square().sum(-1, keepdim=True) - left * values.square() for values in (a, b)]
    size = (norms[0].clamp(min=0) * norms[1].clamp(min=0)).sqrt()
    return _jackknife(products / torch.where(size > 0, size, float("nan")))


def _jackknife(left_out: Tensor) -> Tensor:
    """The standard error of a statistic, of what it is without each of the samples in the last dimension."""
    samples = left_out.shape[-1]
    spread = (left_out - left_out.mean(-1, keepdim=True)).square().sum(-1)
    return (spread * (samples - 1) / samples).sqrt()


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
        return x.new_tensor(float("nan"), dtype=torch.float64)
    ranks = (mean_ranks(x), mean_ranks(y))
    blocks = torch.split(torch.arange(samples, device=x.device), max(1, MOST_HELD // samples))
    each = torch.cat([_without_each(block, (x, y), ranks) for block in blocks])
    return _jackknife(each)


def _without_each(left_out: Tensor, values: tuple[Tensor, Tensor], ranks: tuple[Tensor, Tensor]) -> Tensor:
    """Spearman's correlation of samples [T] without one of them, for each of some, int64 [k] -> [k]."""
    count, kept = (
        len(values[0]) - 1,
        torch.ones(len(left_out), len(values[0]), dtype=torch.float64, device=values[0].device),
    )
    kept[torch.arange(len(left_out), device=kept.device), left_out] = 0.0
    # Without a sample, ranks above its own are one lower, and equal ones half; the middle of all is then T / 2.
    a, b = (
        kept
        * (rank - (value > value[left_out, None]).double() - (value == value[left_out, None]) / 2 - (count + 1) / 2)
        for value, rank in zip(values, ranks, strict=True)
    )
    norms = a.square().sum(1) * b.square().sum(1)
    return (a * b).sum(1) / torch.where(norms > 0, norms, float("nan")).sqrt()


def mean_and_stderr(samples: Tensor) -> tuple[Tensor, Tensor | None]:
    """The mean over the last dimension, and its standard error; None of a single sample."""
    count = samples.shape[-1]
    if count < 2:
        return samples.mean(-1), None
    return samples.mean(-1), samples.std(-1) / count**0.5


def _standardized(x: Tensor) -> Tensor:
    """Values less their mean, in units of their standard deviation; NaN where that is zero, but for rounding."""
    x = x.double()
    largest = x.abs().amax(-1, keepdim=True)
    x = x / torch.where(largest > 0, largest, 1.0)  # squares of very large or small numbers are none
    centred = x - x.mean(-1, keepdim=True)
    deviation = centred.square().mean(-1, keepdim=True).sqrt()
    is_constant = deviation <= 1e-12
    return centred / torch.where(is_constant, float("nan"), deviation)
