"""Softmax and attention, written as calls that have rules."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def softmax(input: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
    """The exponential of input - log(sum of exp(input))."""
    return log_softmax(input, dim, dtype).exp()


def log_softmax(input: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
    """The difference input - log(sum of exp(input))."""
    x = input if dtype is None else input.to(dtype)
    return x - torch.logsumexp(x, dim, keepdim=True)


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Scaled dot-product attention: softmax(q k^T * scale + mask) v."""
    if enable_gqa:
        key, value = (heads.repeat_interleave(query.shape[-3] // heads.shape[-3], dim=-3) for heads in (key, value))
    weights = (query * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)) @ key.transpose(-2, -1)
    if is_causal:
        causal_mask = torch.ones(weights.shape[-2:], dtype=torch.bool, device=weights.device).tril()
        weights = weights.masked_fill(~causal_mask, -math.inf)
    if attn_mask is not None:
        is_bool = attn_mask.dtype == torch.bool
        weights = weights.masked_fill(~attn_mask, -math.inf) if is_bool else weights + attn_mask
    is_masked_row = (weights == -math.inf).all(-1, keepdim=True)  # attends to nothing: zeros, not NaN
    weights = torch.softmax(weights.masked_fill(is_masked_row, 0), -1).masked_fill(is_masked_row, 0)
    return functional.dropout(weights, dropout_p) @ value
