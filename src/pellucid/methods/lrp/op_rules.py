"""How relevance passes back through calls of torch: in proportion to what each input contributes to the output."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pellucid.core.autograd.audit import split_names
from pellucid.core.rules.op_names import ELEMENTWISE, PRODUCT_FUNCTIONS
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.torch_call import TorchCall
from pellucid.core.tensors import Tensors

EPSILON = 1e-9
"""What keeps denominators from zero."""

SUMS = split_names(
    """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d affine_grid_generator avg_pool1d avg_pool2d
    avg_pool3d col2im cumsum diff fft_fft fft_fft2 fft_fftn fft_hfft fft_hfft2 fft_hfftn fft_ifft fft_ifft2
    fft_ifftn fft_ihfft fft_ihfft2 fft_ihfftn fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftn fold
    index_add istft log_softmax logcumsumexp logsumexp mean nanmean nansum scatter_add stft sum sum_to_size trace
    upsample_bicubic2d upsample_bicubic2d_aa upsample_bilinear2d upsample_bilinear2d_aa upsample_linear1d
    upsample_trilinear3d
    """
)
"""Functions that add up numbers."""

ADDITION_OPS = split_names("add iadd isub radd rsub sub subtract")

ELEMENTWISE_OPS = ELEMENTWISE | split_names(
    """
    alpha_dropout conj_physical dropout feature_alpha_dropout feature_dropout native_dropout negative neg rsqrt
    """
)
"""Functions that make each number of one."""

MAXIMA = split_names(
    """
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d max_pool1d max_pool1d_with_indices max_pool2d
    max_pool2d_with_indices max_pool3d max_pool3d_with_indices
    """
)
"""Functions that take the largest of some numbers; of other such calls, and of all that moves numbers, nobody asks."""

QUOTIENTS = split_names("div divide itruediv true_divide truediv")

ELEMENTWISE_PRODUCTS = split_names("imul mul multiply rmul")
"""Products of one number by one."""


@final
@dataclass
class Absorbed:
    """What a rule keeps of the relevance that it gets.

    Args:
        biases: What goes to biases, and to other numbers that do not depend on what attributions are for.
        stabilisers: What goes to what keeps denominators from zero.
    """

    biases: float = 0.0
    stabilisers: float = 0.0


_KEPT: ContextVar[Absorbed | None] = ContextVar("kept", default=None)


@contextmanager
def recording_absorbed(kept: Absorbed) -> Iterator[Absorbed]:
    """Have rules tell what they keep, meanwhile."""
    token = _KEPT.set(kept)
    try:
        yield kept
    finally:
        _KEPT.reset(token)


def amount(relevance: Tensor) -> float:
    """How much it is, of complex numbers that of both parts."""
    parts = torch.view_as_real(relevance.detach().resolve_conj()) if relevance.is_complex() else relevance.detach()
    return float(parts.double().sum())


def to_biases(call: TorchCall, shared: Tensor) -> None:
    """Tell, where somebody asks, how much goes to what a call returns for zeros.

    Args:
        call: The call.
        shared: The relevance of its output, for each unit of that.
    """
    kept = _KEPT.get()
    if kept is not None:
        alone = call.output(*map(torch.zeros_like, call.inputs)).detach()
        kept.biases += amount(by_parts(torch.mul, shared, torch.nan_to_num(alone, 0, 0, 0)))


def to_constants(relevance: Tensor, passed: Tensors) -> None:
    """Tell, where somebody asks, that what is not passed goes to numbers that do not depend on the source."""
    kept = _KEPT.get()
    if kept is not None:
        kept.biases += amount(relevance) - sum(map(amount, passed))


def stabilised(z: Tensor, epsilon: float) -> Tensor:
    """Denominators, moved away from zero by epsilon: z + epsilon * sign(z), where the sign of zero is its own."""
    return z + torch.copysign(z.new_tensor(max(epsilon, torch.finfo(z.dtype).tiny)), z)


def proportional(call: TorchCall, relevance: Tensor, epsilon: float = EPSILON) -> Tensors:
    """Each input by its part in the output, to first order: x * J^T(R / z), where z = f(x)."""
    z, passed_back = call.vjp(call.inputs)
    shared = relative(relevance, z, epsilon)
    to_biases(call, shared)
    return tuple(by_parts(torch.mul, x, each) for x, each in zip(call.inputs, passed_back(shared), strict=True))


def relative(relevance: Tensor, z: Tensor, epsilon: float) -> Tensor:
    """Relevance over the numbers that have it, which are moved away from zero."""
    shared = by_parts(lambda part, number: part / stabilised(number, epsilon), relevance, z)
    kept = _KEPT.get()
    if kept is not None:
        kept.stabilisers += amount(relevance) - amount(by_parts(torch.mul, shared, z))
    return shared


def by_parts(function: Callable[[Tensor, Tensor], Tensor], one: Tensor, second: Tensor) -> Tensor:
    """A function of two tensors; of complex ones, of their real and of their imaginary parts, which are two numbers."""
    if not (one.is_complex() and second.is_complex()):
        return function(one, second)
    parts = (torch.view_as_real(each.resolve_conj()) for each in (one, second))
    return torch.view_as_complex(function(*parts))


def fitting(relevance: Tensor, x: Tensor) -> Tensor:
    """Relevance in the shape of what was broadcast; a real number gets that of both parts of a complex one."""
    whole = relevance.real + relevance.imag if relevance.is_complex() and not x.is_complex() else relevance
    return whole.sum_to_size(x.shape)


def pass_through(call: TorchCall, relevance: Tensor, epsilon: float = EPSILON) -> Tensors:
    """All of it to the number that the output is made of; what a function gives for zero is its own, as a bias is."""
    (x, *others) = call.inputs
    if others or (x.is_complex() and not relevance.is_complex()):
        return proportional(call, relevance, epsilon)
    at_zero = x == 0
    if at_zero.any():
        passed = torch.where(at_zero & (call.output(x) != 0), 0, relevance)
        to_constants(relevance, (passed,))
        relevance = passed
    return (fitting(relevance, x),)


def addition(call: TorchCall, relevance: Tensor, epsilon: float = EPSILON) -> Tensors:
    """By contributions; all of it to what is moved by a mere number, as in 1 + tanh(x)."""
    alone = sum(isinstance(leaf, Tensor) for leaf in call.leaves) == 1
    return (fitting(relevance, call.inputs[0]),) if alone else proportional(call, relevance, epsilon)


def grid_sample_rule(call: TorchCall, relevance: Tensor, epsilon: float = EPSILON) -> Tensors:
    """By contributions to the image; nothing to the grid that says where to look, unless it is alone."""
    _, *grid = call.inputs
    passed = proportional(dataclasses.replace(call, input_positions=call.input_positions[:1]), relevance, epsilon)
    return *passed, *(torch.zeros_like(each) for each in grid)


def scatter_rule(call: TorchCall, relevance: Tensor, epsilon: float = EPSILON) -> Tensors:
    """By contributions where numbers are added to others; else to those that are put there."""
    return proportional(call, relevance, epsilon) if places_more(call) else route(call, relevance)


def places_more(call: TorchCall) -> bool:
    """Whether numbers are added to others where they are put."""
    args, keywords = call.arguments
    return any(isinstance(each, str | bool) and each for each in (*args[3:], *keywords.values()))


def product(call: TorchCall, relevance: Tensor, epsilon: float = EPSILON) -> Tensors:
    """Equal parts to all factors, which share them as sums do; what is added to a product has a part of its own."""
    apart = bias_position(call)
    factors = sum(place != apart for place in call.input_positions)
    if call.name in ELEMENTWISE_PRODUCTS:
        return tuple(fitting(relevance / factors, x) for x in call.inputs)
    passed = proportional(call, relevance, epsilon)
    return tuple(
        each if place == apart else each / factors for place, each in zip(call.input_positions, passed, strict=True)
    )


def quotient_rule(call: TorchCall, relevance: Tensor) -> Tensors:
    """All of it to the numerator, whose scale the denominator is, as in every norm; to that where it is alone."""
    first, *others = call.inputs
    return fitting(relevance, first), *(torch.zeros_like(each) for each in others)


def route(call: TorchCall, relevance: Tensor) -> Tensors:
    """To where the output is taken from."""
    passed = call.gradient(call.inputs, relevance)
    to_constants(relevance, passed)
    return passed


def softmax_rule(call: TorchCall, relevance: Tensor) -> Tensors:
    """By their share of the sum too: x * (R - s * sum(R)), the first-order share in closed form."""
    (x,) = call.inputs
    args, keywords = call.arguments
    s = call.output(x)
    passed = relevance - s * relevance.sum(keywords.get("dim", args[1] if len(args) > 1 else -1), keepdim=True)
    return (torch.where(passed == 0, 0, x * passed).to(x.dtype),)  # what is masked by -inf has none


OP_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(SUMS, proportional),
    **dict.fromkeys(ADDITION_OPS, addition),
    **dict.fromkeys(ELEMENTWISE_OPS, pass_through),
    **dict.fromkeys(MAXIMA, route),
    **dict.fromkeys(PRODUCT_FUNCTIONS, product),
    **dict.fromkeys(QUOTIENTS, quotient_rule),
    **dict.fromkeys(("grid_sampler", "grid_sampler_2d", "grid_sampler_3d"), grid_sample_rule),
    **dict.fromkeys(("index_put", "put", "scatter", "scatter_reduce"), scatter_rule),
    "softmax": softmax_rule,
}
"""The rules of calls that are no layers with weights."""

_STABILISED = frozenset((proportional, addition, pass_through, product, grid_sample_rule, scatter_rule))


def with_stabiliser(rule: Rule, epsilon: float) -> Rule:
    """One of these rules with another epsilon in its denominators, if it has any."""
    if epsilon == EPSILON or rule not in _STABILISED:
        return rule
    return functools.update_wrapper(functools.partial(rule, epsilon=epsilon), rule)


ADDED_FIRST = split_names("addbmm addcmul addmm addmv addr baddbmm")
LAYERS = split_names("conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d linear")
MATRIX_PRODUCTS = split_names("bmm dot einsum inner matmul imatmul mm mv outer rmatmul tensordot vdot")
WEIGHTED = LAYERS | MATRIX_PRODUCTS | ADDED_FIRST
"""Functions that are linear in inputs, with weights, where one of their two factors is constant."""


def bias_position(call: TorchCall) -> int | None:
    """Which argument is added to a product: the bias of a layer, what `torch.addmm` takes first."""
    if call.name in LAYERS:
        return call.position_of(2, "bias")
    return call.position_of(0, "input") if call.name in ADDED_FIRST else None
