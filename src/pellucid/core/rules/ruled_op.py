"""A call as one node of autograd, whose gradient is that of a rule."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from pellucid.core.rules.torch_call import TorchCall, differentiable_alias
from pellucid.core.tensors import Tensors

Rule: TypeAlias = Callable[[TorchCall, Tensor], Tensors]
"""(a call, the gradient at its first output) -> the gradients at its inputs."""


class _RuledOp(torch.autograd.Function):
    """A call, and the gradient that its rule passes back; all outputs but the first are constants."""

    @staticmethod
    def forward(ctx: Any, call: TorchCall, rule: Rule, layouts: list[TreeSpec], records: bool, *inputs: Tensor) -> Any:
        ctx.call, ctx.rule, ctx.casts = call, rule, _casting(inputs[0].device.type)
        # Inputs that are written into later would refer to the result, and the result to them, for ever.
        detached = tuple(tensor.detach() for tensor in inputs)
        ctx.save_for_backward(*detached)  # never read; it shows hooks that measure memory what is kept
        ctx.set_materialize_grads(False)
        if records:
            with torch.enable_grad():
                leaves = tuple(map(differentiable_alias, detached))
                result = call.result(*leaves)
        else:
            result = call.result(*detached)
        outputs, layout = ([result], None) if isinstance(result, Tensor) else tree_flatten(result)
        if records:
            call.recorded.append((call.leaves, outputs[0], leaves))
        # Torch forbids to write into a view that a custom function returns.
        outputs = [output.detach() if records or output._is_view() else output for output in outputs]
        if layout is None:
            return outputs[0]
        layouts.append(layout)
        ctx.mark_non_differentiable(*outputs[1:])
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        with ctx.casts():
            passed = (None,) * len(ctx.call.input_positions) if grads[0] is None else ctx.rule(ctx.call, grads[0])
        return None, None, None, None, *passed


def _casting(device: str) -> Callable[[], AbstractContextManager[Any]]:
    """Restores the autocast state of now in the backward, where the rule computes."""
    if not torch.is_autocast_enabled(device):
        return nullcontext
    return functools.partial(torch.autocast, device, dtype=torch.get_autocast_dtype(device))


def apply_with_rule(call: TorchCall, rule: Rule, inputs: Tensors, *, records: bool = False) -> Any:
    """The result of a call, with the gradient of a rule.

    Args:
        call: The call.
        rule: The rule.
        inputs: The call's inputs, with their graph.
        records: Whether the forward is saved in the call, for the vector-Jacobian product of the rule.
    """
    layouts: list[TreeSpec] = []
    outputs = _RuledOp.apply(call, rule, layouts, records, *inputs)  # type: ignore[no-untyped-call]
    return tree_unflatten(list(outputs), layouts[0]) if layouts else outputs


def ruled_call(node: Any) -> TorchCall | None:
    """The call with a rule that an autograd node stands for; None for other nodes."""
    return getattr(node, "call", None)
