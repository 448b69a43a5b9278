"""What to try where the user's model fails: what can be seen of its inputs, of its modules and of the error."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.utils._pytree import tree_leaves

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.model.inspection import has_embeddings, root_modules
from pellucid.core.model.layers import module_label
from pellucid.core.tensors import Tensors, is_floating

CASTS = {torch.float64: "double", torch.float32: "float", torch.float16: "half", torch.bfloat16: "bfloat16"}
"""The methods of tensors that give these dtypes."""


def hint(error: Exception, f: ModelFunction) -> str:
    """What may help, in words that can be typed; nothing where nobody can tell.

    Args:
        error: What the model raised.
        f: What was called.
    """
    looks = (_device, _dtype, _outside_of_torch, _few_rows, _integers, _one_example, _features)
    return next(filter(None, (look(error, f) for look in looks)), "")


def _float_parameters(f: ModelFunction) -> list[Tensor]:
    return [each for root in root_modules(f.problem.model) for each in root.parameters() if is_floating(each)]


def _named_tensors(inputs: Tensors, extra: tuple[Any, ...] = ()) -> Iterator[tuple[str, Tensor]]:
    """The tensors that a model is given, by the names of the arguments."""
    for name, values in (("inputs", inputs), ("additional_forward_args", extra)):
        for index, value in enumerate(values):
            which = f"{name}[{index}]" if len(values) > 1 else name
            yield from ((which, leaf) for leaf in tree_leaves(value) if isinstance(leaf, Tensor))


def _device(error: Exception, f: ModelFunction) -> str:
    devices = [each.device for each in _float_parameters(f)]
    if not devices or not isinstance(error, RuntimeError):
        return ""
    elsewhere = (
        (name, each.device)
        for name, each in _named_tensors(f.problem.inputs, f.problem.additional_forward_args)
        if each.device not in devices
    )
    return next((f"{name}.to({str(devices[0])!r}), as the model is there, not on {at}." for name, at in elsewhere), "")


def _dtype(error: Exception, f: ModelFunction) -> str:
    dtypes = [each.dtype for each in _float_parameters(f)]
    if not dtypes or dtypes[0] not in CASTS or "type" not in str(error):
        return ""
    given = _named_tensors(f.problem.inputs, f.problem.additional_forward_args)
    unlike = (name for name, each in given if is_floating(each) and each.dtype not in dtypes)
    return next((f"{name}.{CASTS[dtypes[0]]}(), as the model's parameters are." for name in unlike), "")


def _outside_of_torch(error: Exception, f: ModelFunction) -> str:
    if "call numpy() on Tensor that requires grad" not in str(error):
        return ""
    return "methods without gradients, such as FeatureAblation and KernelShap, take models outside of torch."


def _few_rows(error: Exception, f: ModelFunction) -> str:
    if not (isinstance(error, ValueError) and f.session.info.mixes_examples and f.session.info.trains):
        return ""
    return "model.eval(); in training mode batch norm takes its statistics from the rows given."


def _integers(error: Exception, f: ModelFunction) -> str:
    integers = [name for name, each in _named_tensors(f.problem.inputs) if not is_floating(each)]
    if integers and (has_embeddings(f.problem.model) or "indices" in str(error)):
        return "integer inputs reach the model as floats; for token ids, attribute at the embedding layer instead."
    return f"{integers[0]}.float(), as the model's parameters are." if integers and "type" in str(error) else ""


def _one_example(error: Exception, f: ModelFunction) -> str:
    """Inputs that look like one example of what the model's first layer takes, without a dimension of examples."""
    layers = (each for root in root_modules(f.problem.model) for each in root.modules() if each._parameters)
    if len(f.problem.inputs) > 1 or not _lacks_examples(f.problem.inputs[0], next(layers, None)):
        return ""
    return "inputs[None] for a single example, as the first dimension is taken for examples."


def _lacks_examples(x: Tensor, layer: nn.Module | None) -> bool:
    if isinstance(layer, nn.Linear):
        return x.numel() == layer.in_features
    if isinstance(layer, nn.RNNBase):
        return x.ndim == 2 and x.shape[1] == layer.input_size
    if isinstance(layer, _ConvNd):
        return x.ndim == 1 + len(layer.kernel_size) and x.shape[0] == layer.in_channels
    return x.ndim == 1


def _features(error: Exception, f: ModelFunction) -> str:
    """A linear layer that was given another number of features than it takes, where the model failed."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        layer, x = frame.f_locals.get("self"), frame.f_locals.get("input")
        if isinstance(layer, nn.Linear) and isinstance(x, Tensor) and x.shape[-1:] != (layer.in_features,):
            label = module_label(layer, f.problem.model)
            return f"{label} takes {layer.in_features} features; it was given {tuple(x.shape)}."
    return ""
