"""What torch does in one call and rules see in many returns the same, however it is called."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._pytree import tree_flatten, tree_map

from matrices import in_turn
from pellucid.core.rules.ruled_forward import apply, record
from pellucid.methods.deeplift.rescale import rescale

TOLERANCE = 1e-12


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Random numbers, the same for the same shape and seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


X, Y = drawn(4, 6), drawn(4, 6, seed=1)
P, Q = X.abs() + 0.5, Y.abs() + 0.5
CUBE, SQUARE = drawn(3, 4, 6), drawn(5, 5, seed=2)
PICTURES = drawn(3, 4, 5, 6)
CLASSES = torch.tensor([0, 5, 2, 2])
SIX, FOUR, FOUR_TOO = drawn(6, seed=3), drawn(4, seed=4), drawn(4, seed=5)
QUERY, KEY, VALUE = drawn(2, 4, 3, 6), drawn(2, 4, 5, 6, seed=1), drawn(2, 4, 5, 7, seed=2)
KEY_OF_TWO, VALUE_OF_TWO = KEY[:, :2].clone(), VALUE[:, :2].clone()
SEEN = torch.tensor([[True, False, True, True, False], [False] * 5, [True] * 5])
HEADED = drawn(3, 5, seed=6)
SEEN_SOME = SEEN.clone().index_fill(0, torch.tensor([1]), True)

attend = functional.scaled_dot_product_attention
Case = tuple[Callable[..., Any], tuple[Tensor, ...]]


def written(x: Tensor, write: Callable[[Tensor], Any]) -> Tensor:
    """What an in-place call leaves in a copy."""
    copy = x.clone()
    write(copy)
    return copy


def idiv(x: Tensor, y: Any) -> Tensor:
    x = x.clone()
    x /= y
    return x


def idiv_seen_by_another(x: Tensor, y: Any) -> Tensor:
    x = x.clone()
    other = x
    x /= y
    return other + x[0]


def imul(x: Tensor, y: Any) -> Tensor:
    x = x.clone()
    x *= y
    return x


def ipow(x: Tensor, y: Any) -> Tensor:
    x = x.clone()
    x **= y
    return x


def isub(x: Tensor, y: Any) -> Tensor:
    x = x.clone()
    x -= y
    return x


def imatmul(x: Tensor, y: Tensor) -> Tensor:
    x @= y
    return x


def iview(x: Tensor, y: Tensor) -> Tensor:
    x = x * 1
    x[1:] *= y[1:]
    x[0].div_(y[0])
    return x


def into(x: Tensor, y: Tensor) -> Tensor:
    x = x * 1
    x[:, 0] = (x * y).sum(1)
    return x


CALLS: dict[str, Case] = {
    # softmax
    "softmax, positional": (lambda x: torch.softmax(x, 1), (X,)),
    "softmax, keyword": (lambda x: torch.softmax(x, dim=-1), (X,)),
    "softmax, all keywords": (lambda x: torch.softmax(input=x, dim=0), (X,)),
    "softmax, dtype": (lambda x: torch.softmax(x, 1, dtype=torch.float64), (X.float(),)),
    "softmax, dtype by place": (lambda x: torch.softmax(x, 1, torch.float64), (X.float(),)),
    "softmax, method": (lambda x: x.softmax(-2), (CUBE,)),
    "softmax, method with dtype": (lambda x: x.softmax(-2, dtype=torch.float64), (CUBE.float(),)),
    "softmax, functional": (lambda x: functional.softmax(x, 1), (X,)),
    "softmax, functional without dim": (lambda x: functional.softmax(x, 1, 3, torch.float64), (X.float(),)),
    "softmax, functional keywords": (lambda x: functional.softmax(input=x, dim=1, dtype=torch.float64), (X.float(),)),
    "softmax, special": (lambda x: torch.special.softmax(x, 1), (X,)),
    "softmax, special with dtype": (lambda x: torch.special.softmax(x, 1, dtype=torch.float64), (X.float(),)),
    "softmax, module": (nn.Softmax(1), (X,)),
    "softmax, Softmax2d": (nn.Softmax2d(), (PICTURES,)),
    "softmax, large": (lambda x: torch.softmax(x * 1e4, 1), (X,)),
    "softmax, of minus infinity": (lambda x: torch.softmax(x.masked_fill(X > 0.5, -torch.inf), 0), (X,)),
    "softmin": (lambda x: functional.softmin(x, 1), (X,)),
    "softmin, module": (nn.Softmin(1), (X,)),
    "log_softmax, positional": (lambda x: torch.log_softmax(x, 1), (X,)),
    "log_softmax, method": (lambda x: x.log_softmax(0), (X,)),
    "log_softmax, dtype": (lambda x: x.log_softmax(0, torch.float64), (X.float(),)),
    "log_softmax, functional": (lambda x: functional.log_softmax(x, dim=-1, dtype=torch.float64), (X.float(),)),
    "log_softmax, special": (lambda x: torch.special.log_softmax(x, 1), (X,)),
    "log_softmax, large": (lambda x: torch.log_softmax(x * 1e4, 1), (X,)),
    "log_softmax, module": (nn.LogSoftmax(1), (X,)),
    "logsumexp": (lambda x: torch.logsumexp(x, 1), (X,)),
    "logsumexp, keyword": (lambda x: torch.logsumexp(x, dim=-1, keepdim=True), (X,)),
    "logsumexp, dims": (lambda x: x.logsumexp((0, -1)), (CUBE,)),
    "logsumexp, dims kept": (lambda x: torch.special.logsumexp(x, (2, 0), True), (CUBE,)),
    "logsumexp, list": (lambda x: torch.logsumexp(x, [1]), (CUBE,)),
    "softmax, of no dimension": (lambda x: torch.softmax(x.sum(), 0) * x.sum(), (X,)),
    "logsumexp, of one dimension": (lambda x: torch.logsumexp(x, 0), (SIX,)),
    # norms of layers
    "layer_norm": (lambda x: functional.layer_norm(x, (6,)), (X,)),
    "layer_norm, weight and bias": (lambda x: functional.layer_norm(x, (6,), SIX, SIX + 1, 1e-3), (X,)),
    "layer_norm, keywords": (lambda x: functional.layer_norm(x, normalized_shape=[6], bias=SIX, eps=0.1), (X,)),
    "layer_norm, weight only": (lambda x: functional.layer_norm(x, [6], weight=SIX), (CUBE,)),
    "layer_norm, two dimensions": (lambda x: functional.layer_norm(x, (4, 6), X, Y), (CUBE,)),
    "layer_norm, torch": (lambda x: torch.layer_norm(x, (6,), SIX, None, 1e-5, False), (X,)),
    "layer_norm, torch keywords": (lambda x: torch.layer_norm(x, (6,), cudnn_enable=False), (X,)),
    "layer_norm, input by name": (lambda x: functional.layer_norm(input=x, normalized_shape=(6,)), (X,)),
    "layer_norm, module": (nn.LayerNorm(6, dtype=torch.float64), (CUBE,)),
    "layer_norm, module without weights": (nn.LayerNorm(6, elementwise_affine=False), (CUBE,)),
    "layer_norm, module without bias": (nn.LayerNorm((4, 6), bias=False, dtype=torch.float64), (CUBE,)),
    "rms_norm": (lambda x: functional.rms_norm(x, (6,)), (X,)),
    "rms_norm, weight": (lambda x: functional.rms_norm(x, (6,), SIX, 1e-2), (X,)),
    "rms_norm, keywords": (lambda x: functional.rms_norm(x, normalized_shape=(4, 6), weight=X, eps=0.5), (CUBE,)),
    "rms_norm, torch": (lambda x: torch.rms_norm(x, (6,), weight=SIX), (X,)),
    "rms_norm, module": (nn.RMSNorm(6, dtype=torch.float64), (CUBE,)),
    "group_norm": (lambda x: functional.group_norm(x, 2), (PICTURES,)),
    "group_norm, weights": (lambda x: functional.group_norm(x, 2, FOUR, FOUR_TOO, 0.1), (PICTURES,)),
    "group_norm, keywords": (lambda x: functional.group_norm(x, num_groups=4, bias=FOUR), (PICTURES,)),
    "group_norm, input by name": (lambda x: functional.group_norm(input=x, num_groups=4), (PICTURES,)),
    "group_norm, of a matrix": (lambda x: functional.group_norm(x, 3, SIX, SIX), (X,)),
    "group_norm, torch": (lambda x: torch.group_norm(x, 2, FOUR, None, 1e-3, True), (PICTURES,)),
    "group_norm, module": (nn.GroupNorm(2, 4, dtype=torch.float64), (PICTURES,)),
    "group_norm, module without weights": (nn.GroupNorm(1, 4, affine=False), (CUBE,)),
    "instance_norm": (lambda x: functional.instance_norm(x), (PICTURES,)),
    "instance_norm, weights": (lambda x: functional.instance_norm(x, None, None, FOUR, FOUR_TOO), (PICTURES,)),
    "instance_norm, keywords": (lambda x: functional.instance_norm(x, bias=FOUR, momentum=0.3, eps=0.1), (PICTURES,)),
    "instance_norm, all by place": (
        lambda x: functional.instance_norm(x, None, None, FOUR, FOUR_TOO, True, 0.1, 0.2),
        (PICTURES,),
    ),
    "instance_norm, torch": (
        lambda x: torch.instance_norm(x, FOUR, None, None, None, True, 0.1, 0.2, False),
        (PICTURES,),
    ),
    "instance_norm, module": (nn.InstanceNorm2d(4, affine=True, dtype=torch.float64), (PICTURES,)),
    "instance_norm, module of an example": (nn.InstanceNorm2d(4), (PICTURES[0],)),
    "instance_norm, module in one dimension": (nn.InstanceNorm1d(4), (CUBE,)),
    "instance_norm, running statistics in evaluation": (
        nn.InstanceNorm2d(4, track_running_stats=True, dtype=torch.float64).eval(),
        (PICTURES,),
    ),
    "batch_norm, evaluation": (lambda x: functional.batch_norm(x, FOUR, FOUR.abs(), FOUR_TOO, FOUR), (PICTURES,)),
    "batch_norm, training": (lambda x: functional.batch_norm(x, None, None, FOUR, FOUR_TOO, True), (PICTURES,)),
    "batch_norm, keywords": (lambda x: functional.batch_norm(x, None, None, training=True, eps=0.3), (X,)),
    "batch_norm, all by name": (
        lambda x: functional.batch_norm(input=x, running_mean=None, running_var=None, training=True),
        (X,),
    ),
    "batch_norm, torch": (
        lambda x: torch.batch_norm(x, FOUR, FOUR_TOO, None, None, True, 0.1, 0.2, False),
        (PICTURES,),
    ),
    "batch_norm, native": (
        lambda x: torch.native_batch_norm(x, FOUR, FOUR_TOO, None, None, True, 0.1, 0.2)[0],
        (PICTURES,),
    ),
    "local_response_norm": (lambda x: functional.local_response_norm(x, 3, 0.5, 0.75, 2.0), (PICTURES,)),
    "normalize": (lambda x: functional.normalize(x), (X,)),
    "normalize, p=1": (lambda x: functional.normalize(x, 1, 0, 1e-3), (X,)),
    "normalize, keywords": (lambda x: functional.normalize(x, p=3.0, dim=-1), (CUBE,)),
    # attention
    "attention": (lambda q, k, v: attend(q, k, v), (QUERY, KEY, VALUE)),
    "attention, by name": (lambda q, k, v: attend(query=q, key=k, value=v), (QUERY, KEY, VALUE)),
    "attention, mask of booleans": (lambda q, k, v: attend(q, k, v, SEEN_SOME), (QUERY, KEY, VALUE)),
    "attention, a row that sees nothing": (lambda q, k, v: attend(q, k, v, SEEN), (QUERY, KEY, VALUE)),
    "attention, mask of numbers": (lambda q, k, v: attend(q, k, v, attn_mask=HEADED), (QUERY, KEY, VALUE)),
    "attention, mask of infinities": (
        lambda q, k, v: attend(q, k, v, attn_mask=torch.zeros(3, 5).double().masked_fill(~SEEN, -torch.inf)),
        (QUERY, KEY, VALUE),
    ),
    "attention, mask of some infinities": (
        lambda q, k, v: attend(q, k, v, attn_mask=torch.zeros(3, 5).double().masked_fill(~SEEN_SOME, -torch.inf)),
        (QUERY, KEY, VALUE),
    ),
    "attention, a mask that is explained": (lambda q, k, v, m: attend(q, k, v, m), (QUERY, KEY, VALUE, HEADED)),
    "attention, causal": (lambda q, k, v: attend(q, k, v, is_causal=True), (QUERY, KEY, VALUE)),
    "attention, causal with more queries": (lambda q, k, v: attend(k, q, q, is_causal=True), (QUERY, KEY, VALUE)),
    "attention, causal by place": (lambda q, k, v: attend(q, k, v, None, 0.0, True), (QUERY, KEY, VALUE)),
    "attention, scale": (lambda q, k, v: attend(q, k, v, scale=0.3), (QUERY, KEY, VALUE)),
    "attention, dropout of nothing": (lambda q, k, v: attend(q, k, v, dropout_p=0.0), (QUERY, KEY, VALUE)),
    "attention, groups": (lambda q, k, v: attend(q, k, v, enable_gqa=True), (QUERY, KEY_OF_TWO, VALUE_OF_TWO)),
    "attention, three dimensions": (lambda q, k, v: attend(q, k, v), (QUERY[0], KEY[0], VALUE[0])),
    "attention, two dimensions": (lambda q, k, v: attend(q, k, v), (QUERY[0, 0], KEY[0, 0], VALUE[0, 0])),
    "attention, of itself": (lambda x: attend(x, x, x), (QUERY,)),
    # parts of units
    "glu": (lambda x: functional.glu(x), (X,)),
    "glu, dim": (lambda x: functional.glu(x, 1), (CUBE,)),
    "glu, keyword": (lambda x: functional.glu(x, dim=-2), (CUBE,)),
    "glu, module": (nn.GLU(0), (X,)),
    # statistics
    "var": (lambda x: torch.var(x), (X,)),
    "var, biased": (lambda x: torch.var(x, False), (X,)),
    "var, dim": (lambda x: torch.var(x, 1), (X,)),
    "var, dim and unbiased": (lambda x: torch.var(x, 1, False, True), (X,)),
    "var, keywords": (lambda x: torch.var(x, dim=(0, -1), unbiased=False, keepdim=True), (CUBE,)),
    "var, correction": (lambda x: torch.var(x, 1, correction=2), (X,)),
    "var, correction of zero": (lambda x: x.var(correction=0), (X,)),
    "var, correction of one half": (lambda x: x.var(0, correction=0.5, keepdim=True), (X,)),
    "var, no correction": (lambda x: x.var(0, correction=None), (X,)),
    "var, method": (lambda x: x.var(), (X,)),
    "var, method biased": (lambda x: x.var(unbiased=False), (X,)),
    "var, dim=None": (lambda x: torch.var(x, dim=None, keepdim=True), (X,)),
    "var, dim=None by place": (lambda x: torch.var(x, None), (X,)),
    "var, no dims": (lambda x: torch.var(x, ()), (X,)),
    "var, list": (lambda x: torch.var(x, [0, 1]), (CUBE,)),
    "var, axis": (lambda x: torch.var(x, axis=1), (X,)),
    "var, of one dimension": (lambda x: torch.var(x, -1), (SIX,)),
    "std": (lambda x: torch.std(x), (X,)),
    "std, dim": (lambda x: torch.std(x, -1, keepdim=True), (CUBE,)),
    "std, correction": (lambda x: torch.std(x, (0, 1), correction=0), (CUBE,)),
    "std, method": (lambda x: x.std(0, False), (X,)),
    "std, method biased": (lambda x: x.std(False), (X,)),
    "var_mean": (lambda x: torch.var_mean(x, 1), (X,)),
    "std_mean": (lambda x: torch.std_mean(x, 1, correction=0), (X,)),
    # norms
    "norm": (lambda x: torch.norm(x), (X,)),
    "norm, p": (lambda x: torch.norm(x, 3), (X,)),
    "norm, fro": (lambda x: torch.norm(x, "fro"), (X,)),
    "norm, p and dim": (lambda x: torch.norm(x, 1, 1), (X,)),
    "norm, infinite": (lambda x: torch.norm(x, torch.inf, dim=0), (X,)),
    "norm, minus infinite": (lambda x: torch.norm(x, -torch.inf, dim=0), (X,)),
    "norm, zero": (lambda x: torch.norm(x, 0, dim=0), (X,)),
    "norm, keywords": (lambda x: torch.norm(x, p=2, dim=(0, 2), keepdim=True), (CUBE,)),
    "norm, dtype": (lambda x: torch.norm(x, dim=1, dtype=torch.float64), (X.float(),)),
    "norm, nuclear": (lambda x: torch.norm(x, "nuc"), (X,)),
    "norm, method": (lambda x: x.norm(), (X,)),
    "norm, method with p": (lambda x: x.norm(1.5, -1), (CUBE,)),
    "norm, method with keywords": (lambda x: x.norm(p=2, dim=-1, keepdim=True), (CUBE,)),
    "norm, method of numbers": (lambda x: x.norm(dim=1, p=1, dtype=torch.float64), (X.float(),)),
    "linalg.norm": (lambda x: torch.linalg.norm(x), (X,)),
    "linalg.norm of three dimensions": (lambda x: torch.linalg.norm(x), (CUBE,)),
    "linalg.norm, ord": (lambda x: torch.linalg.norm(x, 3, 1), (X,)),
    "linalg.norm, dim": (lambda x: torch.linalg.norm(x, dim=-1, keepdim=True), (X,)),
    "linalg.norm, dims": (lambda x: torch.linalg.norm(x, dim=(0, 1)), (CUBE,)),
    "linalg.norm, ord of a matrix": (lambda x: torch.linalg.norm(x, 2), (X,)),
    "linalg.norm, ord of matrices": (lambda x: torch.linalg.norm(x, "nuc", dim=(0, 1)), (CUBE,)),
    "linalg.norm, fro": (lambda x: torch.linalg.norm(x, "fro"), (X,)),
    "linalg.norm, ord by name": (lambda x: torch.linalg.norm(x, ord=1, dim=1), (X,)),
    "linalg.norm, ord of matrices by name": (lambda x: torch.linalg.norm(x, ord=1, dim=(1, 2)), (CUBE,)),
    "linalg.norm, input by name": (lambda x: torch.linalg.norm(input=x), (X,)),
    "linalg.norm, dtype": (lambda x: torch.linalg.norm(x, dtype=torch.float64), (X.float(),)),
    "linalg.norm, minus infinite": (lambda x: torch.linalg.norm(x, -torch.inf), (SIX,)),
    "linalg.norm, zero": (lambda x: torch.linalg.norm(x, 0), (SIX,)),
    "vector_norm": (lambda x: torch.linalg.vector_norm(x), (X,)),
    "vector_norm, ord": (lambda x: torch.linalg.vector_norm(x, 3.5), (X,)),
    "vector_norm, dim": (lambda x: torch.linalg.vector_norm(x, 1, -1, True), (CUBE,)),
    "vector_norm, keywords": (lambda x: torch.linalg.vector_norm(x, ord=torch.inf, dim=(0, 1)), (CUBE,)),
    "vector_norm, one half": (lambda x: torch.linalg.vector_norm(x, ord=0.5, dim=0), (X,)),
    "vector_norm, negative": (lambda x: torch.linalg.vector_norm(x, ord=-1, dim=0), (X,)),
    "vector_norm, input by name": (lambda x: torch.linalg.vector_norm(x=x, ord=2), (X,)),
    "vector_norm, dtype": (lambda x: torch.linalg.vector_norm(x, dtype=torch.float64), (X.float(),)),
    "matrix_norm": (lambda x: torch.linalg.matrix_norm(x), (CUBE,)),
    "matrix_norm, ord": (lambda x: torch.linalg.matrix_norm(x, 1), (CUBE,)),
    "matrix_norm, nuclear": (lambda x: torch.linalg.matrix_norm(x, "nuc", (0, 1), True), (CUBE,)),
    "matrix_norm, keywords": (lambda x: torch.linalg.matrix_norm(x, ord="fro", dim=(0, 2), keepdim=True), (CUBE,)),
    "dist": (lambda x, y: torch.dist(x, y), (X, Y)),
    "dist, p": (lambda x, y: torch.dist(x, y, 1), (X, Y)),
    "dist, keyword": (lambda x, y: x.dist(y, p=3), (X, Y)),
    "dist, infinite": (lambda x, y: x.dist(y, torch.inf), (X, Y)),
    "dist, zero": (lambda x, y: x.dist(y, 0), (X, Y)),
    "pairwise_distance": (lambda x, y: functional.pairwise_distance(x, y), (X, Y)),
    "pairwise_distance, p": (lambda x, y: functional.pairwise_distance(x, y, 1, 1e-3, True), (X, Y)),
    "cdist": (lambda x, y: torch.cdist(x, y), (X, Y)),
    "cosine_similarity": (lambda x, y: functional.cosine_similarity(x, y), (X, Y)),
    "cosine_similarity, dim": (lambda x, y: functional.cosine_similarity(x, y, 0, 0.1), (X, Y)),
    "cosine_similarity, eps above": (lambda x, y: functional.cosine_similarity(x, y, dim=-1, eps=3.0), (X, Y)),
    "cosine_similarity, by name": (lambda x, y: torch.cosine_similarity(x1=x, x2=y, dim=0), (X, Y)),
    "cosine_similarity, broadcast": (lambda x, y: functional.cosine_similarity(x[:, None], y[None], dim=-1), (X, Y)),
    "cosine_similarity, module": (nn.CosineSimilarity(0), (X, Y)),
    "cosine_similarity, of dimensions that differ": (lambda x, y: torch.cosine_similarity(x, y[0], dim=0), (X, Y)),
    # arithmetic
    "addcdiv": (lambda x, y, z: torch.addcdiv(x, y, z), (X, Y, Q)),
    "addcdiv, value": (lambda x, y, z: x.addcdiv(y, z, value=-0.3), (X, Y, Q)),
    "addcdiv, by name": (lambda x, y, z: torch.addcdiv(x, tensor1=y, tensor2=z, value=2), (X, Y, Q)),
    "addcdiv, in place": (lambda x, y, z: written(x, lambda c: c.addcdiv_(y, z, value=3)), (X, Y, Q)),
    "addcmul": (lambda x, y, z: torch.addcmul(x, y, z, value=-0.3), (X, Y, Q)),
    "addcmul, in place": (lambda x, y, z: written(x, lambda c: c.addcmul_(y, z)), (X, Y, Q)),
    "lerp": (lambda x, y: torch.lerp(x, y, 0.3), (X, Y)),
    "lerp, of a tensor": (lambda x, y, z: x.lerp(y, z), (X, Y, Q)),
    "lerp, by name": (lambda x, y: torch.lerp(input=x, end=y, weight=0.3), (X, Y)),
    "lerp, in place": (lambda x, y: written(x, lambda c: c.lerp_(y, 0.3)), (X, Y)),
    "div": (lambda x, y: torch.div(x, y), (X, Q)),
    "div, operator": (lambda x, y: x / y, (X, Q)),
    "div, by a number": (lambda x: x / 3, (X,)),
    "div, of a number": (lambda y: 3 / y, (Q,)),
    "div, of a number by name": (lambda y: torch.div(torch.tensor(3.0).double(), other=y), (Q,)),
    "div, all by name": (lambda x, y: torch.div(input=x, other=y), (X, Q)),
    "div, floor": (lambda x, y: torch.div(x, y, rounding_mode="floor"), (X, Q)),
    "div, trunc": (lambda x, y: x.div(y, rounding_mode="trunc"), (X, Q)),
    "div, no rounding": (lambda x, y: x.div(y, rounding_mode=None), (X, Q)),
    "div, in place": (lambda x, y: written(x, lambda c: c.div_(y)), (X, Q)),
    "div, in place with rounding": (lambda x, y: written(x, lambda c: c.div_(y, rounding_mode="floor")), (X, Q)),
    "div, statement": (idiv, (X, Q)),
    "div, statement of a number": (lambda x: idiv(x, 3), (X,)),
    "div, statement on a tensor that has another name": (idiv_seen_by_another, (X, Q)),
    "div, by integers": (lambda x: x / torch.tensor([1, 2, 3, 4, 5, 6]), (X,)),
    "div, of integers": (lambda y: torch.tensor([1, 2, 3, 4, 5, 6]) / y, (Q,)),
    "div, of other dtypes": (lambda x, y: x / y, (X.float(), Q)),
    "div, broadcast": (lambda x, y: x / y, (X, Q[:, :1])),
    "divide": (lambda x, y: torch.divide(x, y), (X, Q)),
    "divide, method": (lambda x, y: x.divide(y), (X, Q)),
    "divide, in place": (lambda x, y: written(x, lambda c: c.divide_(y)), (X, Q)),
    "true_divide": (lambda x, y: torch.true_divide(x, y), (X, Q)),
    "true_divide, in place": (lambda x, y: written(x, lambda c: c.true_divide_(y)), (X, Q)),
    "floor_divide": (lambda x, y: torch.floor_divide(x, y), (X, Q)),
    "floordiv": (lambda x, y: x // y, (X, Q)),
    "floordiv, of a number": (lambda y: 3 // y, (Q,)),
    "mod": (lambda x, y: x % y, (X, Q)),
    "mod, of a number": (lambda y: 3 % y, (Q,)),
    "fmod": (lambda x, y: torch.fmod(x, y), (X, Q)),
    "rdiv": (lambda y: y.__rdiv__(3), (Q,)),
    "rtruediv": (lambda y: y.__rtruediv__(3), (Q,)),
    "rtruediv, of a tensor": (lambda x, y: y.__rtruediv__(x), (X, Q)),
    "rpow": (lambda y: 3**y, (Y,)),
    "rpow, method": (lambda y: y.__rpow__(3), (Y,)),
    "rsub": (lambda y: 3 - y, (Y,)),
    "rmul": (lambda y: 3 * y, (Y,)),
    "radd": (lambda y: 3 + y, (Y,)),
    "rmatmul": (lambda x, y: y.__rmatmul__(x.T), (X, Y)),
    "pow": (lambda x, y: x**y, (P, Y)),
    "pow, of a number": (lambda y: torch.pow(2, y), (Y,)),
    "pow, of tensors": (lambda x, y: torch.pow(x, y), (P, Y)),
    "pow, method": (lambda x: x.pow(3), (X,)),
    "pow, by name": (lambda x: torch.pow(x, exponent=2), (X,)),
    "pow, in place": (lambda x: written(x, lambda c: c.pow_(2)), (X,)),
    "pow, statement": (lambda x: ipow(x, 2), (X,)),
    "pow, statement of a tensor": (ipow, (P, Y)),
    "float_power": (lambda x, y: torch.float_power(x, y), (P.float(), Y.float())),
    "mul, statement": (imul, (X, Y)),
    "mul, statement of a number": (lambda x: imul(x, 3), (X,)),
    "mul, with itself": (lambda x: imul(x, x), (X,)),
    "mul, in place with itself": (lambda x: written(x, lambda c: c.mul_(c)), (X,)),
    "sub, statement": (isub, (X, Y)),
    "multiply": (lambda x, y: torch.multiply(x, y), (X, Y)),
    "multiply, in place": (lambda x, y: written(x, lambda c: c.multiply_(y)), (X, Y)),
    "matmul, statement": (imatmul, (SQUARE, SQUARE.T + 1)),
    "parts written in place": (iview, (X, Q)),
    "an item set": (into, (X, Y)),
    "sub, alpha": (lambda x, y: torch.sub(x, y, alpha=3), (X, Y)),
    "matmul": (lambda x, y: x @ y.T, (X, Y)),
    "einsum": (lambda x, y: torch.einsum("ij,kj->ik", x, y), (X, Y)),
    "einsum, list": (lambda x, y: torch.einsum("ij,kj->ik", [x, y]), (X, Y)),
    "bilinear": (lambda x, y: functional.bilinear(x, y, drawn(3, 6, 6)), (X, Y)),
    "tensordot": (lambda x, y: torch.tensordot(x, y, dims=([1], [1])), (X, Y)),
    "baddbmm": (lambda x, y: torch.baddbmm(x, x, y.mT @ x, beta=0.5, alpha=2.0), (CUBE, CUBE.flip(0) * 0.5)),
    "reciprocal, in place": (lambda x: written(x, lambda c: c.reciprocal_()), (P,)),
    "hypot": (lambda x, y: torch.hypot(x, y), (X, Y)),
    "atan2": (lambda x, y: torch.atan2(x, y), (X, Y)),
    "logaddexp": (lambda x, y: torch.logaddexp(x, y), (X, Y)),
    "xlogy": (lambda x, y: torch.xlogy(x, y), (X, Q)),
    # losses
    "mse_loss": (lambda x, y: functional.mse_loss(x, y), (X, Y)),
    "mse_loss, sum": (lambda x, y: functional.mse_loss(x, y, reduction="sum"), (X, Y)),
    "mse_loss, none": (lambda x, y: functional.mse_loss(x, y, None, None, "none"), (X, Y)),
    "mse_loss, none by name": (lambda x, y: functional.mse_loss(input=x, target=y, reduction="none"), (X, Y)),
    "mse_loss, weight": (lambda x, y: functional.mse_loss(x, y, reduction="none", weight=Q), (X, Y)),
    "mse_loss, weighted mean": (lambda x, y: functional.mse_loss(x, y, weight=Q), (X, Y)),
    "mse_loss, size_average": (lambda x, y: functional.mse_loss(x, y, size_average=False), (X, Y)),
    "mse_loss, module": (nn.MSELoss(reduction="sum"), (X, Y)),
    "l1_loss": (lambda x, y: functional.l1_loss(x, y), (X, Y)),
    "l1_loss, sum": (lambda x, y: functional.l1_loss(x, y, reduction="sum"), (X, Y)),
    "l1_loss, none by place": (lambda x, y: functional.l1_loss(x, y, None, None, "none"), (X, Y)),
    # not l1_loss with weight=, which torch itself drops under any mode
    "smooth_l1_loss": (lambda x, y: functional.smooth_l1_loss(x, y, beta=0.5), (X, Y)),
    "huber_loss": (lambda x, y: functional.huber_loss(x, y, delta=0.5), (X, Y)),
    "cross_entropy": (lambda x: functional.cross_entropy(x, CLASSES), (X,)),
    "cross_entropy, none": (lambda x: functional.cross_entropy(x, CLASSES, reduction="none"), (X,)),
    "cross_entropy, sum": (lambda x: functional.cross_entropy(x, target=CLASSES, reduction="sum"), (X,)),
    "cross_entropy, weight": (lambda x: functional.cross_entropy(x, CLASSES, SIX.abs()), (X,)),
    "cross_entropy, weight by name": (lambda x: functional.cross_entropy(x, CLASSES, weight=SIX.abs()), (X,)),
    "cross_entropy, weight of each": (
        lambda x: functional.cross_entropy(x, CLASSES, weight=SIX.abs(), reduction="none"),
        (X,),
    ),
    "cross_entropy, ignore_index": (lambda x: functional.cross_entropy(x, CLASSES, ignore_index=2), (X,)),
    "cross_entropy, ignore_index by place": (lambda x: functional.cross_entropy(x, CLASSES, None, None, 2), (X,)),
    "cross_entropy, all by place": (
        lambda x: functional.cross_entropy(x, CLASSES, None, None, 2, None, "sum", 0.1),
        (X,),
    ),
    "cross_entropy, size_average": (lambda x: functional.cross_entropy(x, CLASSES, size_average=False), (X,)),
    "cross_entropy, label_smoothing": (lambda x: functional.cross_entropy(x, CLASSES, label_smoothing=0.2), (X,)),
    "cross_entropy, of probabilities": (lambda x: functional.cross_entropy(x, Q / Q.sum(1, True)), (X,)),
    "cross_entropy, one example": (lambda x: functional.cross_entropy(x, CLASSES[1]), (SIX,)),
    "cross_entropy, pictures": (
        lambda x: functional.cross_entropy(x, torch.arange(90).reshape(3, 5, 6) % 4, reduction="none"),
        (PICTURES,),
    ),
    "cross_entropy, module": (nn.CrossEntropyLoss(SIX.abs(), ignore_index=5, label_smoothing=0.1), (X, CLASSES)),
    "nll_loss": (lambda x: functional.nll_loss(x.log_softmax(1), CLASSES, SIX.abs()), (X,)),
    "kl_div": (lambda x, y: functional.kl_div(x.log_softmax(1), y.softmax(1), reduction="batchmean"), (X, Y)),
    "bce": (lambda x, y: functional.binary_cross_entropy(x.sigmoid(), y.sigmoid()), (X, Y)),
    "bce with logits": (lambda x: functional.binary_cross_entropy_with_logits(x, Y.sigmoid()), (X,)),
    "bce with logits, none": (
        lambda x: functional.binary_cross_entropy_with_logits(x, Y.sigmoid(), reduction="none"),
        (X,),
    ),
    "bce with logits, target explained": (
        lambda x, y: functional.binary_cross_entropy_with_logits(x, y, reduction="sum"),
        (X, Y),
    ),
    "bce with logits, weight": (lambda x: functional.binary_cross_entropy_with_logits(x, Y.sigmoid(), Q), (X,)),
    "bce with logits, weight by name": (
        lambda x: functional.binary_cross_entropy_with_logits(x, Y.sigmoid(), weight=Q),
        (X,),
    ),
    "bce with logits, pos_weight": (
        lambda x: functional.binary_cross_entropy_with_logits(x, Y.sigmoid(), pos_weight=SIX.abs()),
        (X,),
    ),
    "bce with logits, all by place": (
        lambda x: functional.binary_cross_entropy_with_logits(x, Y.sigmoid(), None, None, None, "sum", SIX.abs()),
        (X,),
    ),
    "bce with logits, module": (nn.BCEWithLogitsLoss(pos_weight=SIX.abs()), (X, Y.sigmoid())),
    "bce with logits, large": (lambda x: functional.binary_cross_entropy_with_logits(x * 1e3, Y.sigmoid()), (X,)),
    "soft_margin_loss": (lambda x: functional.soft_margin_loss(x, Y.sign()), (X,)),
    "hinge_embedding_loss": (lambda x: functional.hinge_embedding_loss(x, Y.sign()), (X,)),
    "margin_ranking_loss": (lambda x, y: functional.margin_ranking_loss(x, y, torch.ones(4, 6), 0.1), (X, Y)),
    "triplet_margin_loss": (lambda x, y: functional.triplet_margin_loss(x, y, P), (X, Y)),
    "cosine_embedding_loss": (lambda x, y: functional.cosine_embedding_loss(x, y, FOUR.sign()), (X, Y)),
    "multi_margin_loss": (lambda x: functional.multi_margin_loss(x, CLASSES), (X,)),
    "poisson_nll_loss": (lambda x: functional.poisson_nll_loss(x, Q), (X,)),
    "gaussian_nll_loss": (lambda x, v: functional.gaussian_nll_loss(x, Y, v), (X, Q)),
    # others written in Python
    "interpolate, nearest": (lambda x: functional.interpolate(x, scale_factor=2), (PICTURES,)),
    "interpolate, bilinear": (
        lambda x: functional.interpolate(x, (7, 8), mode="bilinear", align_corners=True),
        (PICTURES,),
    ),
    "interpolate, bicubic": (lambda x: functional.interpolate(x, size=9, mode="bicubic"), (PICTURES,)),
    "interpolate, area": (lambda x: functional.interpolate(x, size=3, mode="area"), (PICTURES,)),
    "interpolate, linear": (lambda x: functional.interpolate(x, size=3, mode="linear"), (CUBE,)),
    "adaptive_max_pool2d": (lambda x: functional.adaptive_max_pool2d(x, (2, 3)), (PICTURES,)),
    "adaptive_avg_pool2d": (lambda x: functional.adaptive_avg_pool2d(x, (2, None)), (PICTURES,)),
    "max_pool2d, indices": (lambda x: functional.max_pool2d(x, 2, return_indices=True), (PICTURES,)),
    "max_pool1d, ceil": (lambda x: functional.max_pool1d(x, 4, 3, ceil_mode=True), (CUBE,)),
    "max_pool2d, overlapping": (lambda x: functional.max_pool2d(x, 3, 1, 1, 2), (PICTURES,)),
    "lp_pool2d": (lambda x: functional.lp_pool2d(x, 2.0, 2), (PICTURES,)),
    "fractional_max_pool2d": (
        lambda x: functional.fractional_max_pool2d(x, 2, (3, 3), _random_samples=torch.full((3, 4, 2), 0.4).double()),
        (PICTURES,),
    ),
    "max, of all": (lambda x: x.max(), (X,)),
    "max, dim": (lambda x: x.max(1), (X,)),
    "max, names": (lambda x: torch.max(x, dim=1, keepdim=True).values, (X,)),
    "max, of two": (lambda x, y: torch.max(x, y), (X, Y)),
    "min, dim": (lambda x: x.min(-1).values, (X,)),
    "maximum": (lambda x, y: torch.maximum(x, y), (X, Y)),
    "amax": (lambda x: x.amax((0, 2), True), (CUBE,)),
    "amin": (lambda x: torch.amin(x), (X,)),
    "clamp": (lambda x: x.clamp(-0.5, 0.7), (X,)),
    "clamp, in place": (lambda x: written(x, lambda c: c.clamp_(min=0.1)), (X,)),
    "clamp, of tensors": (lambda x, y: torch.clamp(x, max=y), (X, Y)),
    "relu, in place": (lambda x: functional.relu(x * 1, inplace=True), (X,)),
    "relu, in place of torch": (lambda x: torch.relu_(x * 1), (X,)),
    "leaky_relu, in place": (lambda x: functional.leaky_relu(x * 1, 0.3, True), (X,)),
    "elu, in place by place": (lambda x: functional.elu(x * 1, 0.3, True), (X,)),
    "relu6": (lambda x: functional.relu6(x * 5), (X,)),
    "hardswish": (lambda x: functional.hardswish(x * 2), (X,)),
    "gelu": (lambda x: functional.gelu(x), (X,)),
    "gelu, tanh": (lambda x: functional.gelu(x, approximate="tanh"), (X,)),
    "silu": (nn.SiLU(), (X,)),
    "mish": (nn.Mish(), (X,)),
    "prelu": (nn.PReLU(dtype=torch.float64), (X,)),
    "threshold": (lambda x: functional.threshold(x, 0.1, 0.2), (X,)),
    "logsigmoid": (lambda x: functional.logsigmoid(x), (X,)),
    "softplus": (lambda x: functional.softplus(x, 2, 1), (X,)),
    "tanhshrink": (lambda x: functional.tanhshrink(x), (X,)),
    "softsign": (lambda x: functional.softsign(x), (X,)),
    "dropout of nothing": (lambda x: functional.dropout(x, 0.0), (X,)),
    "pad": (lambda x: functional.pad(x, (1, 2), mode="replicate"), (CUBE,)),
    "pixel_shuffle": (lambda x: functional.pixel_shuffle(x, 2), (PICTURES,)),
    "where": (lambda x, y: torch.where(X > 0, x, y), (X, Y)),
    "cumsum": (lambda x: x.cumsum(1), (X,)),
    "unflatten": (lambda x: x.unflatten(1, (2, 3)), (X,)),
    "split": (lambda x: torch.split(x, [2, 4], 1), (X,)),
    "chunk": (lambda x: x.chunk(3, 1), (X,)),
    "meshgrid": (lambda x: torch.meshgrid(x[0], x[1], indexing="ij"), (X,)),
    "block_diag": (lambda x, y: torch.block_diag(x, y), (X, Y)),
    "unique": (lambda x: torch.unique(x.round()), (X,)),
}

RAGGED = torch.tensor([5, 2, 4])


def recurrent(kind: type[nn.Module], shape: tuple[int, ...] = (5, 3, 4), given: bool = False, **options: Any) -> Case:
    """A layer with random weights, a sequence and, where asked for, states."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = kind(4, 6, dtype=torch.float64, **options).eval()
    x = drawn(*shape)
    directions = (2 if options.get("bidirectional") else 1) * options.get("num_layers", 1)
    batch = () if len(shape) == 2 else (shape[0 if options.get("batch_first") else 1],)
    hidden = drawn(directions, *batch, options.get("proj_size") or 6, seed=1)
    if not given:
        return made, (x,)
    if kind is nn.LSTM:
        return lambda x, h, c: made(x, (h, c)), (x, hidden, drawn(directions, *batch, 6, seed=2))
    return made, (x, hidden)


