"""Normalisations, written as calls that have rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """(x - mean) / sqrt(variance + eps), over the last dimensions."""
    return _scaled(_normalized(input, tuple(range(-len(normalized_shape), 0)), eps), weight, bias)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """The quotient x / sqrt(mean of squares + eps), over the last dimensions."""
    eps = torch.finfo(input.dtype).eps if eps is None else eps
    mean_square = input.square().mean(tuple(range(-len(normalized_shape), 0)), keepdim=True)
    return _scaled(input / (mean_square + eps).sqrt(), weight, None).to(input.dtype)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """(x - mean) / sqrt(variance + eps), over each group of channels."""
    grouped = input.reshape(len(input), num_groups, -1)
    return _by_channel(_normalized(grouped, (2,), eps).reshape(input.shape), weight, bias)


def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Any:
    """(x - mean) / sqrt(variance + eps), over the positions of each channel; NotImplemented with running statistics."""
    if not use_input_stats or running_mean is not None:  # linear; or running statistics have to be updated
        return NotImplemented
    return _by_channel(_normalized(input, tuple(range(2, input.ndim)), eps), weight, bias)


def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Any:
    """(x - mean) / sqrt(variance + eps), over the batch; NotImplemented in evaluation, where it is linear."""
    if not training:
        return NotImplemented
    dims = (0, *range(2, input.ndim))
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            running_mean.lerp_(input.mean(dims).to(running_mean.dtype), momentum)
            running_var.lerp_(torch.var(input, dims).to(running_var.dtype), momentum)
    return _by_channel(_normalized(input, dims, eps), weight, bias)


def _normalized(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    centered = x - x.mean(dims, keepdim=True)
    return centered / (centered.square().mean(dims, keepdim=True) + eps).sqrt()


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _by_channel(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    shape = (1, -1, *[1] * (x.ndim - 2))
    return _scaled(x, *(None if vector is None else vector.reshape(shape) for vector in (weight, bias)))
