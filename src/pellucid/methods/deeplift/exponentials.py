"""The Rescale rule of softmax, log-softmax and log-sum-exp in closed form, without overflow or cancellation.

Logits may be large where their differences are small: nothing here depends on a constant added to all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from pellucid.core.autograd.audit import kind_of
from pellucid.core.rules.ruled_op import Rule, ruled_call
from pellucid.core.rules.torch_call import TorchCall, reference_inputs
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, at_least_float32

MIN_DIFFERENCE = 1e-10
"""Differences smaller than this count as zero."""


def log_sum_exp(call: TorchCall, grad: Tensor) -> Tensors:
    """The Rescale rule of log(sum of exp(x))."""
    logits = _LogitPair.of(call)
    return (logits.as_input_dtype(logits.unreduced(grad) * logits.log_sum_exp_multipliers),)


def log_softmax(call: TorchCall, grad: Tensor) -> Tensors:
    """The Rescale rule of x - log(sum of exp(x))."""
    logits, grad = _LogitPair.of(call), at_least_float32(grad)
    total = grad.sum(logits.dims, keepdim=True)
    return (logits.as_input_dtype(grad - logits.log_sum_exp_multipliers * total),)


def softmax(call: TorchCall, grad: Tensor) -> Tensors:
    """The Rescale rule of exp(x - log(sum of exp(x)))."""
    logits = _LogitPair.of(call)
    return (logits.through_softmax(grad, logits.log_sum_exp_multipliers),)


def softmax_by_hand(call: TorchCall, grad: Tensor, exponential: Rule) -> Tensors | None:
    """The Rescale rule of a softmax written as exp(x) / sum of exp(x), whose multipliers add up to zero.

    So a shift that is subtracted from all x, as their maximum is, gets no contribution: it may be detached, and differ
    at the baselines.

    Args:
        call: The quotient.
        grad: The gradient at its output.
        exponential: The rule of the exponential, which the gradient of the numerator passes through next.

    Returns:
        The gradients of the numerator and of the sum, which gets zeros; None for other quotients.
    """
    exp, dims = _exponentials(call)
    if exp is None or not dims:
        return None
    (slope,) = exponential(exp, torch.ones_like(grad))
    logits = _LogitPair.between(exp.inputs[0], reference_inputs(exp)[0], dims)
    passed = logits.through_softmax(grad, logits.mixed_probabilities)
    is_flat = slope == 0
    return torch.where(is_flat, 0, passed / torch.where(is_flat, 1, slope)), torch.zeros_like(call.inputs[1])


def _exponentials(call: TorchCall) -> tuple[TorchCall | None, tuple[int, ...]]:
    """The exponential that a quotient divides by its sum, and the dimensions of the sum; None for other quotients."""
    (a, *divisor), (numerator, *denominator) = call.inputs, call.input_nodes
    if not divisor or a.is_complex() or a.ndim != divisor[0].ndim:
        return None, ()
    dims = tuple(dim for dim in range(a.ndim) if a.shape[dim] != divisor[0].shape[dim])
    (node,) = denominator
    if _name_of_node(node) == "unsqueeze":
        ((node, _),) = node.next_functions
    if _name_of_node(node) != "sum" or node.next_functions[0][0] is not numerator:
        return None, ()
    while _name_of_node(numerator) == "copybackwards":  # written over another tensor, as by exp_
        numerator = numerator.next_functions[-1][0]
    is_softmax = _name_of_node(numerator) == "exp" and torch.equal(a.sum(dims, keepdim=True), divisor[0])
    return ruled_call(numerator) if is_softmax else None, dims


def _name_of_node(node: Any) -> str:
    """The name of a node's call with a rule, or that of the node itself."""
    call = ruled_call(node)
    return "" if node is None else kind_of(node).lower() if call is None else call.name


