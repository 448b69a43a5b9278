"""Numbers that users give, as arrays, and names, as they must be."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.core.summaries import summary
from pellucid.core.tensors import array_of
from pellucid.errors import InvalidArgument, UnknownName, WrongType

Array: TypeAlias = NDArray[Any]


def as_array(name: str, values: object) -> Array:
    """A tensor, an array or nested lists of real numbers as an array; half precision as float32.

    Args:
        name: The argument's name, for the message.
        values: The user's numbers.

    Raises:
        WrongType: They are no real numbers.
    """
    array = _of_tensor(values) if isinstance(values, torch.Tensor) else _of_object(name, values)
    if array.dtype.kind not in "biuf":
        raise WrongType(f"{name} must be a tensor or an array of real numbers: got {summary(values)}.")
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _of_tensor(tensor: torch.Tensor) -> Array:
    return array_of(tensor if tensor.layout is torch.strided else tensor.to_dense())


def _of_object(name: str, values: object) -> Array:
    try:
        return np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise WrongType(f"{name} must be a tensor or an array of real numbers: got {summary(values)}.") from error


def check_name(name: str, value: object, names: Collection[object]) -> None:
    """Check that an argument is one of some names.

    Raises:
        UnknownName: It is none of them.
    """
    if value not in names:
        raise UnknownName(f"{name} must be one of {', '.join(map(repr, names))}: got {summary(value)}.")


def check_fraction(name: str, value: float, most: float) -> None:
    """Check that a number is between 0 and the largest allowed.

    Raises:
        WrongType: It is no number.
        InvalidArgument: It is too small or too large.
    """
    message = f"{name} must be a number from 0 to {most:g}: got {summary(value)}."
    try:
        inside = 0 <= value <= most
    except TypeError:
        raise WrongType(message) from None
    if not inside:
        raise InvalidArgument(message)