def packed(kind: type[nn.Module], ordered: bool, given: bool = False, **options: Any) -> Case:
    """A layer of sequences of several lengths."""
    lengths = RAGGED.sort(descending=True).values if ordered else RAGGED
    made, (x, *states) = recurrent(kind, given=given, **options)

    def run(x: Tensor, *states: Tensor) -> Any:
        sequences = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=ordered)
        out, final = made(sequences, *states)
        return nn.utils.rnn.pad_packed_sequence(out), final

    return run, (x, *states)


def cell(kind: type[nn.Module], batch: tuple[int, ...] = (3,), given: bool = True, **options: Any) -> Case:
    """A cell with random weights, an input and states."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = kind(4, 6, dtype=torch.float64, **options)
    x, hidden, memory = drawn(*batch, 4), drawn(*batch, 6, seed=1), drawn(*batch, 6, seed=2)
    if not given:
        return made, (x,)
    return (lambda x, h, c: made(x, (h, c)), (x, hidden, memory)) if kind is nn.LSTMCell else (made, (x, hidden))


KINDS: dict[str, tuple[type[nn.Module], type[nn.Module], dict[str, Any]]] = {
    "lstm": (nn.LSTM, nn.LSTMCell, {}),
    "gru": (nn.GRU, nn.GRUCell, {}),
    "rnn": (nn.RNN, nn.RNNCell, {}),
    "rnn of relu": (nn.RNN, nn.RNNCell, {"nonlinearity": "relu"}),
}
for name, (kind, one, more) in KINDS.items():
    for label, options in {
        "": {},
        "states given": {"given": True},
        "one example": {"shape": (5, 4)},
        "one example, states given": {"shape": (5, 4), "given": True},
        "batch first": {"batch_first": True, "given": True},
        "without biases": {"bias": False},
        "both ways": {"bidirectional": True, "given": True},
        "three layers": {"num_layers": 3, "given": True},
        "two layers, both ways": {"num_layers": 2, "bidirectional": True, "given": True},
        "dropout in evaluation": {"num_layers": 2, "dropout": 0.5},
        "of one step": {"shape": (1, 3, 4)},
    }.items():
        CALLS[f"{name}, {label}"] = recurrent(kind, **options, **more)
    for ordered in (True, False):
        for label, options in {
            "": {},
            "both ways, two layers": {"bidirectional": True, "num_layers": 2},
            "without biases": {"bias": False},
            "states given": {"given": True, "bidirectional": True},
        }.items():
            CALLS[f"{name}, packed, {'sorted' if ordered else 'unsorted'}, {label}"] = packed(
                kind, ordered, **options, **more
            )
    for label, options in {
        "": {},
        "no states": {"given": False},
        "one example": {"batch": ()},
        "one example, no states": {"batch": (), "given": False},
        "without biases": {"bias": False},
    }.items():
        CALLS[f"{name} cell, {label}"] = cell(one, **options, **more)
for label, options in {
    "": {},
    "without biases": {"bias": False},
    "both ways, two layers": {"bidirectional": True, "num_layers": 2, "given": True},
    "without biases, both ways, two layers": {"bidirectional": True, "num_layers": 2, "bias": False},
}.items():
    CALLS[f"lstm, projected, {label}"] = recurrent(nn.LSTM, proj_size=2, **options)
CALLS["lstm, projected, packed"] = packed(nn.LSTM, False, proj_size=2, bidirectional=True)


def heads(shape: tuple[int, ...] = (5, 3, 8), made: dict[str, Any] | None = None, **options: Any) -> Case:
    """Multi-head attention, with weights as another output."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.MultiheadAttention(8, 2, dtype=torch.float64, **(made or {}))
        for each in module.parameters():
            nn.init.normal_(each, std=0.3)
    sizes = (made or {}).get("kdim", 8), (made or {}).get("vdim", 8)
    return (
        lambda q, k, v: module(q, k, v, **options),
        (drawn(*shape), *(drawn(*shape[:-1], size, seed=seed) for seed, size in enumerate(sizes, 1))),
    )


