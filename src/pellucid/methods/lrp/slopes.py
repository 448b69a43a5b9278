"""Relevance as a changed gradient: where rules allow, R / x is passed back in place of R, by torch's own steps.

What is read is multiplied by in the end. Where all layers follow the epsilon rule, that is how every rule reads: a
layer's is torch's gradient, an activation's is f(x) / x, a product's half of the gradient, a denominator is a constant.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten

from pellucid.core.autograd.audit import REARRANGES, split_names
from pellucid.core.autograd.dependence import DEPENDS_ON_SOURCE
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.sweep import evaluate_own_points
from pellucid.core.problem.points import Points
from pellucid.core.rules.decompositions import attention, normalization
from pellucid.core.rules.decompositions.table import DECOMPOSITIONS
from pellucid.core.rules.entries import Around, Decompose, RuleSpec
from pellucid.core.rules.memory import CallMemory
from pellucid.core.rules.op_names import PRODUCT_FUNCTIONS
from pellucid.core.rules.rules import Rules
from pellucid.core.rules.torch_call import TorchCall, TorchFunction
from pellucid.core.tensors import Tensors
from pellucid.methods.backprop.rule_gradients import gradient_under_rules
from pellucid.methods.deeplift.scales import inverts
from pellucid.methods.lrp.batch_norm import BatchNorm
from pellucid.methods.lrp.contributions import WeightedLayerCall
from pellucid.methods.lrp.op_rules import (
    ADDITION_OPS,
    ELEMENTWISE_OPS,
    ELEMENTWISE_PRODUCTS,
    EPSILON,
    MAXIMA,
    QUOTIENTS,
    SUMS,
    bias_position,
    by_parts,
    places_more,
)

HOMOGENEOUS = split_names("abs absolute dropout feature_dropout leaky_relu native_dropout neg negative relu rrelu")
"""Functions of one number for which f(x) / x is the gradient."""

KEPT = split_names("index_put put scatter scatter_reduce")
"""Functions that put numbers somewhere, which may be added to others."""


class NoSlope(Exception):
    """A model makes calls whose rule is no changed gradient."""


def passed_back_as_slopes(f: ModelFunction, epsilon: float, stabiliser: float) -> tuple[Tensors, Tensor]:
    """The relevance where a pathway reads, and the values that it starts from.

    Args:
        f: The function, to one value per example.
        epsilon: Of the rule of all layers.
        stabiliser: What keeps the denominators of all other calls from zero.

    Raises:
        NoSlope: It is not to be had so.
    """
    rules = slopes(epsilon, stabiliser)

    def evaluate(points: Points) -> Tensors:
        warned, f.session.warned_inputs = f.session.warned_inputs, _AllWarned()
        try:
            found = gradient_under_rules(f, rules, points)
        except RuntimeError as error:
            if "modified by an inplace operation" not in str(error):
                raise
            raise NoSlope from error  # rules remember what is written into later
        finally:
            f.session.warned_inputs = warned
        trail, gradient = found.run.audit, found.gradient
        unruled = found.run.blind or trail is None or any(trail.missing_rules(gradient.value, gradient.at))
        if unruled or not all(grad.any() for grad in gradient.grad):
            raise NoSlope
        pairs = zip(gradient.at, gradient.grad, strict=True)
        return *(by_parts(torch.mul, x.detach(), grad) for x, grad in pairs), gradient.value.detach()

    *relevance, value = evaluate_own_points(f, evaluate)
    return tuple(relevance), value


class _AllWarned(set[int]):
    """As if the user had been told of all inputs that no gradient reaches: such as denominators alone, or for good."""

    def __contains__(self, index: object) -> bool:
        return True


@functools.cache
def slopes(epsilon: float, stabiliser: float) -> Rules:
    """The rules of all calls, where all layers follow the epsilon rule.

    Args:
        epsilon: Of the rule of all layers.
        stabiliser: What keeps the denominators of all other calls from zero.
    """

    def shared(call: TorchCall, memory: CallMemory) -> Any:
        """By contributions: torch's gradient, less what the stabiliser takes."""
        return _damped(call, memory, stabiliser)

    def addition(call: TorchCall, memory: CallMemory) -> Any:
        """The same, and all to what is moved by a mere number; where that is zero, there is no R / x."""
        if sum(isinstance(leaf, Tensor) for leaf in call.leaves) > 1:
            return shared(call, memory)
        return None if (call.inputs[0] == 0).any() else _ratio(call, memory, lambda grad, x, z: (z / x).mul_(grad))

    def passed_on(call: TorchCall, memory: CallMemory) -> Any:
        """All of it: f(x) / x."""
        if inverts(call):
            with torch.no_grad():
                return call.result(*call.inputs)
        if len(call.inputs) > 1:
            return shared(call, memory)
        if call.name not in HOMOGENEOUS or call.inputs[0].is_complex():  # abs of both parts is a root
            return _ratio(call, memory)
        return call.result(*call.inputs)

    def product(call: TorchCall, memory: CallMemory) -> Any:
        """Equal parts to all factors."""
        if WeightedLayerCall.of(call) is not None:
            return _damped(call, memory, epsilon)
        apart, factors = bias_position(call), len(call.input_positions)
        if factors > 1 and apart in call.input_positions:
            return None
        if call.name in ELEMENTWISE_PRODUCTS:
            return None if any(each.is_complex() for each in call.inputs) else _parts(call, factors)
        return _damped(call, memory, stabiliser, factors)

    def quotient(call: TorchCall, memory: CallMemory) -> Any:
        """All of it to the numerator; where the denominator is alone f(x) / x, the gradient the other way."""
        first, *others = call.inputs
        _, keywords = call.arguments
        if first.is_complex() or keywords.get("rounding_mode") is not None:
            return None
        result = call.result(first, *(each.detach() for each in others))
        if call.input_positions[0] != call.position_of(0, "input"):
            result.register_hook(torch.neg)
        return result

    def placement(call: TorchCall, memory: CallMemory) -> Any:
        """By contributions where numbers are added to others."""
        return shared(call, memory) if places_more(call) else call.result(*call.inputs)

    def attention(call: TorchCall, memory: CallMemory) -> Any:
        """Products of halves around a softmax, whose rule is torch's gradient."""
        query, key, value = (call.position_of(*each) for each in enumerate(("query", "key", "value")))
        ends = 2 if query in call.input_positions and value in call.input_positions else 1
        factors = {query: 2 * ends, key: 2 * ends, value: ends}
        if not set(call.input_positions) <= set(factors):
            return None
        scaled = (_rescaled(x, factors[place]) for place, x in zip(call.input_positions, call.inputs, strict=True))
        return _damped(call, memory, stabiliser if ends > 1 else epsilon, inputs=tuple(scaled))

    def layer_norm(call: TorchCall, memory: CallMemory) -> Any:
        """That of its steps, a difference from the mean over a constant, times the weights and with the biases."""
        args, keywords = call.arguments
        given = dict(zip(("input", "normalized_shape", "weight", "bias", "eps"), args, strict=False)) | keywords
        x, weight, bias = given["input"], given.get("weight"), given.get("bias")
        with torch.no_grad():
            y, mean, rate = torch.native_layer_norm(x, given["normalized_shape"], weight, bias, given.get("eps", 1e-5))
        dims = tuple(range(-len(given["normalized_shape"]), 0))

        def change(grad: Tensor, x: Tensor, y: Tensor) -> Tensor:
            passed = (grad if bias is None else _damp(grad, y, stabiliser)) * rate
            passed = _damp(passed if weight is None else passed.mul_(weight), x - mean, stabiliser)
            return passed.sub_(_damp(passed.mean(dims, keepdim=True), mean, stabiliser))

        return _Changed.apply(x, y, memory.hold(x), memory.hold(y), change)  # type: ignore[no-untyped-call]

    functions: dict[str | TorchFunction, RuleSpec] = {
        name: Decompose(steps, otherwise=Around(_unless_ruled(shared))) for name, steps in DECOMPOSITIONS.items()
    }
    for names, make in (
        (SUMS, shared),
        (ADDITION_OPS, addition),
        (ELEMENTWISE_OPS, passed_on),
        (PRODUCT_FUNCTIONS, product),
        (QUOTIENTS, quotient),
        (KEPT, placement),
        (MAXIMA | split_names("softmax"), lambda call, memory: call.result(*call.inputs)),
        (split_names("grid_sampler grid_sampler_2d grid_sampler_3d"), lambda call, memory: None),
    ):
        functions.update(dict.fromkeys(names, Around(_unless_ruled(make))))
    functions["layer_norm"] = Decompose(_layer_norm_in_steps, otherwise=Around(_unless_ruled(layer_norm)))
    functions["batch_norm"] = Decompose(BatchNorm(lambda layer: False), otherwise=Around(_unless_ruled(shared)))
    if stabiliser <= EPSILON:
        fused = Around(_unless_ruled(attention))
        functions["scaled_dot_product_attention"] = Decompose(_attention_in_steps, otherwise=fused)
    return Rules(functions, exempt=REARRANGES)


