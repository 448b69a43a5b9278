"""The Rescale rule of softmax and its kin, in closed form: sums of exponentials that neither overflow nor round away.

Logits may be large where their differences are not: nothing here depends on what is added to all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from pellucid.core.autograd.audit import kind_of
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.torch_call import TorchCall
from pellucid.core.tensors import Tensors, at_least_float32

NEAR = 1e-10
"""Ways shorter than this have the slope of their end."""


def log_sum_exp(call: TorchCall, grad: Tensor) -> Tensors:
    """The part of each logit in the change of log(sum of exp(x))."""
    pair = _Pair.of(call)
    return (pair.like_inputs(pair.unreduced(grad) * pair.parts),)


def log_softmax(call: TorchCall, grad: Tensor) -> Tensors:
    """The change of x itself, less that of log(sum of exp(x))."""
    pair, grad = _Pair.of(call), at_least_float32(grad)
    return (pair.like_inputs(grad - pair.parts * grad.sum(pair.dims, keepdim=True)),)


def softmax(call: TorchCall, grad: Tensor) -> Tensors:
    """The same through the exponential: exp(max(z, z')) times the mean of exp(-t) between them."""
    pair = _Pair.of(call)
    return (pair.through_softmax(grad, pair.parts),)


def softmax_by_hand(call: TorchCall, grad: Tensor, exponential: Rule) -> Tensors | None:
    """The same for a quotient exp(x) / sum of exp(x), whose multipliers add up to zero.

    So nothing comes of what is taken away from all x, be it detached or another shift for the baselines.

    Args:
        call: The quotient.
        grad: The gradient there.
        exponential: The rule of the exponential, through which all passes next; the sum receives nothing.

    Returns:
        None where the quotient is another one.
    """
    exp, dims = _exponentials(call)
    if exp is None or not dims:
        return None
    (slope,) = exponential(exp, torch.ones_like(grad))
    pair = _Pair.between(exp.inputs[0], _other_terms(exp), dims)
    passed = pair.through_softmax(grad, pair.mixture)
    level = slope == 0
    return torch.where(level, 0, passed / torch.where(level, 1, slope)), torch.zeros_like(call.inputs[1])


def _exponentials(call: TorchCall) -> tuple[TorchCall | None, tuple[int, ...]]:
    """The exponential that a quotient divides by its own sum, and over which dimensions; None of others."""
    (a, *divisor), (above, *below) = call.inputs, call.steps
    if not divisor or a.is_complex() or a.ndim != divisor[0].ndim:
        return None, ()
    dims = tuple(dim for dim in range(a.ndim) if a.shape[dim] != divisor[0].shape[dim])
    (step,) = below
    if _made_by(step) == "unsqueeze":
        ((step, _),) = step.next_functions
    if _made_by(step) != "sum" or step.next_functions[0][0] is not above:
        return None, ()
    while _made_by(above) == "copybackwards":  # what is written over another tensor, as by exp_
        above = above.next_functions[-1][0]
    whole = _made_by(above) == "exp" and torch.equal(a.sum(dims, keepdim=True), divisor[0])
    return above.call if whole else None, dims


def _made_by(step: Any) -> str:
    """The name of the call or of the step that has made a tensor."""
    call: TorchCall | None = getattr(step, "call", None)
    return "" if step is None else kind_of(step).lower() if call is None else call.name


@final
@dataclass(frozen=True, eq=False)
class _Pair:
    """Logits x and x' along some dimensions: z = x - log(sum of exp(x)), z', and how far the logarithm goes.

    Args:
        x: The logits.
        x0: The same of the baselines.
        z: Logarithms of the softmax.
        z0: The same of the baselines.
        way: From the logarithm of the sum for the baselines to that for the inputs.
        dims: The dimensions.
    """

    x: Tensor
    x0: Tensor
    z: Tensor
    z0: Tensor
    way: Tensor
    dims: tuple[int, ...]

    @classmethod
    def of(cls, call: TorchCall) -> _Pair:
        """Those of a call."""
        (x,) = call.inputs
        args, keywords = call.arguments
        dim = args[1] if len(args) > 1 else keywords["dim"]
        dims = tuple(sorted(each % max(x.ndim, 1) for each in ((dim,) if isinstance(dim, int) else dim)))
        return cls.between(x, _other_terms(call), dims)

    @classmethod
    def between(cls, x: Tensor, x0: Tensor, dims: tuple[int, ...]) -> _Pair:
        """Those of some logits."""
        (z, peak, rest), (z0, peak0, rest0) = (_apart(at_least_float32(each), dims) for each in (x, x0))
        return cls(x, x0, z, z0, (peak - peak0) + (rest - rest0), dims)

    @property
    def parts(self) -> Tensor:
        """The mean slope of log(sum of exp(x)): that of each exponential, over the larger of both sums."""
        way = self.way
        exponents = torch.where(
            way >= 0, torch.maximum(self.z, self.z0 - way), torch.maximum(self.z + way, self.z0)
        )  # less the larger of the logarithms
        return (
            exponents.exp()
            * _mean_decay((at_least_float32(self.x) - at_least_float32(self.x0)).abs())
            / _mean_decay(way.abs())
        )

    @property
    def mixture(self) -> Tensor:
        """Parts in that change that add up to one: the softmax p of x and p' of x', mixed as it is convex.

        With a = KL(p, p') and b = KL(p', p): p' a / (a + b) + p b / (a + b).
        """
        p, p0, away = self.z.exp(), self.z0.exp(), self.z - self.z0
        most = torch.finfo(away.dtype).max / 4
        a, b = (
            torch.where(each == 0, 0, each * sign * away).sum(self.dims, keepdim=True).clamp(0, most)
            for each, sign in ((p, 1), (p0, -1))
        )
        return torch.lerp(p, p0, torch.where(a + b == 0, 0.5, a / (a + b)))

    def through_softmax(self, grad: Tensor, parts: Tensor) -> Tensor:
        """What passes back through the exponential of each logit, less their parts in the logarithm of the sum."""
        passed = at_least_float32(grad) * torch.maximum(self.z, self.z0).exp() * _mean_decay((self.z - self.z0).abs())
        return self.like_inputs(passed - parts * passed.sum(self.dims, keepdim=True))

    def unreduced(self, grad: Tensor) -> Tensor:
        """A gradient at what is reduced, with the dimensions that were, of size one."""
        for dim in self.dims if grad.ndim < self.x.ndim else ():
            grad = grad.unsqueeze(dim)
        return at_least_float32(grad)

    def like_inputs(self, multipliers: Tensor) -> Tensor:
        """In the dtype of the logits."""
        return multipliers.to(self.x.dtype)


def _other_terms(call: TorchCall) -> Tensor:
    """The logits of the same call for the baselines."""
    others: Tensor = call.inputs[0] if call.reference is None else call.reference.leaves[call.input_positions[0]]
    return others


def _apart(x: Tensor, dims: tuple[int, ...]) -> Tensors:
    """The logarithm of the softmax, and that of the sum as the largest logit and what the others add."""
    peak = x.detach().amax(dims, keepdim=True)
    peak = torch.where(peak.isinf(), 0, peak)
    away = x - peak
    rest = away.exp().sum(dims, keepdim=True).log()
    return away - rest, peak, rest


def _mean_decay(way: Tensor) -> Tensor:
    """The mean of exp(-t) for t from zero to the way: (1 - exp(-way)) / way; one where there is none."""
    far = way > NEAR
    return torch.where(far, -torch.expm1(-way) / torch.where(far, way, 1), 1)
