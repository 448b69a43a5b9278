"""Losses in steps that have rules."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def mse_loss(self: Tensor, target: Tensor, reduction: int = 1) -> Tensor:
    """The squared difference."""
    return _reduced((self - target).square(), reduction)


def huber_loss(self: Tensor, target: Tensor, reduction: int = 1, delta: float = 1.0) -> Tensor:
    """The squared difference, half of it, which goes on as the absolute one from a distance of delta."""
    away = (self - target).abs()
    near = away.clamp(max=delta)
    return _reduced(near.square() / 2 + delta * (away - near), reduction)


def smooth_l1_loss(self: Tensor, target: Tensor, reduction: int = 1, beta: float = 1.0) -> Tensor:
    """The same over the distance."""
    return l1_loss(self, target, reduction) if beta == 0 else huber_loss(self, target, reduction, beta) / beta


def l1_loss(self: Tensor, target: Tensor, reduction: int = 1) -> Tensor:
    """The absolute difference."""
    return _reduced((self - target).abs(), reduction)


def cross_entropy_loss(
    self: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: int = 1,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Any:
    """The negative log-likelihood of the softmax."""
    if target.is_floating_point() or label_smoothing:
        return NotImplemented
    chosen = ("none", "mean", "sum")[reduction]
    likelihoods = torch.log_softmax(self, 1 if self.ndim > 1 else 0)
    return functional.nll_loss(likelihoods, target, weight, ignore_index=ignore_index, reduction=chosen)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: int = 1,
) -> Tensor:
    """The difference softplus(input) - input * target, where the positive count as they do."""
    if pos_weight is None:
        loss = functional.softplus(input) - input * target
    else:
        loss = (1 - target) * input + (1 + (pos_weight - 1) * target) * functional.softplus(-input)
    return _reduced(loss if weight is None else loss * weight, reduction)


def _reduced(each: Tensor, reduction: int) -> Tensor:
    return each if reduction == 0 else each.mean() if reduction == 1 else each.sum()