def _unless_ruled(make: Callable[[TorchCall, CallMemory], Any]) -> Callable[[TorchCall, CallMemory], Any]:
    """What makes calls, but for those of modules that have a rule of their own."""

    def made(call: TorchCall, memory: CallMemory) -> Any:
        own = None if call.module is None else vars(call.module).get("rule")
        return make(call, memory) if own is None else None

    return made


def _damped(call: TorchCall, memory: CallMemory, epsilon: float, parts: int = 1, inputs: Tensors | None = None) -> Any:
    """What a call returns, with the gradient times z / (z + epsilon * sign(z)), and over the number of parts."""
    result = call.result(*(call.inputs if inputs is None else inputs))
    z: Any = result if isinstance(result, Tensor) else tree_flatten(result)[0][0]
    if z.grad_fn is not None and all(z is not each for each in call.inputs):
        held = memory.hold(z)

        def damp(grad: Tensor) -> Tensor:
            passed = by_parts(lambda each, at: _damp(each, at, epsilon), grad, held[0])
            return passed if parts == 1 else passed / parts

        z.register_hook(damp)
    return result


def _damp(grad: Tensor, z: Tensor, epsilon: float) -> Tensor:
    """A gradient times |z| / (|z| + epsilon); in half precision none where z is next to nothing, and all elsewhere."""
    if epsilon <= EPSILON and z.dtype not in (torch.float32, torch.float64):
        return torch.ops.aten.hardshrink_backward(grad, z, epsilon)  # type: ignore[no-any-return]
    least = max(epsilon, torch.finfo(z.dtype).tiny)
    return torch.addcdiv(grad, grad, z.abs().add_(least), value=-least)


