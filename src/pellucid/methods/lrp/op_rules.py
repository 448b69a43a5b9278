"""Relevance rules of torch functions without weights: mostly by each input's contribution to the output."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from pellucid.core.autograd.audit import split_names
from pellucid.core.rules.op_names import ELEMENTWISE, PRODUCT_FUNCTIONS
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.torch_call import TorchCall
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors

EPSILON = 1e-9
"""The default stabiliser, which keeps denominators from zero."""

SUMS = split_names(
    """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d affine_grid_generator avg_pool1d avg_pool2d
    avg_pool3d col2im cumsum cumulative_trapezoid diff fft_fft fft_fft2 fft_fftn fft_hfft fft_hfft2 fft_hfftn
    fft_ifft fft_ifft2 fft_ifftn fft_ihfft fft_ihfft2 fft_ihfftn fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2
    fft_rfftn fold index_add istft log_softmax logcumsumexp logsumexp mean nanmean nansum scatter_add stft sum
    sum_to_size trace trapezoid trapz upsample_bicubic2d upsample_bicubic2d_aa upsample_bilinear2d
    upsample_bilinear2d_aa upsample_lanczos2d_aa upsample_linear1d upsample_trilinear3d
    """
)
"""Functions that add up elements."""

ADDITION_OPS = split_names("add iadd isub radd rsub sub subtract")

ELEMENTWISE_OPS = ELEMENTWISE | split_names(
    """
    alpha_dropout conj_physical deg2rad dropout feature_alpha_dropout feature_dropout native_dropout neg negative
    rad2deg
    """
)
"""Functions that make each element of the output from one element of the input, also those that are linear."""

MAXIMA = split_names(
    """
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d max_pool1d max_pool1d_with_indices max_pool2d
    max_pool2d_with_indices max_pool3d max_pool3d_with_indices
    """
)
"""Max-pooling functions: they have a rule, torch's gradient, so that modules that pool can be given another one.

Other maxima, and functions that only move values, need none: torch's gradient already goes where a value came from. In
DeepLIFT all maxima need one, `MAX_FUNCTIONS`, as it also asks where the maximum was at the baselines.
"""

QUOTIENTS = split_names("div divide itruediv true_divide truediv")

GRID_SAMPLERS = split_names("grid_sampler grid_sampler_2d grid_sampler_3d")

SCATTERS = split_names("index_put put scatter scatter_reduce")
"""Functions that write values into a tensor, or add them to those that are there."""

ELEMENTWISE_PRODUCTS = split_names("imul mul multiply rmul")
"""Products of tensors, element by element."""


@final
@dataclass
class Absorbed(Summarized):
    """The relevance that a rule receives and does not pass back.

    Args:
        biases: What goes to biases, and to other numbers that do not depend on the source.
        stabilisers: What goes to the stabilisers of denominators.
    """

    biases: float = 0.0
    stabilisers: float = 0.0


_ABSORBED: ContextVar[Absorbed | None] = ContextVar("absorbed", default=None)


@contextmanager
def recording_absorbed(absorbed: Absorbed) -> Iterator[Absorbed]:
    """Have rules add what they absorb to this record, while the context is open."""
    token = _ABSORBED.set(absorbed)
    try:
        yield absorbed
    finally:
        _ABSORBED.reset(token)


def total(relevance: Tensor) -> float:
    """The sum of a tensor, in float64; of complex numbers, that of both their parts."""
    values = torch.view_as_real(relevance.detach().resolve_conj()) if relevance.is_complex() else relevance.detach()
    return float(values.double().sum())


def record_biases(call: TorchCall, ratio: Tensor) -> None:
    """Record, where a context asks for it, the relevance of what a call returns for inputs of zero: of its biases.

    Args:
        call: The call.
        ratio: Relevance over output, R / z.
    """
    absorbed = _ABSORBED.get()
    if absorbed is not None:
        at_zero = call.output(*map(torch.zeros_like, call.inputs)).detach()
        absorbed.biases += total(by_parts(torch.mul, ratio, torch.nan_to_num(at_zero, 0, 0, 0)))


def record_constants(relevance: Tensor, passed: Tensors) -> None:
    """Record, where a context asks for it, that relevance not passed back goes to numbers without the source."""
    absorbed = _ABSORBED.get()
    if absorbed is not None:
        absorbed.biases += total(relevance) - sum(map(total, passed))


def stabilised(z: Tensor, epsilon: float) -> Tensor:
    """Denominators, moved away from zero: z + epsilon * sign(z), where the sign of zero is its sign bit's."""
    return z + torch.copysign(z.new_tensor(max(epsilon, torch.finfo(z.dtype).tiny)), z)


