"""The Rescale rule of DeepLIFT, for each kind of call: multipliers from the change of its inputs to that of its output.

A call is compared with the same call at the baselines. Linear calls need no rule.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pellucid.core.autograd.audit import split_names
from pellucid.core.evaluation.quadrature import quadrature
from pellucid.core.python_functions import TorchFunction
from pellucid.core.rules.decompositions import activations, orders, reductions
from pellucid.core.rules.decompositions.table import DECOMPOSED
from pellucid.core.rules.entries import Decompose, ForProducts
from pellucid.core.rules.op_names import ELEMENTWISE, PRODUCT_FUNCTIONS
from pellucid.core.rules.ruled_forward import apply, record
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.rules import Rules
from pellucid.core.rules.torch_call import TorchCall, reference_inputs
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, minus, plus
from pellucid.methods.deeplift import exponentials
from pellucid.methods.deeplift.reciprocals import Hold, is_reciprocal, multipliers_in_order

MAX_FUNCTIONS = split_names(
    """
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d adaptive_max_pool1d_with_indices
    adaptive_max_pool2d_with_indices adaptive_max_pool3d_with_indices amax amin cummax cummin fmax fmin max max_pool1d
    max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices maximum min minimum
    """
)
"""Functions whose outputs are the largest or smallest of several numbers; LRP has a rule for max-pooling ones alone."""

ORDER_STATISTICS: dict[str, TorchFunction] = {
    "kthvalue": orders.kthvalue,
    "median": orders.median,
    "msort": orders.msort,
    "nanmedian": orders.median,
    "sort": orders.sort,
    "topk": orders.topk,
}
"""Functions that pick numbers by their rank, written as maxima and minima."""

PRODUCTS_OF_ELEMENTS = split_names("cumprod prod")
REDUCTIONS_BY_INDEX = split_names("index_reduce scatter_reduce")


@functools.cache
def rescale(eps: float) -> Rules:
    """The rules of DeepLIFT.

    Args:
        eps: Differences smaller than this count as zero: a gradient takes the place of a ratio by them.
    """
    rules = _RescaleRules(eps)
    functions = dict(DECOMPOSED)
    for names, rule in (
        ({"where"}, rules.where),
        (ELEMENTWISE, rules.elementwise),
        (MAX_FUNCTIONS, rules.maximum),
        ({"logsumexp"}, exponentials.log_sum_exp),
        ({"log_softmax"}, exponentials.log_softmax),
        ({"softmax", "safe_softmax"}, exponentials.softmax),
        ({"true_divide"}, rules.quotient),
        (PRODUCTS_OF_ELEMENTS, rules.product),
        (REDUCTIONS_BY_INDEX, rules.reduction_by_index),
    ):
        functions.update(dict.fromkeys(names, rule))
    functions.update(dict.fromkeys(PRODUCT_FUNCTIONS, ForProducts(rules.product)))
    functions["reciprocal"] = Decompose(activations.reciprocal, otherwise=rules.elementwise)
    functions.update(dict.fromkeys(("abs", "absolute"), Decompose(reductions.complex_abs, otherwise=rules.elementwise)))
    rules_of_steps = Rules(dict(functions), exempt=None)
    functions.update({name: _by_decomposition(steps, rules_of_steps) for name, steps in ORDER_STATISTICS.items()})
    functions["topk"] = Decompose(orders.topk_in_order, otherwise=_by_decomposition(orders.topk, rules_of_steps))
    return Rules(functions)


@final
@dataclass(frozen=True)
class _RescaleRules(Summarized):
    """The Rescale rule, for each kind of nonlinear call.

    A call y = f(x) is compared with y' = f(x'), the same call at the baselines.

    Args:
        eps: Differences smaller than this count as zero.
    """

    eps: float

    def elementwise(self, call: TorchCall, grad: Tensor) -> Tensors:
        """(f(x) - f(x')) / (x - x'); for several arguments their Shapley values over their differences."""
        if len(call.inputs) > 1:
            return self._over_permutations(call, grad)
        (x,), (reference_x,) = call.inputs, reference_inputs(call)
        delta_y = call.output(x) - call.output(reference_x)
        slope = functools.partial(_slope, call, (x,), 0, grad)
        return (grad * self._ratio(delta_y, x - reference_x, slope),)

    def quotient(self, call: TorchCall, grad: Tensor) -> Tensors:
        """Of a / b with |b| above |b'|: 1 / b for a, and a' (1 / b - 1 / b') for b; else the other way round.

        So norms have no large contributions that cancel where b' is close to zero, as it is at a baseline of zeros.
        Exponentials over their sum are a softmax.
        """
        if (multipliers := exponentials.softmax_by_hand(call, grad, self.elementwise)) is not None:
            return multipliers
        (a, b), _ = call.arguments
        if not isinstance(b, Tensor):
            return (grad / b,)
        (reference_a, reference_b), _ = _reference_call(call).arguments
        is_larger = b.abs() >= reference_b.abs()
        for_a = grad / torch.where(is_larger, b, reference_b)
        for_b = -grad * torch.where(is_larger, reference_a / reference_b / b, a / b / reference_b)
        return tuple(
            (for_a, for_b)[position].sum_to_size(x.shape)
            for position, x in zip(call.input_positions, call.inputs, strict=True)
        )

    def product(self, call: TorchCall, grad: Tensor) -> Tensors:
        """The mean gradient on the line from x' to x, by quadrature: exact, at its middle for two factors.

        Factors that divide, as in x * rsqrt(v), change before or after the others, as denominators do in the rule of
        quotients.
        """
        inputs, references = call.inputs, reference_inputs(call)
        nodes, weights = (array.tolist() for array in quadrature("gausslegendre", (_factor_count(call) + 1) // 2))

        def mean_gradient(hold: Hold = lambda position, between: between) -> Tensors:
            points = (
                tuple(
                    hold(position, reference_x + node * (x - reference_x))
                    for position, (reference_x, x) in enumerate(zip(references, inputs, strict=True))
                )
                for node in nodes
            )
            terms = (call.gradient(point, grad * weight) for point, weight in zip(points, weights, strict=True))
            return functools.reduce(plus, terms)

        nodes_of_factors = call.input_nodes if len(inputs) > 1 else ()
        dividing = [position for position, node in enumerate(nodes_of_factors) if is_reciprocal(node)]
        if not 0 < len(dividing) < len(inputs):
            return mean_gradient()
        return multipliers_in_order(inputs, references, dividing, mean_gradient)

    def maximum(self, call: TorchCall, grad: Tensor) -> Tensors:
        """Let y = max(x) and c = max(y, y'): the argmax of x gets c - y', that of x' gets y - c; minima likewise.

        Where x' has its maximum at several positions, as after a constant baseline, the argmax of x is taken if it is
        one of them. A maximum that is a constant's is at no position of x.
        """
        inputs, references = call.inputs, reference_inputs(call)
        (y, vjp), (reference_y, reference_vjp) = call.vjp(inputs), call.vjp(references)
        is_minimum = "min" in call.name or "amin" in _text_arguments(call)
        middle = torch.minimum(y, reference_y) if is_minimum else torch.maximum(y, reference_y)
        differs, same_argmax = y != reference_y, None  # where both are infinite, their difference is NaN
        gains, losses = (torch.where(differs, delta, 0) for delta in (middle - reference_y, y - middle))
        if losses.any():
            share, reference_value = _value_at_argmax(vjp, references, y)
            same_argmax = (share > 0) & (reference_value == share * reference_y)
            share = torch.where(same_argmax, share, 1)
            gains = torch.where(same_argmax, (y - reference_y) / share, gains)
            losses = torch.where(same_argmax, 0, losses)
        contributions = vjp(grad * gains)
        if same_argmax is not None and not same_argmax.all():
            contributions = plus(contributions, reference_vjp(grad * losses))
        gradients = functools.cache(lambda: vjp(grad))

        def gradient(position: int) -> Tensor:
            return gradients()[position]

        return tuple(
            self._ratio(contribution, delta_x, functools.partial(gradient, position))
            for position, (contribution, delta_x) in enumerate(
                zip(contributions, minus(inputs, references), strict=True)
            )
        )

    def where(self, call: TorchCall, grad: Tensor) -> Tensors:
        """Where x and x' choose different branches, all branches that change get equal parts of the change of y."""
        reference = _reference_call(call)
        switches = (_condition(call) != _condition(reference)).expand(grad.shape)
        if not switches.any():
            return call.gradient(call.inputs, grad)
        delta_y = torch.where(switches, call.output(*call.inputs) - reference.output(*reference.inputs), 0)
        deltas = minus(call.inputs, reference_inputs(call))
        changes = [switches & (delta.detach().abs() >= self._min_delta(delta)) for delta in deltas]
        equal_part = grad * delta_y / torch.stack(changes).sum(0).clamp(min=1)
        gradients = call.gradient(call.inputs, torch.where(switches, 0, grad))
        return tuple(
            gradient + torch.where(change, equal_part / torch.where(change, delta, 1), 0).sum_to_size(gradient.shape)
            for gradient, change, delta in zip(gradients, changes, deltas, strict=True)
        )

    def reduction_by_index(self, call: TorchCall, grad: Tensor) -> Tensors:
        """Maxima, minima and products of the numbers that an index puts together; sums and means are linear."""
        rules = {"amax": self.maximum, "amin": self.maximum, "prod": self.product}
        rule = next((rules[text] for text in _text_arguments(call) if text in rules), None)
        return call.gradient(call.inputs, grad) if rule is None else rule(call, grad)

    def _min_delta(self, delta: Tensor) -> float:
        """The smallest difference that does not count as zero, in the dtype of this one."""
        return max(self.eps, torch.finfo(delta.dtype).tiny)

    def _ratio(self, delta_y: Tensor, delta_x: Tensor, fallback: Callable[[], Tensor]) -> Tensor:
        """The quotient delta_y / delta_x; where delta_x counts as zero the fallback, or zero if that is infinite."""
        size = delta_x.detach().abs()
        if not size.numel() or size.amin() >= self._min_delta(delta_x):
            return delta_y / delta_x
        is_large, gradient = size >= self._min_delta(delta_x), fallback()
        quotient = delta_y / torch.where(is_large, delta_x, 1)
        return torch.where(is_large, quotient, torch.where(gradient.isinf(), 0, gradient))

    def _over_permutations(self, call: TorchCall, grad: Tensor) -> Tensors:
        """The mean over all permutations in which the arguments of an elementwise call change from x' to x."""
        inputs, references = (
            tuple(x.expand(grad.shape) for x in tensors) for tensors in (call.inputs, reference_inputs(call))
        )
        multipliers = [torch.zeros_like(grad) for _ in inputs]
        permutations = list(itertools.permutations(range(len(inputs))))
        for permutation in permutations:
            point = list(references)
            before = call.output(*point)
            for position in permutation:
                delta_x, point[position] = inputs[position] - references[position], inputs[position]
                after = call.output(*point)
                slope = functools.partial(_slope, call, tuple(point), position, grad)
                multipliers[position] = multipliers[position] + self._ratio(after - before, delta_x, slope)
                before = after
        passed = (grad * multiplier / len(permutations) for multiplier in multipliers)
        return tuple(gradient.sum_to_size(x.shape) for gradient, x in zip(passed, call.inputs, strict=True))


def _slope(call: TorchCall, point: Tensors, position: int, like: Tensor) -> Tensor:
    """The derivative of an elementwise call by one of its inputs."""
    return call.gradient(point, torch.ones_like(like))[position]


def _by_decomposition(steps: TorchFunction, rules: Rules) -> Rule:
    """The rule of calls that are decomposed in the backward only, where a gradient asks for it.

    Args:
        steps: The decomposition: takes the arguments of the call, and returns what the call returns first.
        rules: The rules of the calls that it makes.
    """

    def rule(call: TorchCall, grad: Tensor) -> Tensors:
        decomposed, differentiable = dataclasses.replace(call, function=steps), torch.is_grad_enabled()
        with record(rules) as reference:
            decomposed.output(*reference_inputs(call))
        values = record(rules) if differentiable else None
        if values is not None:
            with values:
                decomposed.output(*call.inputs)
        leaves = tuple(x.detach().requires_grad_() for x in call.inputs)
        with torch.enable_grad(), apply(rules, reference=reference, values=values):
            output = decomposed.output(*leaves)
        return torch.autograd.grad(output, leaves, grad, create_graph=differentiable)

    return rule


def _reference_call(call: TorchCall) -> TorchCall:
    """The same call at the baselines; itself where it has no reference."""
    return call if call.reference is None else call.reference


def _text_arguments(call: TorchCall) -> list[str]:
    """The arguments of a call that are strings, such as the kind of a reduction."""
    return [leaf for leaf in call.leaves if isinstance(leaf, str)]


def _factor_count(call: TorchCall) -> int:
    """How many numbers a product multiplies at most."""
    if call.name not in PRODUCTS_OF_ELEMENTS | REDUCTIONS_BY_INDEX:
        return len(call.inputs)
    args, keywords = call.arguments
    dim, x = args[1] if len(args) > 1 else keywords.get("dim"), call.inputs[-1]
    size = x.numel() if dim is None else x.shape[dim] if x.ndim else 1
    return max(1, size + (call.name in REDUCTIONS_BY_INDEX))


def _condition(call: TorchCall) -> Tensor:
    """The condition of `torch.where`."""
    return next(leaf for leaf in call.leaves if isinstance(leaf, Tensor) and leaf.dtype in (torch.bool, torch.uint8))


def _value_at_argmax(vjp: Callable[[Tensor], Tensors], references: Tensors, like: Tensor) -> Tensors:
    """The values of x' at the argmax of x.

    Args:
        vjp: The vector-Jacobian product of the maximum at x.
        references: Tensors like the inputs.
        like: A tensor like the output.

    Returns:
        The share of the maximum that is at x and not at a constant; and the values of x' there, times this share.
    """
    with torch.enable_grad():
        unit = torch.zeros_like(like, requires_grad=True)
        passed = vjp(unit)

        def jvp(tangents: Tensors) -> Tensor:
            """The Jacobian-vector product: the gradient of the vector-Jacobian product, which is linear in `unit`."""
            pairs = zip(passed, tangents, strict=True)
            total = torch.stack([(gradient * tangent.detach()).sum() for gradient, tangent in pairs]).sum()
            return torch.autograd.grad(total, unit, retain_graph=True)[0]

        return jvp(tuple(map(torch.ones_like, references))), jvp(references)
