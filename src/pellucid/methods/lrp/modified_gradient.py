"""Relevance as a modified gradient: autograd passes the slope R / x back in place of the relevance R.

At the end, slopes are multiplied by the attributed tensors. Where all layers follow the epsilon rule, every rule is a
modified gradient: a layer's is torch's own, times z / (z + epsilon * sign(z)); an activation's is f(x) / x; a factor
gets half of a product's gradient; a denominator is a constant.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten

from pellucid.core.autograd.audit import REARRANGES, split_names
from pellucid.core.autograd.dependence import DEPENDS_ON_SOURCE
from pellucid.core.evaluation.gradients import Gradient
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.sweep import evaluate_own_points
from pellucid.core.problem.points import Points
from pellucid.core.python_functions import TorchFunction
from pellucid.core.rules.decompositions import attention, normalization
from pellucid.core.rules.decompositions.table import DECOMPOSITIONS
from pellucid.core.rules.entries import Decompose, ModifiedCall, RuleSpec
from pellucid.core.rules.memory import CallMemory
from pellucid.core.rules.op_names import PRODUCT_FUNCTIONS
from pellucid.core.rules.rules import Rules
from pellucid.core.rules.torch_call import TorchCall
from pellucid.core.tensors import Tensors, per_target
from pellucid.methods.backprop.rule_gradients import gradient_under_rules
from pellucid.methods.deeplift.reciprocals import computes_reciprocal
from pellucid.methods.lrp.batch_norm import folding_batch_norm
from pellucid.methods.lrp.contributions import WeightedLayerCall
from pellucid.methods.lrp.op_rules import (
    ADDITION_OPS,
    ELEMENTWISE_OPS,
    ELEMENTWISE_PRODUCTS,
    EPSILON,
    GRID_SAMPLERS,
    MAXIMA,
    QUOTIENTS,
    SCATTERS,
    SUMS,
    accumulates,
    arguments_by_name,
    bias_position,
    by_parts,
    has_one_tensor,
)

HOMOGENEOUS = split_names("abs absolute dropout feature_dropout leaky_relu native_dropout neg negative relu rrelu")
"""Elementwise functions for which f(x) / x is torch's gradient."""

MakeCall: TypeAlias = Callable[[TorchCall, CallMemory], Any]
"""Makes a call whose gradient is its rule; returns None where its rule is no gradient."""


class NoModifiedGradient(Exception):
    """A model makes calls whose rule is no modified gradient."""


def relevance_by_modified_gradient(f: ModelFunction, epsilon: float, stabiliser: float) -> tuple[Tensors, Tensor]:
    """The relevance of the tensors where gradients are taken, and the values that it starts from.

    Args:
        f: The function, of one value per example.
        epsilon: The epsilon of all layers' rule.
        stabiliser: The epsilon that keeps the denominators of all other calls from zero.

    Raises:
        NoModifiedGradient: A rule is no modified gradient, or a gradient is zero, which says nothing about R / x.
    """
    rules = modified_gradient_rules(epsilon, stabiliser)

    def evaluate(points: Points) -> Tensors:
        warned, f.session.warned_inputs = f.session.warned_inputs, _AllWarned()
        try:
            result = gradient_under_rules(f, rules, points)
        except RuntimeError as error:
            if "modified by an inplace operation" not in str(error):
                raise
            raise NoModifiedGradient from error  # rules remember values that are overwritten later
        finally:
            f.session.warned_inputs = warned
        audit, gradient = result.run.audit, result.gradient
        incomplete = (
            result.run.has_untraceable_calls
            or audit is None
            or any(audit.missing_rules(gradient.value, gradient.tensors))
        )
        if incomplete or not all(grad.any() for grad in _of_each_target(gradient)):
            raise NoModifiedGradient
        pairs = zip(per_target(gradient.tensors, gradient.grad), gradient.grad, strict=True)
        return *(by_parts(torch.mul, x.detach(), grad) for x, grad in pairs), gradient.value.detach()

    *relevance, value = evaluate_own_points(f, evaluate)
    return tuple(relevance), value