def proportional(call: TorchCall, relevance: Tensor, epsilon: float = EPSILON) -> Tensors:
    """LRP-0, by each input's contribution to the output, to first order: x * J^T(R / z), where z = f(x)."""
    z, vector_jacobian_product = call.vjp(call.inputs)
    ratio = relevance_ratio(relevance, z, epsilon)
    record_biases(call, ratio)
    gradients = vector_jacobian_product(ratio)
    return tuple(by_parts(torch.mul, x, gradient) for x, gradient in zip(call.inputs, gradients, strict=True))


def relevance_ratio(relevance: Tensor, z: Tensor, epsilon: float) -> Tensor:
    """Relevance over the output that has it, R / z, with a stabilised denominator."""
    ratio = by_parts(lambda numerator, denominator: numerator / stabilised(denominator, epsilon), relevance, z)
    absorbed = _ABSORBED.get()
    if absorbed is not None:
        absorbed.stabilisers += total(relevance) - total(by_parts(torch.mul, ratio, z))
    return ratio


def by_parts(function: Callable[[Tensor, Tensor], Tensor], left: Tensor, right: Tensor) -> Tensor:
    """A function of two tensors; of two complex ones, of their real and imaginary parts, each a number of its own."""
    if not (left.is_complex() and right.is_complex()):
        return function(left, right)
    left, right = (torch.view_as_real(tensor.resolve_conj()) for tensor in (left, right))
    return torch.view_as_complex(function(left, right))


def sum_to_input(relevance: Tensor, x: Tensor) -> Tensor:
    """Relevance summed over what was broadcast, in the shape of an input; over both parts of complex numbers, too."""
    is_from_complex = relevance.is_complex() and not x.is_complex()
    return (relevance.real + relevance.imag if is_from_complex else relevance).sum_to_size(x.shape)


def pass_through(call: TorchCall, relevance: Tensor, epsilon: float = EPSILON) -> Tensors:
    """Elementwise functions: all relevance to the one input element; f(0), where it is not zero, is as a bias."""
    (x, *more_inputs) = call.inputs
    if more_inputs or (x.is_complex() and not relevance.is_complex()):
        return proportional(call, relevance, epsilon)
    is_zero = x == 0
    if is_zero.any():
        passed = torch.where(is_zero & (call.output(x) != 0), 0, relevance)
        record_constants(relevance, (passed,))
        relevance = passed
    return (sum_to_input(relevance, x),)


def addition(call: TorchCall, relevance: Tensor, epsilon: float = EPSILON) -> Tensors:
    """By contributions; where a mere number is added, as in 1 + tanh(x), all relevance to the tensor."""
    if has_one_tensor(call):
        return (sum_to_input(relevance, call.inputs[0]),)
    return proportional(call, relevance, epsilon)


def has_one_tensor(call: TorchCall) -> bool:
    """Whether a single argument is a tensor, so that all others are mere numbers and options."""
    return sum(isinstance(leaf, Tensor) for leaf in call.leaves) == 1


def grid_sample_rule(call: TorchCall, relevance: Tensor, epsilon: float = EPSILON) -> Tensors:
    """By contributions to the image; none to the grid of positions, unless the grid alone depends on the source."""
    _, *grids = call.inputs
    passed = proportional(dataclasses.replace(call, input_positions=call.input_positions[:1]), relevance, epsilon)
    return *passed, *(torch.zeros_like(grid) for grid in grids)


def scatter_rule(call: TorchCall, relevance: Tensor, epsilon: float = EPSILON) -> Tensors:
    """By contributions where values are added to those that are there; else to the values that are written."""
    return proportional(call, relevance, epsilon) if accumulates(call) else route(call, relevance)


