"""Batch norms under rules of relevance propagation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor

from pellucid.core.rules.decompositions import normalization
from pellucid.core.rules.entries import RepeatCall
from pellucid.core.rules.run import producing_call
from pellucid.core.rules.torch_call import TorchCall


@final
@dataclass(frozen=True)
class BatchNorm:
    """What `torch.batch_norm` does, as part of the layer before it, which runs once more with weights that do both.

    Args:
        folds: Whether it becomes part of a layer.
    """

    needs_folded_batch_norm: Callable[[TorchCall], bool]

    def __call__(
        self,
        input: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        training: bool,
        momentum: float,
        eps: float,
        cudnn_enabled: bool,
    ) -> Any:
        """The normalised input; NotImplemented where it is no part of a layer."""
        if training or running_mean is None or running_var is None:
            return normalization.batch_norm(
                input, weight, bias, running_mean, running_var, True, momentum, eps, cudnn_enabled
            )
        layer = producing_call(input)
        if layer is None or not layer.name.startswith(("conv", "linear")) or not self.needs_folded_batch_norm(layer):
            return NotImplemented
        args, keywords = layer.arguments
        given = dict(zip(("input", "weight", "bias"), args, strict=False)) | keywords
        if given["weight"].ndim != input.ndim:  # the channels of one are not those of the other
            return NotImplemented
        scale = (running_var + eps).rsqrt() * (1 if weight is None else weight)
        return _folded(layer, given, scale, (0 if bias is None else bias) - running_mean * scale)


def _folded(layer: TorchCall, arguments: dict[str, Any], scale: Tensor, shift: Tensor) -> RepeatCall:
    """The call of a layer whose weights and biases scale and shift what it returns."""
    args, keywords = layer.arguments
    weight: Tensor = arguments["weight"]
    if "transpose" in layer.name:  # (inputs, outputs of a group, ...)
        groups = args[6] if len(args) > 6 else keywords.get("groups", 1)
        apart = weight.reshape(groups, -1, *weight.shape[1:])
        folded = (apart * scale.reshape(groups, 1, -1, *[1] * (weight.ndim - 2))).flatten(0, 1)
    else:
        folded = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
    biases = shift if arguments.get("bias") is None else arguments["bias"] * scale + shift
    folded, biases = folded.to(weight.dtype), biases.to(weight.dtype)
    more = {name: each for name, each in keywords.items() if name not in ("input", "weight", "bias")}
    return RepeatCall(layer, (arguments["input"], folded, biases, *args[3:]), more)
