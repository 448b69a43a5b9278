"""Batch norm under relevance propagation: folded into the layer before it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from pellucid.core.python_functions import TorchFunction
from pellucid.core.rules.decompositions import normalization
from pellucid.core.rules.entries import RepeatCall
from pellucid.core.rules.ruled_forward import producing_call
from pellucid.core.rules.torch_call import TorchCall
from pellucid.methods.lrp.op_rules import arguments_by_name


class BatchNormArguments(NamedTuple):
    """The arguments of `torch.batch_norm`, in its order."""

    input: Tensor
    weight: Tensor | None
    bias: Tensor | None
    running_mean: Tensor | None
    running_var: Tensor | None
    training: bool
    momentum: float
    eps: float
    cudnn_enabled: bool


def folding_batch_norm(needs_folding: Callable[[TorchCall], bool]) -> TorchFunction:
    """A decomposition of `torch.batch_norm`: the layer before it is repeated with weights that do the work of both.

    In training mode, where the statistics are the batch's, it takes the norm apart into steps instead. Where neither
    applies it returns NotImplemented.

    Args:
        needs_folding: Whether a norm is to be folded into the layer that made its input, given that layer's call.
    """

    @functools.wraps(normalization.batch_norm)
    def batch_norm(*args: Any, **keywords: Any) -> Any:
        norm = BatchNormArguments(*args, **keywords)
        if norm.training or norm.running_mean is None or norm.running_var is None:
            return normalization.batch_norm(*norm._replace(training=True))
        layer = producing_call(norm.input)
        if layer is None or not layer.name.startswith(("conv", "linear")) or not needs_folding(layer):
            return NotImplemented
        arguments = arguments_by_name(layer, "input", "weight", "bias")
        if arguments["weight"].ndim != norm.input.ndim:
            return NotImplemented  # the norm's channels are in another dimension than the layer's
        scale = (norm.running_var + norm.eps).rsqrt() * (1 if norm.weight is None else norm.weight)
        return _folded(layer, arguments, scale, (0 if norm.bias is None else norm.bias) - norm.running_mean * scale)

    return batch_norm


def _folded(layer: TorchCall, arguments: dict[str, Any], scale: Tensor, shift: Tensor) -> RepeatCall:
    """The call of a layer, repeated with weights and biases that also scale and shift each channel of its output."""
    args, keywords = layer.arguments
    weight: Tensor = arguments["weight"]
    if "transpose" in layer.name:  # (inputs, outputs of a group, ...)
        groups = args[6] if len(args) > 6 else keywords.get("groups", 1)
        by_group = weight.reshape(groups, -1, *weight.shape[1:])
        folded = (by_group * scale.reshape(groups, 1, -1, *[1] * (weight.ndim - 2))).flatten(0, 1)
    else:
        folded = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
    biases = shift if arguments.get("bias") is None else arguments["bias"] * scale + shift
    folded, biases = folded.to(weight.dtype), biases.to(weight.dtype)
    options = {name: value for name, value in keywords.items() if name not in ("input", "weight", "bias")}
    return RepeatCall(layer, (arguments["input"], folded, biases, *args[3:]), options)
