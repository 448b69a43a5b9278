"""Variances, norms and distances, written as calls that have rules."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Any = None,
) -> Tensor:
    """The sum of squared deviations from the mean, over their number less a correction."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    dims = _as_dims(dim if axis is None else axis, input.ndim)
    count = math.prod(input.shape[dim] for dim in dims)
    correction = (1 if unbiased else 0) if correction is None else correction
    squares = (input - input.mean(dims, keepdim=True)).square().sum(dims, keepdim=keepdim)
    return squares / max(0, count - correction)


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Any = None,
) -> Tensor:
    """The square root of the variance."""
    return var(input, dim, unbiased, keepdim, correction=correction, axis=axis).sqrt()


def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The variance, and the mean."""
    variance = var(input, dim, unbiased, keepdim, correction=correction)
    dims = _as_dims(None if isinstance(dim, bool) else dim, input.ndim)
    return variance, input.mean(dims, keepdim=keepdim)


def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The standard deviation, and the mean."""
    variance, mean = var_mean(input, dim, unbiased, keepdim, correction=correction)
    return variance.sqrt(), mean


def vector_norm(x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The norm (sum of |x|^ord)^(1/ord): the largest of |x| for inf, the smallest for -inf."""
    if not isinstance(ord, int | float) or (ord <= 0 and ord != -math.inf):
        return NotImplemented
    x, dims = x if dtype is None else x.to(dtype), _as_dims(dim, x.ndim)
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
    """The norm of vectors, or of matrices where the order and the dimensions are those of matrices."""
    is_matrix = ord is not None and (A.ndim == 2 if dim is None else not isinstance(dim, int) and len(dim) == 2)
    if is_matrix:
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
    """The Frobenius norm, or the extreme sum of a column or a row; NotImplemented for norms of singular values."""
    if ord == "fro":
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if ord not in (1, -1, math.inf, -math.inf):
        return NotImplemented
    summed, compared = dim if abs(ord) == 1 else reversed(dim)
    sums = vector_norm(A, 1, summed, True, dtype=dtype)
    value = (sums.amax if ord > 0 else sums.amin)(compared, keepdim=True)
    return value if keepdim else value.squeeze(dim)


def complex_abs(input: Tensor) -> Any:
    """The absolute value of complex numbers: the norm of their two parts; NotImplemented for real numbers."""
    return vector_norm(torch.view_as_real(input), 2, -1) if input.is_complex() else NotImplemented


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: Any = None) -> Any:
    """The norm of the difference of each row of x1 and each row of x2."""
    return vector_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)


def pdist(input: Tensor, p: float = 2.0) -> Any:
    """The norm of the difference of each two rows."""
    first, second = torch.triu_indices(len(input), len(input), 1, device=input.device)
    return vector_norm(input[first] - input[second], p, -1)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The norm of the difference of each pair."""
    return vector_norm(x1 - x2 + eps, p, -1, keepdim)


def dist(input: Tensor, other: Tensor, p: float = 2) -> Any:
    """The norm of the difference."""
    return vector_norm(input - other, p)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine, x1 . x2 / (|x1| |x2|)."""
    shape = (x1.detach() + x2.detach()).shape  # they broadcast
    x1, x2 = (x / x.square().sum(dim, keepdim=True).sqrt().clamp(min=eps) for x in (x1.expand(shape), x2.expand(shape)))
    return torch.sum(x1 * x2, dim)


def _as_dims(dim: Any, ndim: int) -> tuple[int, ...]:
    """Dimensions as a tuple; None or no dimension means all."""
    if isinstance(dim, int):
        return (dim,)
    return tuple(dim) if dim else tuple(range(ndim))