@final
@dataclass(frozen=True, eq=False)
class _LogitPair(Summarized):
    """Logits x, and x' at the baselines, with z = x - log(sum of exp(x)) and z'.

    Args:
        x: The logits.
        reference_x: The logits x'.
        z: The log-softmax of x.
        reference_z: That of x'.
        delta: The change of log(sum of exp(x)) from x' to x.
        dims: The dimensions of the sum.
    """

    x: Tensor
    reference_x: Tensor
    z: Tensor
    reference_z: Tensor
    delta: Tensor
    dims: tuple[int, ...]

    @classmethod
    def of(cls, call: TorchCall) -> _LogitPair:
        """The logits of a call."""
        (x,) = call.inputs
        args, keywords = call.arguments
        dim = args[1] if len(args) > 1 else keywords["dim"]
        dims = tuple(sorted(dim % max(x.ndim, 1) for dim in ((dim,) if isinstance(dim, int) else dim)))
        return cls.between(x, reference_inputs(call)[0], dims)

    @classmethod
    def between(cls, x: Tensor, reference_x: Tensor, dims: tuple[int, ...]) -> _LogitPair:
        """The logits x and x'."""
        z, peak, excess = _log_softmax_with_sum(at_least_float32(x), dims)
        reference_z, reference_peak, reference_excess = _log_softmax_with_sum(at_least_float32(reference_x), dims)
        delta = (peak - reference_peak) + (excess - reference_excess)
        return cls(x, reference_x, z, reference_z, delta, dims)

    @property
    def log_sum_exp_multipliers(self) -> Tensor:
        """Those of the exponential, (exp(x) - exp(x')) / (x - x'), times that of the logarithm of the sum."""
        delta = self.delta
        exponents = torch.where(
            delta >= 0,
            torch.maximum(self.z, self.reference_z - delta),
            torch.maximum(self.z + delta, self.reference_z),
        )  # max(x, x') less the larger of both log-sum-exps
        delta_x = at_least_float32(self.x) - at_least_float32(self.reference_x)
        return exponents.exp() * _mean_decay(delta_x.abs()) / _mean_decay(delta.abs())

    @property
    def mixed_probabilities(self) -> Tensor:
        """Multipliers of log(sum of exp(x)) that add up to one: the softmax p of x and p' of x', mixed.

        With a = KL(p, p') and b = KL(p', p): p' a / (a + b) + p b / (a + b), which gives its change, too.
        """
        p, reference_p, delta_z = self.z.exp(), self.reference_z.exp(), self.z - self.reference_z
        limit = torch.finfo(delta_z.dtype).max / 4
        a, b = (
            torch.where(q == 0, 0, q * sign * delta_z).sum(self.dims, keepdim=True).clamp(0, limit)
            for q, sign in ((p, 1), (reference_p, -1))
        )
        return torch.lerp(p, reference_p, torch.where(a + b == 0, 0.5, a / (a + b)))

    def through_softmax(self, grad: Tensor, log_sum_exp_multipliers: Tensor) -> Tensor:
        """The gradient at x of one at exp(z): (exp(z) - exp(z')) / (z - z'), then z = x - log(sum of exp(x))."""
        larger, distance = torch.maximum(self.z, self.reference_z), (self.z - self.reference_z).abs()
        passed = at_least_float32(grad) * larger.exp() * _mean_decay(distance)
        return self.as_input_dtype(passed - log_sum_exp_multipliers * passed.sum(self.dims, keepdim=True))

    def unreduced(self, grad: Tensor) -> Tensor:
        """A gradient at log(sum of exp(x)), with the summed dimensions, of size one."""
        for dim in self.dims if grad.ndim < self.x.ndim else ():
            grad = grad.unsqueeze(dim)
        return at_least_float32(grad)

    def as_input_dtype(self, multipliers: Tensor) -> Tensor:
        """Multipliers in the dtype of the logits."""
        return multipliers.to(self.x.dtype)


def _log_softmax_with_sum(x: Tensor, dims: tuple[int, ...]) -> Tensors:
    """The log-softmax, and log(sum of exp(x)) as two terms: the largest logit, and the excess over it."""
    peak = x.detach().amax(dims, keepdim=True)
    peak = torch.where(peak.isinf(), 0, peak)
    below = x - peak
    excess = below.exp().sum(dims, keepdim=True).log()
    return below - excess, peak, excess


def _mean_decay(delta: Tensor) -> Tensor:
    """The mean of exp(-t) over t from zero to delta, which is not negative: (1 - exp(-delta)) / delta."""
    is_large = delta > MIN_DIFFERENCE
    return torch.where(is_large, -torch.expm1(-delta) / torch.where(is_large, delta, 1), 1)
