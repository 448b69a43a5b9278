"""One call of a model, and what is asked of its output."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from pellucid.compat.private.tuples import _format_additional_forward_args, _format_inputs
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument

Index: TypeAlias = int | tuple[int | slice, ...]
"""An element of each example's output."""
Selector: TypeAlias = Index | Callable[..., Tensor]
"""A neuron: an element of what a layer says for each example, or a function of it."""


def _run_forward(
    forward_func: Callable[..., Any], inputs: Any, target: Any = None, additional_forward_args: Any = None
) -> Any:
    """The target of what a model returns for inputs, a tensor or a tuple, and further arguments.

    A model that takes nothing is called with nothing; of a future, the answer is a future.
    """
    if not _takes_arguments(forward_func):
        return _select_targets(forward_func(), target)
    arguments = *_format_inputs(inputs), *(_format_additional_forward_args(additional_forward_args) or ())
    output = forward_func(*arguments)
    if isinstance(output, torch._C.Future):
        return output.then(lambda answered: _select_targets(answered.value(), target))
    return _select_targets(output, target)


def _takes_arguments(function: Callable[..., Any]) -> bool:
    """Whether a function has parameters; one of C, which does not say, has."""
    try:
        return bool(inspect.signature(function).parameters)
    except ValueError:
        return bool(function)


def _select_targets(output: Any, target: Any) -> Any:
    """The target of an output (B, ...): all of it, one element of each example, or a different one of each.

    Raises:
        InvalidArgument: The target is no such thing, or does not fit the output.
    """
    if target is None:
        return output
    if isinstance(target, Tensor) and target.numel() == 1:
        target = int(target.item())
    if isinstance(target, int | tuple):
        return _verify_select_column(output, target)
    if not isinstance(target, Tensor | list):
        raise InvalidArgument(f"target must be an int, a tuple, a tensor or a list: got {type(target).__name__}.")
    _validate_target(output.shape[0], target)
    if isinstance(target, list) and all(isinstance(index, tuple) for index in target):
        return torch.stack([example[index] for example, index in zip(output, target, strict=True)])
    return _columns(output, target)


def _columns(output: Tensor, target: Tensor | list[int]) -> Tensor:
    """Of each row of an output (B, K) a column of its own."""
    if isinstance(target, list) and not all(isinstance(index, int) for index in target):
        raise InvalidArgument("target must be a list of ints or of tuples: got others in it.")
    columns = torch.as_tensor(target, device=output.device)
    if output.dim() != 2 or columns.dim() != 1:
        raise InvalidArgument(
            f"target must be a column for each row of an output (B, K): got {tuple(columns.shape)} "
            f"for an output {tuple(output.shape)}."
        )
    return output.gather(1, columns.unsqueeze(1)).squeeze(1)


def _validate_target(num_samples: int, target: Any) -> None:
    """A target of which there is one for each example must be as long as there are examples.

    Raises:
        InvalidArgument: It is not.
    """
    per_example = isinstance(target, list) or (isinstance(target, Tensor) and target.numel() > 1)
    if per_example and len(target) != num_samples:
        raise InvalidArgument(f"target must hold one element per example: expected {num_samples}, got {len(target)}.")


def _contains_slice(target: int | slice | tuple[int | slice, ...]) -> bool:
    """Whether an index has a slice in it."""
    return any(isinstance(index, slice) for index in (target if isinstance(target, tuple) else (target,)))


def _verify_select_column(output: Tensor, target: Index) -> Tensor:
    """An element of each example.

    Raises:
        InvalidArgument: The index has more dimensions than an example.
    """
    index = (slice(None), *(target if isinstance(target, tuple) else (target,)))
    if len(index) > output.dim():
        raise InvalidArgument(f"target must have at most {output.dim() - 1} dimensions: got {len(index) - 1}.")
    return output[index]


def _verify_select_neuron(layer_output: Tensors, selector: Selector) -> Tensor:
    """What a function says of a layer's output, or an element of it; where slices choose several, their sum.

    Raises:
        InvalidArgument: An element is to be taken of several tensors.
    """
    if callable(selector):
        return selector(layer_output[0] if len(layer_output) == 1 else layer_output)
    if len(layer_output) != 1:
        raise InvalidArgument(
            f"selector must be a function where a layer has several tensors: got an index of {len(layer_output)}."
        )
    selected = _verify_select_column(layer_output[0], selector)
    return selected.flatten(1).sum(1) if _contains_slice(selector) else selected