def _of_each_target(gradient: Gradient) -> Iterator[Tensor]:
    """The gradients with respect to each tensor, (n, ...), and of several targets those of each."""
    for grad in gradient.grad:
        yield from grad.unbind(1) if gradient.value.ndim > 1 else (grad,)


class _AllWarned(set[int]):
    """Holds every index: no warnings of inputs without a gradient, as rules may find some, or will warn themselves."""

    def __contains__(self, index: object) -> bool:
        return True


@functools.cache
def modified_gradient_rules(epsilon: float, stabiliser: float) -> Rules:
    """The rules of all calls as modified gradients, where all layers follow the epsilon rule.

    Args:
        epsilon: The epsilon of all layers' rule.
        stabiliser: The epsilon that keeps the denominators of all other calls from zero.
    """

    def proportional(call: TorchCall, memory: CallMemory) -> Any:
        """By contributions: torch's gradient, damped."""
        return _call_damped(call, memory, stabiliser)

    def addition(call: TorchCall, memory: CallMemory) -> Any:
        """By contributions; all to a tensor that a number is added to: z / x, which there is not where x is zero."""
        if not has_one_tensor(call):
            return proportional(call, memory)
        if (call.inputs[0] == 0).any():
            return None
        return _call_with_ratio(call, memory, lambda grad, x, z: (z / x).mul_(grad))

    def pass_through(call: TorchCall, memory: CallMemory) -> Any:
        """All relevance to the one input: f(x) / x."""
        if computes_reciprocal(call):
            with torch.no_grad():
                return call.result(*call.inputs)
        if len(call.inputs) > 1:
            return proportional(call, memory)
        if call.name not in HOMOGENEOUS or call.inputs[0].is_complex():  # abs of a complex number is a root
            return _call_with_ratio(call, memory)
        return plain_gradient(call, memory)

    def product(call: TorchCall, memory: CallMemory) -> Any:
        """Equal parts to all factors; the epsilon rule where one of them is constant, as in a layer."""
        if WeightedLayerCall.of(call) is not None:
            return _call_damped(call, memory, epsilon)
        bias, factors = bias_position(call), len(call.input_positions)
        if factors > 1 and bias in call.input_positions:
            return None
        if call.name not in ELEMENTWISE_PRODUCTS:
            return _call_damped(call, memory, stabiliser, factors)
        if any(x.is_complex() for x in call.inputs):
            return None
        result = plain_gradient(call, memory)
        if factors > 1:
            result.register_hook(lambda grad: grad / factors)
        return result

    def quotient(call: TorchCall, memory: CallMemory) -> Any:
        """All to the numerator, over a constant; a denominator that is alone gets f(x) / x, minus its gradient."""
        first, *denominators = call.inputs
        _, keywords = call.arguments
        if first.is_complex() or keywords.get("rounding_mode") is not None:
            return None
        result = call.result(first, *(denominator.detach() for denominator in denominators))
        if call.input_positions[0] != call.position_of(0, "input"):
            result.register_hook(torch.neg)
        return result

    def scatter(call: TorchCall, memory: CallMemory) -> Any:
        """By contributions where values are added to others."""
        return proportional(call, memory) if accumulates(call) else plain_gradient(call, memory)

    def plain_gradient(call: TorchCall, memory: CallMemory) -> Any:
        """The rule is torch's gradient."""
        return call.result(*call.inputs)

    def no_slope(call: TorchCall, memory: CallMemory) -> Any:
        """The rule is no modified gradient."""
        return None

    def fused_attention(call: TorchCall, memory: CallMemory) -> Any:
        """Products, whose factors get halves, around a softmax, whose rule is torch's gradient."""
        query, key, value = (call.position_of(index, name) for index, name in enumerate(("query", "key", "value")))
        outer = 2 if query in call.input_positions and value in call.input_positions else 1
        divisors = {query: 2 * outer, key: 2 * outer, value: outer}
        if not set(call.input_positions) <= set(divisors):
            return None
        pairs = zip(call.input_positions, call.inputs, strict=True)
        inputs = tuple(_with_divided_gradient(x, divisors[position]) for position, x in pairs)
        return _call_damped(call, memory, stabiliser if outer > 1 else epsilon, inputs=inputs)

    def layer_norm(call: TorchCall, memory: CallMemory) -> Any:
        """Those of its steps: x - mean over a constant, times the weights, plus the biases."""
        arguments = arguments_by_name(call, "input", "normalized_shape", "weight", "bias", "eps")
        x, shape, eps = arguments["input"], arguments["normalized_shape"], arguments.get("eps", 1e-5)
        weight, bias = arguments.get("weight"), arguments.get("bias")
        with torch.no_grad():
            y, mean, inverse_std = torch.native_layer_norm(x, shape, weight, bias, eps)
        dims = tuple(range(-len(shape), 0))

        def slope(grad: Tensor, x: Tensor, y: Tensor) -> Tensor:
            grad = (grad if bias is None else _damp(grad, y, stabiliser)) * inverse_std
            grad = _damp(grad if weight is None else grad.mul_(weight), x - mean, stabiliser)
            return grad.sub_(_damp(grad.mean(dims, keepdim=True), mean, stabiliser))

        return _ModifiedGradient.apply(x, y, memory.hold(x), memory.hold(y), slope)  # type: ignore[no-untyped-call]

    functions: dict[str | TorchFunction, RuleSpec] = {
        name: Decompose(decomposition, otherwise=ModifiedCall(_unless_module_has_rule(proportional)))
        for name, decomposition in DECOMPOSITIONS.items()
    }
    makers: list[tuple[frozenset[str], MakeCall]] = [
        (SUMS, proportional),
        (ADDITION_OPS, addition),
        (ELEMENTWISE_OPS, pass_through),
        (PRODUCT_FUNCTIONS, product),
        (QUOTIENTS, quotient),
        (SCATTERS, scatter),
        (MAXIMA | split_names("softmax"), plain_gradient),
        (GRID_SAMPLERS, no_slope),
    ]
    for names, make in makers:
        functions.update(dict.fromkeys(names, ModifiedCall(_unless_module_has_rule(make))))
    decomposed: dict[str, tuple[TorchFunction, MakeCall]] = {
        "layer_norm": (_decomposed_layer_norm, layer_norm),
        "batch_norm": (folding_batch_norm(lambda layer: False), proportional),
    }
    if stabiliser <= EPSILON:
        decomposed["scaled_dot_product_attention"] = _decomposed_attention, fused_attention
    for name, (decomposition, make) in decomposed.items():
        functions[name] = Decompose(decomposition, otherwise=ModifiedCall(_unless_module_has_rule(make)))
    return Rules(functions, exempt=REARRANGES)


