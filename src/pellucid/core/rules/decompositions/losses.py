"""Losses, written as calls that have rules."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def mse_loss(self: Tensor, target: Tensor, reduction: int = 1) -> Tensor:
    """The squared error, or its mean or sum."""
    return _reduced((self - target).square(), reduction)


def huber_loss(self: Tensor, target: Tensor, reduction: int = 1, delta: float = 1.0) -> Tensor:
    """Half the squared error; from an absolute error of delta on it grows linearly."""
    distance = (self - target).abs()
    squared_part = distance.clamp(max=delta)
    return _reduced(squared_part.square() / 2 + delta * (distance - squared_part), reduction)


def smooth_l1_loss(self: Tensor, target: Tensor, reduction: int = 1, beta: float = 1.0) -> Tensor:
    """The Huber loss with delta = beta, over beta; the absolute error for beta = 0."""
    return l1_loss(self, target, reduction) if beta == 0 else huber_loss(self, target, reduction, beta) / beta


def l1_loss(self: Tensor, target: Tensor, reduction: int = 1) -> Tensor:
    """The absolute error, or its mean or sum."""
    return _reduced((self - target).abs(), reduction)


def cross_entropy_loss(
    self: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: int = 1,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Any:
    """The negative log-likelihood of the softmax; NotImplemented for probabilities as targets."""
    if target.is_floating_point() or label_smoothing:
        return NotImplemented
    log_probabilities = torch.log_softmax(self, 1 if self.ndim > 1 else 0)
    name = ("none", "mean", "sum")[reduction]
    return functional.nll_loss(log_probabilities, target, weight, ignore_index=ignore_index, reduction=name)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: int = 1,
) -> Tensor:
    """The loss softplus(input) - input * target; `pos_weight` weighs its positive examples."""
    if pos_weight is None:
        loss = functional.softplus(input) - input * target
    else:
        loss = (1 - target) * input + (1 + (pos_weight - 1) * target) * functional.softplus(-input)
    return _reduced(loss if weight is None else loss * weight, reduction)


def _reduced(losses: Tensor, reduction: int) -> Tensor:
    return losses if reduction == 0 else losses.mean() if reduction == 1 else losses.sum()
