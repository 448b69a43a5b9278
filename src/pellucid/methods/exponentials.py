"""The Rescale rule of softmax and its kin, in closed form: sums of exponentials that neither overflow nor round away.

Logits may be large where their differences are not: nothing here depends on what is added to all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pellucid.core.call import Call
from pellucid.core.tensors import Tensors, widened

NEAR = 1e-10
"""Ways shorter than this have the slope of their end."""


def log_sum_exp(call: Call, grad: Tensor) -> Tensors:
    """The part of each logit in the change of log(sum of exp(x))."""
    pair = _Pair.of(call)
    return (pair.like_inputs(pair.unreduced(grad) * pair.parts),)


def log_softmax(call: Call, grad: Tensor) -> Tensors:
    """The change of x itself, less that of log(sum of exp(x))."""
    pair, grad = _Pair.of(call), widened(grad)
    return (pair.like_inputs(grad - pair.parts * grad.sum(pair.dims, keepdim=True)),)


def softmax(call: Call, grad: Tensor) -> Tensors:
    """The same through the exponential: exp(max(z, z')) times the mean of exp(-t) between them."""
    pair = _Pair.of(call)
    slopes = torch.maximum(pair.z, pair.z0).exp() * _mean_decay((pair.z - pair.z0).abs())
    passed = widened(grad) * slopes
    return (pair.like_inputs(passed - pair.parts * passed.sum(pair.dims, keepdim=True)),)


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
    def of(cls, call: Call) -> _Pair:
        """Those of a call."""
        (x,) = call.inputs
        x0 = x if call.reference is None else call.reference.leaves[call.places[0]]
        args, keywords = call.arguments
        dim = args[1] if len(args) > 1 else keywords["dim"]
        dims = tuple(sorted(each % max(x.ndim, 1) for each in ((dim,) if isinstance(dim, int) else dim)))
        (z, peak, rest), (z0, peak0, rest0) = (_apart(widened(each), dims) for each in (x, x0))
        return cls(x, x0, z, z0, (peak - peak0) + (rest - rest0), dims)

    @property
    def parts(self) -> Tensor:
        """The mean slope of log(sum of exp(x)): that of each exponential, over the larger of both sums."""
        way = self.way
        exponents = torch.where(
            way >= 0, torch.maximum(self.z, self.z0 - way), torch.maximum(self.z + way, self.z0)
        )  # less the larger of the logarithms
        return exponents.exp() * _mean_decay((widened(self.x) - widened(self.x0)).abs()) / _mean_decay(way.abs())

    def unreduced(self, grad: Tensor) -> Tensor:
        """A gradient at what is reduced, with the dimensions that were, of size one."""
        for dim in self.dims if grad.ndim < self.x.ndim else ():
            grad = grad.unsqueeze(dim)
        return widened(grad)

    def like_inputs(self, multipliers: Tensor) -> Tensor:
        """In the dtype of the logits."""
        return multipliers.to(self.x.dtype)


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
