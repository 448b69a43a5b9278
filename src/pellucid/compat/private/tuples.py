"""Tensors and tuples of them, as Captum passes them on: formats of inputs, arguments and outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument


def _is_tuple(inputs: Any) -> bool:
    """Whether inputs came as a tuple."""
    return isinstance(inputs, tuple)


def _format_tensor_into_tuples(inputs: Tensor | Tensors | None) -> Tensors | None:
    """A tensor as a tuple of one, a tuple as it is, and None as None."""
    return None if inputs is None else _as_tuple(inputs, Tensor, "a torch.Tensor or a tuple of these")


def _format_float_or_tensor_into_tuples(
    inputs: float | Tensor | tuple[float | Tensor, ...],
) -> tuple[float | Tensor, ...]:
    """The same of floats and tensors."""
    return _as_tuple(inputs, (float, Tensor), "a float, a torch.Tensor or a tuple of these")


def _as_tuple(value: Any, types: type | tuple[type, ...], expected: str) -> tuple[Any, ...]:
    if isinstance(value, tuple):
        return value
    if not isinstance(value, types):
        raise InvalidArgument(f"inputs must be {expected}: got {type(value).__name__}.")
    return (value,)


def _format_inputs(inputs: Any, unpack_inputs: bool = True) -> Any:
    """What a model is called with: a tuple or list as it is, if it is to be unpacked; anything else in a tuple."""
    return inputs if unpack_inputs and isinstance(inputs, tuple | list) else (inputs,)


def _format_additional_forward_args(additional_forward_args: Any) -> tuple[Any, ...] | None:
    """A tuple as it is, None as None, and anything else in a tuple."""
    if additional_forward_args is None or isinstance(additional_forward_args, tuple):
        return additional_forward_args
    return (additional_forward_args,)


def _format_output(is_inputs_tuple: bool, output: Tensors) -> Tensor | Tensors:
    """Tensors as inputs came, a tuple or a tensor."""
    if not isinstance(output, tuple):
        raise InvalidArgument(f"output must be a tuple: got {type(output).__name__}.")
    if is_inputs_tuple:
        return output
    if len(output) != 1:
        raise InvalidArgument(f"output must be of one tensor, as the inputs are: got {len(output)}.")
    return output[0]


def _format_outputs(is_multiple_inputs: bool, outputs: list[Tensors]) -> Any:
    """A tensor or a tuple for each of several inputs, in a list; or the one there is."""
    if not isinstance(outputs, list):
        raise InvalidArgument(f"outputs must be a list: got {type(outputs).__name__}.")
    if not is_multiple_inputs and len(outputs) != 1:
        raise InvalidArgument(f"outputs must be one, as the inputs are: got {len(outputs)}.")
    formatted = [_format_output(len(output) > 1, output) for output in outputs]
    return formatted if is_multiple_inputs else formatted[0]


def _flatten_tensor_or_tuple(inp: Tensor | Tensors) -> Tensor:
    """All elements, one after the other."""
    return torch.cat([tensor.flatten() for tensor in (inp if isinstance(inp, tuple) else (inp,))])


def _reduce_list(val_list: Sequence[Any], red_func: Callable[[list[Any]], Any] = torch.cat) -> Any:
    """Tensors on one device reduced, tuples of them position by position, and truth values to whether any is true.

    Raises:
        InvalidArgument: There are none, or they are something else.
    """
    if not val_list:
        raise InvalidArgument("val_list must hold something to reduce: got an empty list.")
    first = val_list[0]
    if isinstance(first, Tensor):
        return red_func([value.to(first.device) for value in val_list])
    if isinstance(first, bool):
        return any(val_list)
    if isinstance(first, tuple | list):
        return tuple(_reduce_list(values, red_func) for values in zip(*val_list, strict=True))
    raise InvalidArgument(f"val_list must hold tensors, truth values or tuples of these: got {type(first).__name__}.")