LATER = torch.ones(5, 5, dtype=torch.bool).triu(1)
for label, (made, options) in {
    "": ({}, {}),
    "no weights": ({}, {"need_weights": False}),
    "weights of each head": ({}, {"average_attn_weights": False}),
    "mask": ({}, {"attn_mask": LATER}),
    "mask, no weights": ({}, {"attn_mask": LATER, "need_weights": False}),
    "mask of numbers": ({}, {"attn_mask": drawn(5, 5), "need_weights": False}),
    "causal": ({}, {"attn_mask": LATER, "is_causal": True, "need_weights": False}),
    "mask of padding": ({}, {"key_padding_mask": torch.tensor([[False] * 4 + [True]] * 3)}),
    "mask of padding, no weights": (
        {},
        {"key_padding_mask": torch.tensor([[False] * 4 + [True]] * 3), "need_weights": False},
    ),
    "other sizes": ({"kdim": 5, "vdim": 6}, {}),
    "added biases": ({"add_bias_kv": True, "add_zero_attn": True}, {}),
    "without biases": ({"bias": False}, {}),
}.items():
    CALLS[f"multi-head attention, {label}"] = heads(made=made, **options)
CALLS["multi-head attention, one example"] = heads((5, 8), need_weights=False)
CALLS["multi-head attention, batch first"] = heads((3, 5, 8), {"batch_first": True})


