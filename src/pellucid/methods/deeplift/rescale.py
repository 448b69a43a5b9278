"""The Rescale rule: multipliers that turn the changes of what a call takes into the change of what it returns.

A call is compared with the same call for the baselines: x with x'. Linear calls need no rule.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from pellucid.core.autograd.audit import split_names
from pellucid.core.evaluation.quadrature import quadrature
from pellucid.core.rules.decompositions import activations, orders, reductions
from pellucid.core.rules.decompositions.table import DECOMPOSED
from pellucid.core.rules.entries import Decompose, ForProducts
from pellucid.core.rules.op_names import ELEMENTWISE, PRODUCT_FUNCTIONS
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.rules import Rules
from pellucid.core.rules.run import apply, record
from pellucid.core.rules.torch_call import TorchCall, TorchFunction
from pellucid.core.tensors import Tensors, minus, plus
from pellucid.methods.deeplift import exponentials
from pellucid.methods.deeplift.scales import Choice, divides, in_order

MAX_FUNCTIONS = split_names(
    """
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d adaptive_max_pool1d_with_indices
    adaptive_max_pool2d_with_indices adaptive_max_pool3d_with_indices amax amin cummax cummin fmax fmin max max_pool1d
    max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices maximum min minimum
    """
)
ORDERS: dict[str, TorchFunction] = {
    "kthvalue": orders.kthvalue,
    "median": orders.median,
    "msort": orders.msort,
    "nanmedian": orders.median,
    "sort": orders.sort,
    "topk": orders.topk,
}
"""Functions that pick numbers by their order, as maxima and minima."""

MULTIPLIED = split_names("cumprod prod")
REDUCED = split_names("index_reduce scatter_reduce")


@functools.cache
def rescale(eps: float) -> Rules:
    """The rules of DeepLIFT.

    Args:
        eps: Changes smaller than this are none, and a gradient is taken in place of their ratio.
    """

    def least(way: Tensor) -> float:
        """What is no change, in the dtype of one."""
        return max(eps, torch.finfo(way.dtype).tiny)

    def ratio(change: Tensor, way: Tensor, otherwise: Callable[[], Tensor]) -> Tensor:
        """How much changes for each unit of the way; something else where that is none, zero where it is infinite."""
        size = way.detach().abs()
        if not size.numel() or size.amin() >= least(way):
            return change / way
        far, still = size >= least(way), otherwise()
        return torch.where(far, change / torch.where(far, way, 1), torch.where(still.isinf(), 0, still))

    def elementwise(call: TorchCall, grad: Tensor) -> Tensors:
        """(f(x) - f(x')) / (x - x'); of several arguments, as they change one after the other, in all orders."""
        if len(call.inputs) > 1:
            return _in_all_orders(call, grad, ratio)
        (x,), (x0,) = call.inputs, _reference_inputs(call)
        slope = ratio(call.output(x) - call.output(x0), x - x0, lambda: call.gradient((x,), torch.ones_like(grad))[0])
        return (grad * slope,)

    def quotient(call: TorchCall, grad: Tensor) -> Tensors:
        """With |b| above |b'|: (a - a') / b and a' (1 / b - 1 / b'), else the other way round.

        So norms have no large contributions that cancel where b' is next to nothing, as it is for a baseline of zeros.
        Exponentials over their sum are a softmax.
        """
        if (found := exponentials.softmax_by_hand(call, grad, elementwise)) is not None:
            return found
        (a, b), _ = call.arguments
        if not isinstance(b, Tensor):
            return (grad / b,)
        (a0, b0), _ = call.arguments if call.reference is None else call.reference.arguments
        ours = b.abs() >= b0.abs()
        passed = {0: grad / torch.where(ours, b, b0), 1: -grad * torch.where(ours, a0 / b0 / b, a / b / b0)}
        return tuple(
            passed[place].sum_to_size(x.shape) for place, x in zip(call.input_positions, call.inputs, strict=True)
        )

    def product(call: TorchCall, grad: Tensor) -> Tensors:
        """The gradient in the middle between x and x', exact for two factors; for more, at several points between.

        Factors that divide come in the order of the quotient: the others change at the smaller of r and r', and they
        change where the others are at the other end.
        """
        inputs, others = call.inputs, _reference_inputs(call)
        nodes, weights = (each.tolist() for each in quadrature("gausslegendre", (_factors(call) + 1) // 2))

        def gradients(chosen: Choice = lambda place, between: between) -> Tensors:
            points = (
                tuple(
                    chosen(place, x0 + node * (x - x0))
                    for place, (x0, x) in enumerate(zip(others, inputs, strict=True))
                )
                for node in nodes
            )
            found = (call.gradient(at, grad * weight) for at, weight in zip(points, weights, strict=True))
            return functools.reduce(plus, found)

        dividing = [place for place, step in enumerate(call.steps) if divides(step)] if len(inputs) > 1 else []
        if not 0 < len(dividing) < len(inputs):
            return gradients()
        return in_order(inputs, others, dividing, gradients)

    def largest(call: TorchCall, grad: Tensor) -> Tensors:
        """With y = max(x) and c = max(y, y'): the place of y receives c - y', that of y' in x' receives y - c.

        Where y' is at several places of x', as in what a constant baseline leads to, the place of y is taken if it is
        one of them. Where y is a constant's, it is at no place of x.
        """
        inputs, others = call.inputs, _reference_inputs(call)
        (y, at_y), (y0, at_y0) = call.vjp(inputs), call.vjp(others)
        between = torch.minimum(y, y0) if "min" in call.name or "amin" in _words(call) else torch.maximum(y, y0)
        moves, same = y != y0, None
        gains, losses = (torch.where(moves, each, 0) for each in (between - y0, y - between))  # infinite ones stay
        if losses.any():
            part, held = _value_at_argmax(at_y, others, y)
            same = (part > 0) & (held == part * y0)
            part = torch.where(same, part, 1)
            gains, losses = torch.where(same, (y - y0) / part, gains), torch.where(same, 0, losses)
        passed = at_y(grad * gains)
        if same is not None and not same.all():
            passed = tuple(one + other for one, other in zip(passed, at_y0(grad * losses), strict=True))
        slopes = functools.cache(lambda: at_y(grad))
        return tuple(
            ratio(each, way, lambda place=place: slopes()[place])  # type: ignore[misc]  # mypy cannot tell its type
            for place, (each, way) in enumerate(zip(passed, minus(inputs, others), strict=True))
        )

    def choice(call: TorchCall, grad: Tensor) -> Tensors:
        """Where inputs and baselines choose another branch, all branches that change share the change of the output."""
        reference = call if call.reference is None else call.reference
        other = (_condition(call) != _condition(reference)).expand(grad.shape)
        if not other.any():
            return call.gradient(call.inputs, grad)
        change = torch.where(other, call.output(*call.inputs) - reference.output(*reference.inputs), 0)
        ways = minus(call.inputs, _reference_inputs(call))
        moves = [other & (way.detach().abs() >= least(way)) for way in ways]
        part = grad * change / torch.stack(moves).sum(0).clamp(min=1)
        passed = call.gradient(call.inputs, torch.where(other, 0, grad))
        return tuple(
            each + torch.where(moved, part / torch.where(moved, way, 1), 0).sum_to_size(each.shape)
            for each, moved, way in zip(passed, moves, ways, strict=True)
        )

    def reduced(call: TorchCall, grad: Tensor) -> Tensors:
        """Maxima, minima and products of what meets in a place; sums and means are linear."""
        rules = {"amax": largest, "amin": largest, "prod": product}
        rule = next((rules[word] for word in _words(call) if word in rules), None)
        return call.gradient(call.inputs, grad) if rule is None else rule(call, grad)

    functions = dict(DECOMPOSED)
    for names, rule in (
        ({"where"}, choice),
        (ELEMENTWISE, elementwise),
        (MAX_FUNCTIONS, largest),
        ({"logsumexp"}, exponentials.log_sum_exp),
        ({"log_softmax"}, exponentials.log_softmax),
        ({"softmax", "safe_softmax"}, exponentials.softmax),
        ({"true_divide"}, quotient),
        (MULTIPLIED, product),
        (REDUCED, reduced),
    ):
        functions.update(dict.fromkeys(names, rule))
    functions.update(dict.fromkeys(PRODUCT_FUNCTIONS, ForProducts(product)))
    functions["reciprocal"] = Decompose(activations.reciprocal, otherwise=elementwise)
    functions.update(dict.fromkeys(("abs", "absolute"), Decompose(reductions.complex_abs, otherwise=elementwise)))
    picking = Rules(dict(functions), exempt=None)
    functions.update({name: _taken_apart(steps, picking) for name, steps in ORDERS.items()})
    functions["topk"] = Decompose(orders.topk_in_order, otherwise=_taken_apart(orders.topk, picking))
    return Rules(functions)


def _taken_apart(steps: TorchFunction, rules: Rules) -> Rule:
    """The rule of calls that are taken apart where a gradient passes back, and not where nobody asks for one.

    Args:
        steps: Takes what the call takes, and returns what it returns first.
        rules: Those of the steps.
    """

    def rule(call: TorchCall, grad: Tensor) -> Tensors:
        apart, differentiable = dataclasses.replace(call, function=steps), torch.is_grad_enabled()
        with record(rules) as reference:
            apart.output(*_reference_inputs(call))
        values = record(rules) if differentiable else None
        if values is not None:
            with values:
                apart.output(*call.inputs)
        at = tuple(each.detach().requires_grad_() for each in call.inputs)
        with torch.enable_grad(), apply(rules, reference=reference, values=values):
            found = apart.output(*at)
        return torch.autograd.grad(found, at, grad, create_graph=differentiable)

    return rule


def _words(call: TorchCall) -> list[str]:
    """What it is called with in words."""
    return [leaf for leaf in call.leaves if isinstance(leaf, str)]


def _factors(call: TorchCall) -> int:
    """How many numbers are multiplied at most."""
    if call.name not in MULTIPLIED | REDUCED:
        return len(call.inputs)
    args, keywords = call.arguments
    dim, x = args[1] if len(args) > 1 else keywords.get("dim"), call.inputs[-1]
    many = x.numel() if dim is None else x.shape[dim] if x.ndim else 1
    return max(1, many + (call.name in REDUCED))


def _condition(call: TorchCall) -> Tensor:
    """By what `torch.where` chooses."""
    return next(leaf for leaf in call.leaves if isinstance(leaf, Tensor) and leaf.dtype in (torch.bool, torch.uint8))


def _reference_inputs(call: TorchCall) -> Tensors:
    """The inputs of the same call for the baselines."""
    return (
        call.inputs if call.reference is None else tuple(call.reference.leaves[place] for place in call.input_positions)
    )


def _in_all_orders(
    call: TorchCall, grad: Tensor, ratio: Callable[[Tensor, Tensor, Callable[[], Tensor]], Tensor]
) -> Tensors:
    """The mean over all orders in which the arguments of an elementwise call change."""
    inputs, others = (
        tuple(each.expand(grad.shape) for each in some) for some in (call.inputs, _reference_inputs(call))
    )
    found = [torch.zeros_like(grad) for _ in inputs]
    orders = list(itertools.permutations(range(len(inputs))))
    for order in orders:
        at = list(others)
        before = call.output(*at)
        for place in order:
            way, at[place] = inputs[place] - others[place], inputs[place]
            after = call.output(*at)

            def slope(position: int = place, at: Tensors = tuple(at)) -> Tensor:  # those of now
                return call.gradient(at, torch.ones_like(grad))[position]

            found[place] = found[place] + ratio(after - before, way, slope)
            before = after
    shares = (grad * each / len(orders) for each in found)
    return tuple(share.sum_to_size(x.shape) for share, x in zip(shares, call.inputs, strict=True))


def _value_at_argmax(passed_back: Callable[[Tensor], Tensors], reference_inputs: Tensors, like: Tensor) -> Tensors:
    """Where a call finds the largest of its inputs, and not a constant: the part that is theirs, what others hold."""
    with torch.enable_grad():
        unit = torch.zeros_like(like, requires_grad=True)
        passed = passed_back(unit)

        def added(factors: Tensors) -> Tensor:
            pairs = zip(passed, factors, strict=True)
            total = torch.stack([(one * factor.detach()).sum() for one, factor in pairs]).sum()
            return torch.autograd.grad(total, unit, retain_graph=True)[0]

        return added(tuple(map(torch.ones_like, reference_inputs))), added(reference_inputs)