def accumulates(call: TorchCall) -> bool:
    """Whether a scatter combines values with those that are there (`accumulate=True`, `reduce="sum"`)."""
    args, keywords = call.arguments
    return any(isinstance(option, str | bool) and option for option in (*args[3:], *keywords.values()))


def product(call: TorchCall, relevance: Tensor, epsilon: float = EPSILON) -> Tensors:
    """Equal parts to all factors, each shared by contributions; a bias gets what it contributes."""
    bias = bias_position(call)
    factors = sum(position != bias for position in call.input_positions)
    if call.name in ELEMENTWISE_PRODUCTS:
        return tuple(sum_to_input(relevance / factors, x) for x in call.inputs)
    passed = zip(call.input_positions, proportional(call, relevance, epsilon), strict=True)
    return tuple(contribution if position == bias else contribution / factors for position, contribution in passed)


def quotient_rule(call: TorchCall, relevance: Tensor) -> Tensors:
    """All relevance to the numerator, as the denominator is its scale (in a norm); to a denominator that is alone."""
    first, *denominators = call.inputs
    return sum_to_input(relevance, first), *(torch.zeros_like(denominator) for denominator in denominators)


def route(call: TorchCall, relevance: Tensor) -> Tensors:
    """To the input elements that the output is a copy of, as torch's gradient goes."""
    passed = call.gradient(call.inputs, relevance)
    record_constants(relevance, passed)
    return passed


def softmax_rule(call: TorchCall, relevance: Tensor) -> Tensors:
    """By contributions to first order, in closed form: x * (R - s * sum(R)), where s = softmax(x)."""
    (x,) = call.inputs
    args, keywords = call.arguments
    s = call.output(x)
    gradient = relevance - s * relevance.sum(keywords.get("dim", args[1] if len(args) > 1 else -1), keepdim=True)
    return (torch.where(gradient == 0, 0, x * gradient).to(x.dtype),)  # a logit of -inf, which masks, gets none


OP_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(SUMS, proportional),
    **dict.fromkeys(ADDITION_OPS, addition),
    **dict.fromkeys(ELEMENTWISE_OPS, pass_through),
    **dict.fromkeys(MAXIMA, route),
    **dict.fromkeys(PRODUCT_FUNCTIONS, product),
    **dict.fromkeys(QUOTIENTS, quotient_rule),
    **dict.fromkeys(GRID_SAMPLERS, grid_sample_rule),
    **dict.fromkeys(SCATTERS, scatter_rule),
    "softmax": softmax_rule,
}
"""The rules of all functions but layers with weights."""

_STABILISED = frozenset((proportional, addition, pass_through, product, grid_sample_rule, scatter_rule))


def with_stabiliser(rule: Rule, epsilon: float) -> Rule:
    """One of these rules with another epsilon in its denominators, if it has any."""
    if epsilon == EPSILON or rule not in _STABILISED:
        return rule
    return functools.update_wrapper(functools.partial(rule, epsilon=epsilon), rule)


ADDED_FIRST = split_names("addbmm addcmul addmm addmv addr baddbmm")
"""Functions whose first argument is added to a product of the others."""

LAYERS = split_names("conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d linear")
MATRIX_PRODUCTS = split_names("bmm dot einsum inner matmul imatmul mm mv outer rmatmul tensordot vdot")
WEIGHTED = LAYERS | MATRIX_PRODUCTS | ADDED_FIRST
"""Functions that are layers with weights where one of their two factors does not depend on the source."""


def bias_position(call: TorchCall) -> int | None:
    """Which argument is added to a product: the bias of a layer, or the first argument of `torch.addmm`."""
    if call.name in LAYERS:
        return call.position_of(2, "bias")
    return call.position_of(0, "input") if call.name in ADDED_FIRST else None


def arguments_by_name(call: TorchCall, *names: str) -> dict[str, Any]:
    """The arguments that a call was given, by name.

    Args:
        call: The call.
        names: The names of its first parameters, for the arguments that it was given by position.
    """
    args, keywords = call.arguments
    return dict(zip(names, args, strict=False)) | keywords
