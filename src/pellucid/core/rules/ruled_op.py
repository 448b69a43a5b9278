"""A call as one step of autograd, whose gradient is that of a rule."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from pellucid.core.rules.torch_call import TorchCall, beginning
from pellucid.core.tensors import Tensors

Rule: TypeAlias = Callable[[TorchCall, Tensor], Tensors]
"""(a call, the gradient at its first output) -> the gradients at its inputs."""


class _RuledOp(torch.autograd.Function):
    """A call, and the gradient that its rule passes back."""

    @staticmethod
    def forward(ctx: Any, call: TorchCall, rule: Rule, layouts: list[TreeSpec], records: bool, *inputs: Tensor) -> Any:
        ctx.call, ctx.rule, ctx.casts = call, rule, _casting(inputs[0].device.type)
        # Inputs that are written into later would know of the result, and the result of them, for ever.
        at = tuple(each.detach() for each in inputs)
        ctx.save_for_backward(*at)  # never looked at; it tells those who measure what is kept
        ctx.set_materialize_grads(False)
        if records:
            with torch.enable_grad():
                at = tuple(map(beginning, at))
                result = call.result(*at)
        else:
            result = call.result(*at)
        found, layout = ([result], None) if isinstance(result, Tensor) else tree_flatten(result)
        if records:
            call.recorded.append((call.leaves, found[0], at))
        # Of a view that a step of its own returns torch says that nobody may write into it.
        found = [each.detach() if records or each._is_view() else each for each in found]
        if layout is None:
            return found[0]
        layouts.append(layout)
        ctx.mark_non_differentiable(*found[1:])
        return tuple(found)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        with ctx.casts():
            passed = (None,) * len(ctx.call.input_positions) if grads[0] is None else ctx.rule(ctx.call, grads[0])
        return None, None, None, None, *passed


def _casting(device: str) -> Callable[[], AbstractContextManager[Any]]:
    """What makes autocast as it is now, for what a rule does later."""
    if not torch.is_autocast_enabled(device):
        return nullcontext
    return functools.partial(torch.autocast, device, dtype=torch.get_autocast_dtype(device))


def apply_with_rule(call: TorchCall, rule: Rule, inputs: Tensors, *, records: bool = False) -> Any:
    """What a call returns for inputs, with the gradient of a rule, which may want to go back there."""
    layouts: list[TreeSpec] = []
    found = _RuledOp.apply(call, rule, layouts, records, *inputs)  # type: ignore[no-untyped-call]
    return tree_unflatten(list(found), layouts[0]) if layouts else found
