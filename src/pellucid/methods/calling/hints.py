"""Hints for errors of the user's model, from its inputs, its modules and the error itself."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.utils._pytree import tree_leaves

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.model.adapted import AdaptedModel
from pellucid.core.model.inspection import has_embeddings, root_modules
from pellucid.core.model.layers import module_label
from pellucid.core.tensors import is_floating

CASTS = {torch.float64: "double", torch.float32: "float", torch.float16: "half", torch.bfloat16: "bfloat16"}
"""The methods of tensors that cast to these dtypes."""


def hint(error: Exception, f: ModelFunction) -> str:
    """What the user may try, as code where there is some; "" where nothing is known to help.

    Args:
        error: What the model raised.
        f: The function that called it.
    """
    checks = (_structure, _device, _dtype, _outside_of_torch, _few_rows, _integers, _one_example, _features)
    return next(filter(None, (check(error, f) for check in checks)), "")


def _float_parameters(f: ModelFunction) -> list[Tensor]:
    parameters = (parameter for root in root_modules(f.problem.model) for parameter in root.parameters())
    return [parameter for parameter in parameters if is_floating(parameter)]


def _argument_tensors(f: ModelFunction) -> Iterator[tuple[str, Tensor]]:
    """The tensors among the model's arguments, by name."""
    yield from _named_tensors("inputs", f.problem.inputs)
    yield from _named_tensors("additional_forward_args", f.problem.additional_forward_args)


def _named_tensors(name: str, values: tuple[Any, ...]) -> Iterator[tuple[str, Tensor]]:
    """The tensors in a tuple of arguments, with their names: `inputs`, or `inputs[0]` of several."""
    for index, value in enumerate(values):
        label = f"{name}[{index}]" if len(values) > 1 else name
        yield from ((label, leaf) for leaf in tree_leaves(value) if isinstance(leaf, Tensor))


def _structure(error: Exception, f: ModelFunction) -> str:
    """A model that does not take inputs as it is called with them."""
    model = f.problem.model
    return model.takes if isinstance(model, AdaptedModel) and isinstance(error, TypeError | AttributeError) else ""


def _device(error: Exception, f: ModelFunction) -> str:
    """A tensor on another device than the model."""
    devices = [parameter.device for parameter in _float_parameters(f)]
    if not devices or not isinstance(error, RuntimeError):
        return ""
    elsewhere = ((name, tensor.device) for name, tensor in _argument_tensors(f) if tensor.device not in devices)
    return next((f"{name}.to({str(devices[0])!r}), as the model is there, not on {at}." for name, at in elsewhere), "")


def _dtype(error: Exception, f: ModelFunction) -> str:
    """A floating tensor of another dtype than the model's parameters."""
    dtypes = [parameter.dtype for parameter in _float_parameters(f)]
    if not dtypes or dtypes[0] not in CASTS or "type" not in str(error):
        return ""
    unlike = (name for name, tensor in _argument_tensors(f) if is_floating(tensor) and tensor.dtype not in dtypes)
    return next((f"{name}.{CASTS[dtypes[0]]}(), as the model's parameters are." for name in unlike), "")


def _outside_of_torch(error: Exception, f: ModelFunction) -> str:
    """A model that converts its inputs to NumPy."""
    if "call numpy() on Tensor that requires grad" not in str(error):
        return ""
    return "methods without gradients, such as FeatureAblation and KernelShap, take models outside of torch."


def _few_rows(error: Exception, f: ModelFunction) -> str:
    """A batch norm in training mode, given too few rows."""
    if not (isinstance(error, ValueError) and f.session.info.mixes_examples and f.session.info.trains):
        return ""
    return "model.eval(); in training mode batch norm takes its statistics from the rows given."


def _integers(error: Exception, f: ModelFunction) -> str:
    """Integer inputs."""
    integers = [name for name, tensor in _named_tensors("inputs", f.problem.inputs) if not is_floating(tensor)]
    if integers and (has_embeddings(f.problem.model) or "indices" in str(error)):
        return "integer inputs reach the model as floats; for token ids, attribute at the embedding layer instead."
    return f"{integers[0]}.float(), as the model's parameters are." if integers and "type" in str(error) else ""


def _one_example(error: Exception, f: ModelFunction) -> str:
    """An input that has the shape of one example of the first layer's inputs, without a dimension of examples."""
    modules = (module for root in root_modules(f.problem.model) for module in root.modules())
    layers = (module for module in modules if module._parameters)
    if len(f.problem.inputs) > 1 or not _lacks_examples(f.problem.inputs[0], next(layers, None)):
        return ""
    return "inputs[None] for a single example, as the first dimension is taken for examples."


def _lacks_examples(x: Tensor, layer: nn.Module | None) -> bool:
    """Whether an input has the shape of one example for a layer."""
    if isinstance(layer, nn.Linear):
        return x.numel() == layer.in_features
    if isinstance(layer, nn.RNNBase):
        return x.ndim == 2 and x.shape[1] == layer.input_size
    if isinstance(layer, _ConvNd):
        return x.ndim == 1 + len(layer.kernel_size) and x.shape[0] == layer.in_channels
    return x.ndim == 1


def _features(error: Exception, f: ModelFunction) -> str:
    """A linear layer that was called with another number of features than it takes, in the error's traceback."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        layer, x = frame.f_locals.get("self"), frame.f_locals.get("input")
        if isinstance(layer, nn.Linear) and isinstance(x, Tensor) and x.shape[-1:] != (layer.in_features,):
            label = module_label(layer, f.problem.model)
            return f"{label} takes {layer.in_features} features; it was given {tuple(x.shape)}."
    return ""