def _unless_module_has_rule(make: MakeCall) -> MakeCall:
    """The same, but None for calls of modules that have a rule of their own."""

    def make_call(call: TorchCall, memory: CallMemory) -> Any:
        module_rule = None if call.module is None else vars(call.module).get("rule")
        return make(call, memory) if module_rule is None else None

    return make_call


def _call_damped(
    call: TorchCall, memory: CallMemory, epsilon: float, divisor: int = 1, inputs: Tensors | None = None
) -> Any:
    """Make a call; the gradient at its output z is multiplied by z / (z + epsilon * sign(z)), and divided.

    Args:
        call: The call.
        memory: What keeps z for the backward.
        epsilon: The stabiliser.
        divisor: What the gradient is divided by: the number of factors of a product.
        inputs: What to call in place of the call's own inputs.
    """
    result = call.result(*(call.inputs if inputs is None else inputs))
    z: Any = result if isinstance(result, Tensor) else tree_flatten(result)[0][0]
    if z.grad_fn is not None and all(z is not x for x in call.inputs):
        held = memory.hold(z)

        def damp(grad: Tensor) -> Tensor:
            damped = by_parts(lambda grad, z: _damp(grad, z, epsilon), grad, held[0])
            return damped if divisor == 1 else damped / divisor

        z.register_hook(damp)
    return result


