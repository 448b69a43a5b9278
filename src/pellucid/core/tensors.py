"""Tuples of tensors, which the engine has for all inputs, activations and gradients, and functions of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import Parameter

from pellucid.errors import InvalidArgument

Tensors: TypeAlias = tuple[Tensor, ...]


def as_tensor_tuple(value: Tensor | Tensors, name: str) -> Tensors:
    """A tensor or a tuple of tensors as a tuple of tensors.

    Args:
        value: The user's value.
        name: The argument's name, for the message.

    Raises:
        InvalidArgument: The value is neither, or the tuple is empty.
    """
    tensors = value if isinstance(value, tuple) else (value,)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            description = type(tensor).__name__ + (" in a tuple" if isinstance(value, tuple) else "")
            hint = conversion_hint(tensor, name)
            raise InvalidArgument(f"{name} must be a tensor or a tuple of tensors: got {description}.{hint}")
    if not tensors:
        raise InvalidArgument(f"{name} must hold at least one tensor: got an empty tuple.")
    return tensors


def unwrap_single(tensors: Tensors) -> Tensor | Tensors:
    """A single tensor by itself, or the tuple of several, as users' functions take inputs."""
    return tensors[0] if len(tensors) == 1 else tensors


def conversion_hint(value: object, name: str) -> str:
    """A hint for a message: how to make a tensor of a value of another type; an empty string for an unknown type.

    Args:
        value: The user's value.
        name: The argument's name.
    """
    if isinstance(value, Mapping) and value:
        first, *additional = (f"{name}[{key!r}]" for key in value)
        more = f", additional_forward_args=({', '.join(additional[:FEW_NAMES])},), as the model takes them"
        return f" Hint: {name}={first}{more if additional else ''}."
    if isinstance(value, list) and value and all(isinstance(entry, Tensor) for entry in value):
        return f" Hint: tuple({name}) of several inputs, torch.stack({name}) of several examples."
    if isinstance(value, list):
        return f" Hint: torch.tensor({name})."
    if hasattr(value, "to_numpy"):  # frames and series of pandas, polars and others
        return f" Hint: torch.as_tensor({name}.to_numpy(), dtype=torch.float32)."
    if isinstance(value, np.ndarray):
        return f" Hint: torch.as_tensor({name}{', dtype=torch.float32' if value.dtype.kind == 'f' else ''})."
    return ""


FEW_NAMES = 4
"""How many names of a mapping a message lists."""


def format_names(value: Mapping[Any, Any]) -> str:
    """The first names in a mapping, for a message."""
    names = [repr(name) for name in value]
    return ", ".join(names[:FEW_NAMES] + ["..."] * (len(names) > FEW_NAMES))


def validated_inputs(inputs: Tensor | Tensors) -> Tensors:
    """The user's inputs as a tuple of tensors whose first dimension is the examples, at least one.

    One of several tensors may be empty, for an absent feature.

    Raises:
        InvalidArgument: They are not tensors, or have no examples.
    """
    tensors = as_tensor_tuple(inputs, "inputs")
    if any(tensor.ndim == 0 for tensor in tensors):
        raise InvalidArgument(f"inputs must have a first dimension, the examples: got {format_shapes(tensors)}.")
    if not any(tensor.shape[0] for tensor in tensors):
        raise InvalidArgument(f"inputs must hold at least one example: got {format_shapes(tensors)}.")
    return tensors


def batch_size_of(tensors: Tensors) -> int:
    """The number of examples: the first dimension of the first tensor that is not empty."""
    return tensors[0].shape[0] or next(tensor.shape[0] for tensor in tensors if tensor.shape[0])


def format_shapes(tensors: Tensors) -> str:
    """The shapes for a message: `(8, 3)` for one tensor, `((8, 3), (8, 5))` for two."""
    shapes = [str(tuple(tensor.shape)) for tensor in tensors]
    return shapes[0] if len(shapes) == 1 else f"({', '.join(shapes)})"


def describe(value: object) -> str:
    """The shapes and dtypes of a tensor or tuple of tensors for a message; the type's name for anything else."""
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, tuple):
        return ", ".join(map(describe, value))
    return type(value).__name__


def as_tensor(value: object) -> object:
    """A number or NumPy array, as models outside of torch return them, as a tensor; other values unchanged."""
    if isinstance(value, np.ndarray | np.generic):
        return torch.as_tensor(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else torch.int64)
    return value


