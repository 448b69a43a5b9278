"""Functions of torch that are one call but many steps, written as these steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def softmax(x: Tensor, dim: int | None = None, *_: Any, dtype: torch.dtype | None = None, **__: Any) -> Any:
    """The exponential of x - log(sum of exp(x))."""
    if dim is None:
        return NotImplemented
    return log_softmax(x, dim, dtype=dtype).exp()


def log_softmax(x: Tensor, dim: int | None = None, *_: Any, dtype: torch.dtype | None = None, **__: Any) -> Any:
    """The difference x - log(sum of exp(x))."""
    if dim is None:
        return NotImplemented
    x = x if dtype is None else x.to(dtype)
    return x - torch.logsumexp(x, dim, keepdim=True)


def layer_norm(
    x: Tensor,
    shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *_: Any,
) -> Tensor:
    """(x - mean) / sqrt(variance + eps), over the last dimensions."""
    return _scaled(_normalized(x, tuple(range(-len(shape), 0)), eps), weight, bias)


def rms_norm(x: Tensor, shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """X / sqrt(mean of squares + eps), over the last dimensions."""
    small = torch.finfo(x.dtype).eps if eps is None else eps
    squares = x.square().mean(tuple(range(-len(shape), 0)), keepdim=True)
    return _scaled(x * (squares + small).rsqrt(), weight, None)


def group_norm(
    x: Tensor, groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5, *_: Any
) -> Tensor:
    """(x - mean) / sqrt(variance + eps), over each group of channels."""
    grouped = x.reshape(len(x), groups, -1)
    return _by_channel(_normalized(grouped, (2,), eps).reshape(x.shape), weight, bias)


def instance_norm(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    *_: Any,
    eps: float = 1e-5,
    **__: Any,
) -> Any:
    """(x - mean) / sqrt(variance + eps), over the positions of each channel."""
    if not use_input_stats:
        return NotImplemented
    return _by_channel(_normalized(x, tuple(range(2, x.ndim)), eps), weight, bias)


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *_: Any,
) -> Any:
    """(x - mean) / sqrt(variance + eps), over the batch; linear, and left as it is, where these are known."""
    if not training:
        return NotImplemented
    return _by_channel(_normalized(x, (0, *range(2, x.ndim)), eps), weight, bias)


def _normalized(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    away = x - x.mean(dims, keepdim=True)
    return away * (away.square().mean(dims, keepdim=True) + eps).rsqrt()


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _by_channel(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    shape = (1, -1, *[1] * (x.ndim - 2))
    return _scaled(x, *(None if each is None else each.reshape(shape) for each in (weight, bias)))


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
        key, value = (each.repeat_interleave(query.shape[-3] // each.shape[-3], dim=-3) for each in (key, value))
    weights = (query * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)) @ key.transpose(-2, -1)
    if is_causal:
        seen = torch.ones(weights.shape[-2:], dtype=torch.bool, device=weights.device).tril()
        weights = weights.masked_fill(~seen, -math.inf)
    if attn_mask is not None:
        of_bool = attn_mask.dtype == torch.bool
        weights = weights.masked_fill(~attn_mask, -math.inf) if of_bool else weights + attn_mask
    chosen = torch.softmax(weights, -1)
    if attn_mask is not None or is_causal:  # who may look at nobody gets nothing
        chosen = chosen.masked_fill((weights == -math.inf).all(-1, keepdim=True), 0)
    return functional.dropout(chosen, dropout_p) @ value


def glu(x: Tensor, dim: int = -1) -> Tensor:
    """One half, times the sigmoid of the other."""
    first, second = x.chunk(2, dim)
    return first * second.sigmoid()


def variance(
    x: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The sum of squared distances from the mean, over their number less a correction."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    dims = tuple(range(x.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    count = math.prod(x.shape[each] for each in dims)
    less = (1 if unbiased else 0) if correction is None else correction
    return (x - x.mean(dims, keepdim=True)).square().sum(dims, keepdim=keepdim) / max(0, count - less)


def deviation(*args: Any, **keywords: Any) -> Tensor:
    """The square root of the variance."""
    return variance(*args, **keywords).sqrt()


def norm(x: Tensor, p: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, **keywords: Any) -> Any:
    """The p-norm, (sum of |x|^p)^(1/p)."""
    p = 2 if (p := keywords.pop("ord", p)) is None else p
    if keywords or not isinstance(p, int | float) or p <= 0:
        return NotImplemented
    dims = tuple(range(x.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    x = x if dtype is None else x.to(dtype)
    if p == math.inf:
        return x.abs().amax(dims, keepdim=keepdim)
    if p == 2:
        return x.square().sum(dims, keepdim=keepdim).sqrt()
    return x.abs().pow(p).sum(dims, keepdim=keepdim).pow(1 / p)


def matrix_or_vector_norm(x: Tensor, ord: Any = None, dim: Any = None, *args: Any, **keywords: Any) -> Any:
    """The norm of a vector; those of matrices are left as they are."""
    of_matrix = ord is not None and (x.ndim == 2 if dim is None else not isinstance(dim, int) and len(dim) == 2)
    return NotImplemented if of_matrix else norm(x, ord, dim, *args, **keywords)


def distance(x: Tensor, other: Tensor, p: float = 2) -> Any:
    """The norm of the difference."""
    return norm(x - other, p)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine, x1 . x2 / (|x1| |x2|)."""
    sizes = (each.square().sum(dim, keepdim=True).sqrt().clamp(min=eps) for each in (x1, x2))
    first, second = (each / size for each, size in zip((x1, x2), sizes, strict=True))
    return (first * second).sum(dim)


def addcdiv(x: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """The sum x + value * tensor1 / tensor2."""
    return x + tensor1 * value / tensor2


def lerp(start: Tensor, end: Tensor, weight: Tensor | float) -> Tensor:
    """The point start + weight * (end - start)."""
    return start + (end - start) * weight


def quotient(x: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """X * (1 / other), where that may depend on the inputs."""
    varies = isinstance(other, Tensor) and other.is_floating_point() and not isinstance(other, nn.Parameter)
    return x * other.reciprocal() if varies and rounding_mode is None else NotImplemented


def mse_loss(x: Tensor, target: Tensor, *_: Any, reduction: str = "mean", **__: Any) -> Any:
    """The squared difference."""
    return _reduced((x - target).square(), reduction)


def l1_loss(x: Tensor, target: Tensor, *_: Any, reduction: str = "mean", **__: Any) -> Any:
    """The absolute difference."""
    return _reduced((x - target).abs(), reduction)


def cross_entropy(
    x: Tensor, target: Tensor, *_: Any, reduction: str = "mean", label_smoothing: float = 0.0, **weights: Any
) -> Any:
    """The negative log-likelihood of the softmax."""
    if target.is_floating_point() or label_smoothing:
        return NotImplemented
    chosen = {name: weights[name] for name in ("weight", "ignore_index") if name in weights}
    return functional.nll_loss(log_softmax(x, 1 if x.ndim > 1 else 0), target, reduction=reduction, **chosen)


def binary_cross_entropy_with_logits(x: Tensor, target: Tensor, *_: Any, reduction: str = "mean", **more: Any) -> Any:
    """The difference softplus(x) - x * target."""
    if any(each is not None for each in more.values()):
        return NotImplemented
    return _reduced(functional.softplus(x) - x * target, reduction)


def _reduced(each: Tensor, reduction: str) -> Any:
    if reduction == "none":
        return each
    return each.mean() if reduction == "mean" else each.sum()
