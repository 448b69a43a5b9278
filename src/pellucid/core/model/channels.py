"""Which dimension of a tensor holds the channels."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

CHANNELS_SECOND = (_ConvNd, _NormBase, nn.GroupNorm)
"""Modules whose channels are the second dimension; those of any other module with weights are the last."""


def channels_last(tensor: Tensor, layer: Iterable[nn.Module], model: Iterable[nn.Module]) -> bool:
    """Whether the channels of a tensor are its last dimension, not the second, inferred from the sizes of weights.

    Channels are second if a convolution or norm of as many dimensions has as many channels as the second dimension;
    else last if other weights, such as those of a linear layer or layer norm, have the size of the last dimension;
    else second.

    Args:
        tensor: An input, or a tensor at a layer; of two dimensions, the answer is no.
        layer: The modules of the layer, whose weights are asked first.
        model: All modules of the model.
    """
    if tensor.ndim < 3:
        return False
    of_layer = [submodule for module in layer for submodule in module.modules()]
    answers = (_last_by_weights(tensor, modules) for modules in (of_layer, model))
    return next((answer for answer in answers if answer is not None), False)


def _last_by_weights(tensor: Tensor, modules: Iterable[nn.Module]) -> bool | None:
    """Whether the channels of a tensor are last, by the weights of modules; None where no weights fit."""
    last = False
    for module in modules:
        weights = list(module.parameters(recurse=False))
        if not isinstance(module, CHANNELS_SECOND):
            last |= any(tensor.shape[-1] in weight.shape for weight in weights if weight.ndim < 3)
        elif weights and weights[0].ndim in (1, tensor.ndim) and tensor.shape[1] in weights[0].shape[:2]:
            return False
    return last or None
