"""Sliding windows and their strides, one for each input."""

from __future__ import annotations

from typing import Any

from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument


def _format_and_verify_sliding_window_shapes(
    sliding_window_shapes: Any, inputs: Tensors
) -> tuple[tuple[int, ...], ...]:
    """The window of each input, where that of a single input need not be in a tuple.

    Raises:
        InvalidArgument: There are not as many as inputs, or one has not as many dimensions as an example.
    """
    shapes = sliding_window_shapes if isinstance(sliding_window_shapes[0], tuple) else (sliding_window_shapes,)
    return _of_dimensions("sliding_window_shapes", shapes, inputs)


def _format_and_verify_strides(strides: Any, inputs: Tensors) -> tuple[int | tuple[int, ...], ...]:
    """The strides of each input: an int, or one for each dimension; 1 where there are none.

    Raises:
        InvalidArgument: There are not as many as inputs, or those of one are not as many as an example has dimensions.
    """
    if strides is None:
        return (1,) * len(inputs)
    in_a_tuple = len(inputs) > 1 or (isinstance(strides, tuple) and len(strides) == 1)
    return _of_dimensions("strides", strides if in_a_tuple else (strides,), inputs)


def _of_dimensions(name: str, values: Any, inputs: Tensors) -> tuple[Any, ...]:
    """Values for each input, which must fit its dimensions."""
    if not isinstance(values, tuple) or len(values) != len(inputs):
        raise InvalidArgument(f"{name} must be a tuple of one for each input: expected {len(inputs)}, got {values!r}.")
    for tensor, value in zip(inputs, values, strict=True):
        if isinstance(value, tuple) and len(value) != tensor.dim() - 1:
            raise InvalidArgument(
                f"{name} must have a number for each dimension of an example: expected {tensor.dim() - 1}, got {value}."
            )
    return values