def transformer(training: bool, **options: Any) -> Case:
    """An encoder layer with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, dtype=torch.float64, **options).train(training)
    return module, (drawn(3, 5, 8),)


for training in (True, False):
    for first in (True, False):
        for norm_first in (True, False):
            CALLS[f"encoder layer, {training=}, {first=}, {norm_first=}"] = transformer(
                training, batch_first=first, norm_first=norm_first, activation="gelu" if first else "relu"
            )


def same(found: Any, expected: Any, tolerance: float = TOLERANCE) -> None:
    """Equal tensors, of the same shapes, dtypes and structure."""
    (ours, layout), (theirs, expected_layout) = tree_flatten(found), tree_flatten(expected)
    assert len(ours) == len(theirs)
    assert str(layout).count("(") == str(expected_layout).count("(")
    for our, their in zip(ours, theirs, strict=True):
        if isinstance(their, Tensor):
            torch.testing.assert_close(our, their, rtol=tolerance, atol=tolerance, equal_nan=True)
        else:
            assert our == their


every_call = pytest.mark.parametrize("name", CALLS)
pytestmark = [
    pytest.mark.filterwarnings("ignore:size_average and reduce"),
    pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight"),
]


@every_call
def test_as_without_rules_whether_a_gradient_is_wanted_or_none_can_be(name: str):
    call, inputs = CALLS[name]
    expected = call(*(x.clone() for x in inputs))
    given = [x.clone() for x in inputs]
    with apply(rescale(1e-10)):
        found = call(*given)
    same(found, expected)
    assert all(torch.equal(x, y) for x, y in zip(given, inputs, strict=True)), "written into"
    wanted = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    with apply(rescale(1e-10)):
        found = call(*(x.clone() for x in wanted))
    same(tree_map(lambda each: each.detach() if isinstance(each, Tensor) else each, found), expected)
    with torch.no_grad(), record(rescale(1e-10)):
        found = call(*(x.clone() for x in inputs))
    same(found, expected)


@every_call
def test_gradients_add_up_or_what_is_in_the_way_is_named(name: str):
    call, inputs = CALLS[name]
    if name in NOT_COMPARED:
        pytest.skip("has no gradient, or another shape for other numbers")

    def value(*given: Tensor) -> Tensor:
        found = [
            each for each in tree_flatten(call(*given))[0] if isinstance(each, Tensor) and each.is_floating_point()
        ]
        shares = [(each * drawn(*each.shape, seed=8, dtype=each.dtype)).sum() for each in found]
        return torch.stack(shares).nan_to_num(0).sum()

    start = [x.flip(0) * 0.7 if x.is_floating_point() else x for x in inputs]
    end = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    with torch.no_grad(), record(rescale(1e-10)) as reference:
        before = value(*(x.clone() for x in start))
    with apply(rescale(1e-10), reference=reference) as run:
        after = value(*(x.clone() for x in end))
    live = [x for x in end if x.requires_grad]
    unruled = list(run.audit.missing_rules(after, tuple(live)))
    grads = torch.autograd.grad(after, live, allow_unused=True)
    ways = (x - x0 for x, x0 in zip(end, start, strict=True) if x.requires_grad)
    shares = [
        torch.zeros(()) if grad is None else (grad * way).double().sum() for grad, way in zip(grads, ways, strict=True)
    ]
    gap = float((torch.stack(shares).sum() - (after - before)).detach().abs())
    tolerance = 1e-9 if all(x.dtype == torch.float64 for x in live) else 1e-4
    assert gap <= tolerance * max(1.0, *(float(each.detach().abs()) for each in shares)) or unruled
    assert bool(unruled) == (name in UNRULED), f"no rule: {unruled}"


NOT_COMPARED = {
    "unique",  # as many numbers as there happen to be
    "dist, zero",  # torch's gradient raises
    "floor_divide",  # torch has none
    "floordiv",
    "floordiv, of a number",
}
UNRULED = {
    "linalg.norm, input by name",
    "batch_norm, native",
    "bce",
    "cosine_embedding_loss",
    "cross_entropy, all by place",
    "cross_entropy, label_smoothing",
    "cross_entropy, module",
    "cross_entropy, of probabilities",
    "fractional_max_pool2d",
    "hinge_embedding_loss",
    "kl_div",
    "linalg.norm, ord of a matrix",
    "linalg.norm, ord of matrices",
    "linalg.norm, zero",
    "margin_ranking_loss",
    "matrix_norm, nuclear",
    "multi_margin_loss",
    "norm, nuclear",
    "norm, zero",
    "poisson_nll_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "vector_norm, negative",
}
"""Calls that have no rule, which a user is warned of."""


@pytest.mark.parametrize("momentum", [0.1, 0.4, None])
@pytest.mark.parametrize(
    ("module", "x"),
    [
        (nn.BatchNorm1d(6, dtype=torch.float64), X),
        (nn.BatchNorm1d(4, dtype=torch.float64, affine=False), CUBE),
        (nn.BatchNorm2d(4, dtype=torch.float64), PICTURES),
        (nn.InstanceNorm2d(4, track_running_stats=True, dtype=torch.float64), PICTURES),
    ],
    ids=lambda each: type(each).__name__,
)
def test_running_statistics_move_as_without_rules(module: nn.Module, x: Tensor, momentum: float | None):
    if momentum is None and isinstance(module, nn.InstanceNorm2d):
        pytest.skip("only batch norm counts")
    plain, ruled = copy.deepcopy(module), copy.deepcopy(module)
    plain.momentum = ruled.momentum = momentum
    for factor in (1.0, 2.0):
        expected = plain(x * factor)
        with apply(rescale(1e-10)):
            found = ruled(x * factor)
        same(found, expected)
    for (key, ours), theirs in zip(ruled.state_dict().items(), plain.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs, msg=lambda text, key=key: f"{key}: {text}")
    same(ruled.eval()(x), plain.eval()(x))


@pytest.mark.parametrize(
    "name", ["div", "true_divide", "softmax", "log_softmax", "logsumexp", "addcdiv", "lerp", "var"]
)
def test_results_may_be_asked_for_in_a_tensor(name: str):
    arguments = {
        "softmax": (X, 1),
        "log_softmax": (X, 1),
        "logsumexp": (X, 1),
        "addcdiv": (X, Y, Q),
        "lerp": (X, Y, 0.3),
        "var": (X, 1),
    }
    into, expected = torch.empty(0).double(), torch.empty(0).double()
    given = arguments.get(name, (X, Q))
    getattr(torch, name)(*given, out=expected)
    with torch.no_grad(), apply(rescale(1e-10)):
        found = getattr(torch, name)(*given, out=into)
    same((found, into), (expected, expected))


OF_FLOAT64 = ("lstm", "gru", "rnn", "encoder", "module", "multi-head", "unique")
"""What is in the names of calls whose weights are float64."""


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        # Older releases of torch return what is wider of a root mean square norm's dtypes.
        pytest.param(*case.values, marks=[*case.marks, pytest.mark.newer])
        if case.values[0].startswith("rms_norm")
        else case
        for case in in_turn(
            [name for name in CALLS if not any(each in name for each in OF_FLOAT64)],
            [torch.float16, torch.bfloat16, torch.float32],
            quick=1,
        )
    ],
    ids=str,
)
def test_dtypes_are_those_of_torch(name: str, dtype: torch.dtype):
    call, inputs = CALLS[name]
    given = tuple(x.to(dtype) if x.is_floating_point() else x for x in inputs)
    try:
        expected = call(*(x.clone() for x in given))
    except (RuntimeError, NotImplementedError):
        pytest.skip("torch mixes no dtypes there, or has no such call in half precision")
    with apply(rescale(1e-10)):
        found = call(*(x.clone() for x in given))
    coarse = torch.finfo(dtype).eps * 64
    for ours, theirs in zip(tree_flatten(found)[0], tree_flatten(expected)[0], strict=True):
        if not isinstance(theirs, Tensor):
            continue
        assert ours.dtype == theirs.dtype
        if theirs.is_floating_point() and name not in STEEP:
            scale = float(theirs.detach().double().nan_to_num(0, 0, 0).abs().max())
            torch.testing.assert_close(ours, theirs, rtol=coarse, atol=coarse * scale, equal_nan=True)


STEEP = {
    "softmax, large",
    "log_softmax, large",
    "div, floor",
    "div, trunc",
    "div, in place with rounding",
    "mod",
    "fmod",
}
"""Where rounding may change anything."""