def _parts(call: TorchCall, factors: int) -> Any:
    """What a product returns, with equal parts of the gradient."""
    result = call.result(*call.inputs)
    if factors > 1:
        result.register_hook(lambda grad: grad / factors)
    return result


def _rescaled(x: Tensor, parts: int) -> Any:
    """A tensor whose gradient is divided."""
    alias: Any = torch.ops.aten.alias(x)
    if parts > 1:
        alias.register_hook(lambda grad: grad / parts)
    return alias


def _by_ratio(grad: Tensor, x: Tensor, z: Tensor) -> Tensor:
    """A gradient times z / x; nothing where x is zero."""
    return (z / x).masked_fill_(x == 0, 0).mul_(grad)


def _ratio(call: TorchCall, memory: CallMemory, change: Callable[[Tensor, Tensor, Tensor], Tensor] = _by_ratio) -> Any:
    """What a function of one number returns, with f(x) / x for a gradient."""
    (x,) = call.inputs
    if x.is_complex():
        return None
    with torch.no_grad():
        z = call.output(x)
    return _Changed.apply(x, z, memory.hold(x), memory.hold(z), change)  # type: ignore[no-untyped-call]


class _Changed(torch.autograd.Function):
    """What a function makes of x, with another gradient."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, z: Tensor, held: list[Tensor], held_z: list[Tensor], change: Callable[..., Tensor]
    ) -> Tensor:
        ctx.held, ctx.change = (held, held_z), change
        return z.detach()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (x,), (z,) = ctx.held
        return ctx.change(grads[0], x, z).to(x.dtype), None, None, None, None


def _layer_norm_in_steps(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Any:
    """A layer norm in steps where its weights depend on the source, or are of another dtype; else torch's."""
    others = [each for each in (weight, bias) if each is not None]
    if not torch.is_autocast_enabled(input.device.type) and not any(
        each.dtype != input.dtype or DEPENDS_ON_SOURCE(each) for each in others
    ):
        return NotImplemented
    return normalization.layer_norm(input, normalized_shape, weight, bias, eps)


def _attention_in_steps(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """Attention in steps where some may look at nobody, one side is constant or something is dropped; else torch's."""
    if (
        dropout_p == 0
        and DEPENDS_ON_SOURCE(query) == DEPENDS_ON_SOURCE(key)
        and (attn_mask is None or _all_see(attn_mask))
    ):
        return NotImplemented
    return attention.attention(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa)


def _all_see(mask: Tensor) -> bool:
    return bool((mask if mask.dtype == torch.bool else mask != -math.inf).any(-1).all())
