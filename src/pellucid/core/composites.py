"""Functions of torch that are one call but many steps, written as these steps.

They take what torch's functions in C++ take; those in Python lead there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.core.tensors import numeric


def softmax(input: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
    """The exponential of input - log(sum of exp(input))."""
    return log_softmax(input, dim, dtype).exp()


def log_softmax(input: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
    """The difference input - log(sum of exp(input))."""
    x = input if dtype is None else input.to(dtype)
    return x - torch.logsumexp(x, dim, keepdim=True)


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
    small = torch.finfo(input.dtype).eps if eps is None else eps
    squares = input.square().mean(tuple(range(-len(normalized_shape), 0)), keepdim=True)
    return _scaled(input / (squares + small).sqrt(), weight, None).to(input.dtype)


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
    """(x - mean) / sqrt(variance + eps), over the positions of each channel."""
    if not use_input_stats or running_mean is not None:  # linear; or statistics are to be kept
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
    """(x - mean) / sqrt(variance + eps), over the batch; linear, and left as it is, where these are known."""
    if not training:
        return NotImplemented
    dims = (0, *range(2, input.ndim))
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            running_mean.lerp_(input.mean(dims).to(running_mean.dtype), momentum)
            running_var.lerp_(torch.var(input, dims).to(running_var.dtype), momentum)
    return _by_channel(_normalized(input, dims, eps), weight, bias)


def _normalized(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    away = x - x.mean(dims, keepdim=True)
    return away / (away.square().mean(dims, keepdim=True) + eps).sqrt()


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
    alone = (weights == -math.inf).all(-1, keepdim=True)  # who may look at nobody gets nothing
    chosen = torch.softmax(weights.masked_fill(alone, 0), -1).masked_fill(alone, 0)
    return functional.dropout(chosen, dropout_p) @ value


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """One half, times the sigmoid of the other."""
    first, second = input.chunk(2, dim)
    return first * second.sigmoid()


def variance(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Any = None,
) -> Tensor:
    """The sum of squared distances from the mean, over their number less a correction."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    dims = _all_or(dim if axis is None else axis, input.ndim)
    count = math.prod(input.shape[each] for each in dims)
    less = (1 if unbiased else 0) if correction is None else correction
    squares = (input - input.mean(dims, keepdim=True)).square().sum(dims, keepdim=keepdim)
    return squares / max(0, count - less)


def deviation(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Any = None,
) -> Tensor:
    """The square root of the variance."""
    return variance(input, dim, unbiased, keepdim, correction=correction, axis=axis).sqrt()


def variance_and_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The variance, and the mean."""
    spread = variance(input, dim, unbiased, keepdim, correction=correction)
    dims = _all_or(None if isinstance(dim, bool) else dim, input.ndim)
    return spread, input.mean(dims, keepdim=keepdim)


def deviation_and_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The standard deviation, and the mean."""
    spread, mean = variance_and_mean(input, dim, unbiased, keepdim, correction=correction)
    return spread.sqrt(), mean


def vector_norm(x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The norm (sum of |x|^ord)^(1/ord); of the largest and the smallest number for the orders inf and -inf."""
    if not isinstance(ord, int | float) or (ord <= 0 and ord != -math.inf):
        return NotImplemented
    x, dims = x if dtype is None else x.to(dtype), _all_or(dim, x.ndim)
    x = x.abs() if x.is_complex() else x
    if math.isinf(ord):
        return (x.abs().amax if ord > 0 else x.abs().amin)(dims, keepdim=keepdim)
    if ord == 2:
        return x.square().sum(dims, keepdim=keepdim).sqrt()
    return x.abs().pow(ord).sum(dims, keepdim=keepdim).pow(1 / ord)


def norm(  # torch's names
    A: Tensor,  # noqa: N803
    ord: Any = None,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Any:
    """The norm of a vector; those of matrices are left as they are."""
    of_matrix = ord is not None and (A.ndim == 2 if dim is None else not isinstance(dim, int) and len(dim) == 2)
    if of_matrix:
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


def matrix_norm(
    A: Tensor,  # noqa: N803
    ord: Any = "fro",
    dim: Any = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Any:
    """The Frobenius norm, and the largest or smallest sum of a column or a row; those of singular values are left."""
    if ord == "fro":
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if ord not in (1, -1, math.inf, -math.inf):
        return NotImplemented
    along, other = dim if abs(ord) == 1 else reversed(dim)
    sums = vector_norm(A, 1, along, True, dtype=dtype)
    found = (sums.amax if ord > 0 else sums.amin)(other, keepdim=True)
    return found if keepdim else found.squeeze(dim)


def modulus(input: Tensor) -> Any:
    """How large complex numbers are: the norm of their two parts; real ones are left as they are."""
    return vector_norm(torch.view_as_real(input), 2, -1) if input.is_complex() else NotImplemented


def distances(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: Any = None) -> Any:
    """The norm of the difference of each row of one and each row of the other."""
    return vector_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)


def distances_within(input: Tensor, p: float = 2.0) -> Any:
    """The same of each two rows."""
    one, other = torch.triu_indices(len(input), len(input), 1, device=input.device)
    return vector_norm(input[one] - input[other], p, -1)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The norm of the difference of each pair."""
    return vector_norm(x1 - x2 + eps, p, -1, keepdim)


def distance(input: Tensor, other: Tensor, p: float = 2) -> Any:
    """The norm of the difference."""
    return vector_norm(input - other, p)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine, x1 . x2 / (|x1| |x2|)."""
    shape = (x1.detach() + x2.detach()).shape  # they broadcast
    both = (x1.expand(shape), x2.expand(shape))
    first, second = (each / each.square().sum(dim, keepdim=True).sqrt().clamp(min=eps) for each in both)
    return torch.sum(first * second, dim)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """The sum input + value * tensor1 / tensor2."""
    return input + tensor1 * value / tensor2


def lerp(input: Tensor, end: Tensor, weight: Tensor | float) -> Tensor:
    """The point input + weight * (end - input)."""
    return input + (end - input) * weight


def quotient(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """A quotient whose denominator may depend on the inputs; any other is linear.

    That of complex numbers is made of quotients of real ones.
    """
    if not numeric(other):
        return NotImplemented
    if other.is_complex():
        return quotient(input * other.conj(), other.real.square() + other.imag.square())
    if isinstance(input, Tensor) and input.is_complex():
        parts = torch.true_divide(torch.view_as_real(input.resolve_conj()), other.unsqueeze(-1))
        return torch.view_as_complex(parts.contiguous())
    exact = torch.true_divide(input, other)
    return exact if rounding_mode is None else exact.floor() if rounding_mode == "floor" else exact.trunc()


def conjugate(input: Tensor) -> Tensor:
    """The conjugate, made at once, so that the call is one step that nothing undoes."""
    return torch.conj_physical(input)


def reciprocal(input: Tensor) -> Any:
    """One over complex numbers; of real ones it is left as it is."""
    return quotient(1, input) if input.is_complex() else NotImplemented


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """The difference relu(input) - weight * relu(-input)."""
    along = weight.reshape(-1, *[1] * (input.ndim - 2)) if input.ndim > 1 else weight
    return input.relu() - along * (-input).relu()


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


def _all_or(dim: Any, ndim: int) -> tuple[int, ...]:
    """Dimensions as a tuple; none given are all of them."""
    if isinstance(dim, int):
        return (dim,)
    return tuple(dim) if dim else tuple(range(ndim))