def array_of(tensor: Tensor) -> NDArray[Any]:
    """A tensor as an array; one of bfloat16, which NumPy does not have, in single precision."""
    tensor = tensor.detach().cpu()
    array: NDArray[Any] = (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy()
    return array


def out_of_inference_mode(tensor: Tensor) -> Tensor:
    """The tensor, or a copy of one made under `torch.inference_mode`, which autograd cannot use."""
    if not tensor.is_inference():
        return tensor
    with torch.inference_mode(False):
        return tensor.clone()


def detach_all(tensors: Tensors) -> Tensors:
    """The same values, detached from autograd's graph."""
    return tuple(tensor.detach() for tensor in tensors)


def is_floating(tensor: Tensor) -> bool:
    """Whether tensors of this dtype can have gradients: floating or complex."""
    return tensor.is_floating_point() or tensor.is_complex()


def as_floating(tensors: Tensors) -> Tensors:
    """Integer tensors in the default floating dtype; other tensors unchanged."""
    return tuple(tensor if is_floating(tensor) else tensor.to(torch.get_default_dtype()) for tensor in tensors)


def at_least_float32(tensor: Tensor) -> Tensor:
    """A half-precision tensor as float32, in which sums over many gradients are kept; other tensors unchanged."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def as_narrow_again(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A tensor of `at_least_float32` in its former, half-precision dtype; other tensors unchanged."""
    return tensor.to(dtype) if dtype in (torch.float16, torch.bfloat16) and tensor.dtype == torch.float32 else tensor


def is_float_non_parameter(value: object) -> bool:
    """Whether a value is a floating-point tensor and no parameter, so that it may depend on the points."""
    return isinstance(value, Tensor) and value.is_floating_point() and not isinstance(value, Parameter)


def is_number_non_parameter(value: object) -> bool:
    """Whether a value is a floating-point or complex tensor and no parameter, so that it may depend on the points."""
    return isinstance(value, Tensor) and is_floating(value) and not isinstance(value, Parameter)


def broadcast_to(weights: Tensor, like: Tensor) -> Tensor:
    """Weights [k] or [k, n] as (k, 1, ...) or (k, n, 1, ...), to be multiplied with a tensor `like` (k, n, ...)."""
    return weights.to(like.dtype).to(like.device).reshape(*weights.shape, *[1] * (like.ndim - weights.ndim))


def lerp(start: Tensors, end: Tensors, weights: Tensor) -> Tensors:
    """Points between `start` and `end`, (1 or k, n, ...) each, at weights [k] or [k, n] of the way.

    Returns:
        Points (k * n, ...), in the dtypes of both.
    """
    return tuple(
        torch.lerp(at_least_float32(a), at_least_float32(b), broadcast_to(weights, at_least_float32(a)))
        .to(a.dtype)
        .flatten(0, 1)
        for a, b in zip(start, end, strict=True)
    )


def flatten_examples(tensor: Tensor) -> Tensor:
    """A tensor (n, ...), which may be empty, as (n, elements)."""
    return tensor.reshape(len(tensor), math.prod(tensor.shape[1:]))


def cast_like(tensors: Tensors, like: Tensors) -> Tensors:
    """The tensors in the dtypes of the tensors `like`, integer ones counting as the default floating dtype."""
    return tuple(tensor.to(template.dtype) for tensor, template in zip(tensors, as_floating(like), strict=True))


def minus(left: Tensors, right: Tensors) -> Tensors:
    """Differences, tensor by tensor."""
    return tuple(a - b for a, b in zip(left, right, strict=True))


def plus(left: Tensors, right: Tensors) -> Tensors:
    """Sums, tensor by tensor."""
    return tuple(a + b for a, b in zip(left, right, strict=True))


def times(left: Tensors, right: Tensors) -> Tensors:
    """Products, tensor by tensor."""
    return tuple(a * b for a, b in zip(left, right, strict=True))


def per_target(tensors: Tensors, gradients: Tensors, after: int = 1) -> Tensors:
    """Tensors (n, ...) as (n, 1, ...) beside gradients (n, K, ...) of several targets; else as they are.

    Args:
        tensors: The tensors that the gradients belong to, or differences of them.
        gradients: One for each tensor.
        after: After how many dimensions the targets come.
    """
    return tuple(
        tensor if tensor.ndim == gradient.ndim else tensor.unsqueeze(after)
        for tensor, gradient in zip(tensors, gradients, strict=True)
    )


def stacked(tensors_of_targets: Sequence[Tensors]) -> Tensors:
    """Tensors (n, ...) of each of K targets as tensors (n, K, ...); without rows where there are none."""
    return tuple(
        torch.stack(of_targets, 1) if of_targets[0].shape != (0,) else of_targets[0]
        for of_targets in zip(*tensors_of_targets, strict=True)
    )


def for_each_target(function: Callable[[Tensors], Tensors], gradients: Tensors, *, several: bool) -> Tensors:
    """What a function of gradients (n, ...) returns for those of several targets, (n, K, ...), or for those of one."""
    if not several:
        return function(gradients)
    return stacked([function(of_one) for of_one in zip(*(tensor.unbind(1) for tensor in gradients), strict=True)])


def sum_per_row(tensor: Tensor, kept: int = 1) -> Tensor:
    """The sum over all dimensions but the first `kept`."""
    return tensor if tensor.ndim == kept else at_least_float32(tensor).sum(tuple(range(kept, tensor.ndim)))


def sum_over_tensors(tensors: Tensors, kept: int = 1) -> Tensor:
    """The sum over all tensors and all dimensions but the first `kept`.

    Returns:
        One value per row; a single one, summed over the rows too, where the tensors have different numbers of rows.
    """
    sums = [at_least_float32(sum_per_row(tensor, kept)) for tensor in tensors]
    return sum(sums[1:], sums[0]) if len(set(map(len, sums))) == 1 else torch.cat(sums).sum(0, keepdim=True)