def _damp(grad: Tensor, z: Tensor, epsilon: float) -> Tensor:
    """A gradient times |z| / (|z| + epsilon).

    In half precision, where a small epsilon vanishes beside any other number, the factor is 0 for |z| <= epsilon and
    else 1.
    """
    if epsilon <= EPSILON and z.dtype not in (torch.float32, torch.float64):
        return torch.ops.aten.hardshrink_backward(grad, z, epsilon)  # type: ignore[no-any-return]
    epsilon = max(epsilon, torch.finfo(z.dtype).tiny)
    return torch.addcdiv(grad, grad, z.abs().add_(epsilon), value=-epsilon)


def _with_divided_gradient(x: Tensor, divisor: int) -> Any:
    """An alias of a tensor, whose gradient is divided."""
    alias: Any = torch.ops.aten.alias(x)
    if divisor > 1:
        alias.register_hook(lambda grad: grad / divisor)
    return alias


def _times_ratio(grad: Tensor, x: Tensor, z: Tensor) -> Tensor:
    """A gradient times z / x; zero where x is zero."""
    return (z / x).masked_fill_(x == 0, 0).mul_(grad)


def _call_with_ratio(
    call: TorchCall, memory: CallMemory, slope: Callable[[Tensor, Tensor, Tensor], Tensor] = _times_ratio
) -> Any:
    """Make the call of an elementwise function, with f(x) / x for a gradient; None for complex numbers."""
    (x,) = call.inputs
    if x.is_complex():
        return None
    with torch.no_grad():
        z = call.output(x)
    return _ModifiedGradient.apply(x, z, memory.hold(x), memory.hold(z), slope)  # type: ignore[no-untyped-call]


class _ModifiedGradient(torch.autograd.Function):
    """Returns z = f(x), computed before, with slope(gradient at z, x, z) for the gradient at x.

    Both tensors come a second time as the memory holds them, for the backward.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, z: Tensor, held_x: list[Tensor], held_z: list[Tensor], slope: Callable[..., Tensor]
    ) -> Tensor:
        ctx.held, ctx.slope = (held_x, held_z), slope
        return z.detach()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (x,), (z,) = ctx.held
        return ctx.slope(grads[0], x, z).to(x.dtype), None, None, None, None


def _decomposed_layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Any:
    """A layer norm in steps where its weights depend on the source or have another dtype; else NotImplemented."""
    parameters = [parameter for parameter in (weight, bias) if parameter is not None]
    if not torch.is_autocast_enabled(input.device.type) and not any(
        parameter.dtype != input.dtype or DEPENDS_ON_SOURCE(parameter) for parameter in parameters
    ):
        return NotImplemented
    return normalization.layer_norm(input, normalized_shape, weight, bias, eps)


def _decomposed_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """Attention in steps where a row is masked completely, query or key is constant, or with dropout.

    Else NotImplemented.
    """
    if (
        dropout_p == 0
        and DEPENDS_ON_SOURCE(query) == DEPENDS_ON_SOURCE(key)
        and (attn_mask is None or _every_row_attends(attn_mask))
    ):
        return NotImplemented
    return attention.attention(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa)


def _every_row_attends(mask: Tensor) -> bool:
    """Whether no row of a mask, boolean or additive, is masked completely."""
    return bool((mask if mask.dtype == torch.bool else mask != -math.inf).any(-1).all())
