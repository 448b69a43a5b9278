"""What inputs hold: frames, arrays and lists of numbers as tensors, and attributions as what users gave."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.model.inspection import root_modules
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import array_of, as_tensor_tuple
from pellucid.data.estimators import is_estimator
from pellucid.data.frames import FrameLayout, is_frame, is_series
from pellucid.data.nested import Path, is_numbers, label, map_leaves
from pellucid.errors import InvalidArgument


@final
@dataclass(frozen=True, eq=False)
class Leaf(Summarized):
    """One of the things that inputs hold.

    Args:
        path: Where it is.
        given: What the user gave.
        value: The same, as a tensor where it is one.
        frame: How a data frame lies.
    """

    path: Path
    given: Any
    value: Any
    frame: FrameLayout | None = None

    def restored(self, attributions: Tensor) -> Any:
        """Attributions as what the user gave: a frame, an array or a tensor."""
        if self.frame is not None:
            return self.frame.restored(attributions)
        return array_of(attributions) if isinstance(self.given, np.ndarray) else attributions

    def for_model(self, tensor: Tensor, takes_frames: bool) -> Any:
        """A tensor as the model takes it."""
        return self.frame.frame_of(tensor) if takes_frames and self.frame is not None else tensor

    @property
    def for_one_forward(self) -> Any:
        """What the model is given as it is; of a cache of keys and values, to which a forward adds, a copy."""
        return copy.deepcopy(self.value) if hasattr(self.value, "get_seq_length") else self.value


def leaves_of(inputs: Any, model: Any) -> tuple[Leaf, ...]:
    """All leaves of inputs, in order.

    Args:
        inputs: A tensor, array, frame, or a structure of these and of anything else.
        model: The user's model, whose dtype and device numbers get.

    Raises:
        InvalidArgument: There is no tensor, or something that cannot be made one.
    """
    leaves: list[Leaf] = []
    like = _float_parameter(model)

    def collect(path: Path, value: Any) -> Any:
        leaves.append(_leaf_of(path, value, like, codes=is_estimator(model)))
        return value

    map_leaves(inputs, collect)
    if not any(isinstance(leaf.value, Tensor) for leaf in leaves):
        if len(leaves) == 1 and not leaves[0].path:
            as_tensor_tuple(inputs, "inputs")  # raises the error of what is no structure
        raise InvalidArgument(
            f"inputs must hold at least one tensor: got {type(inputs).__name__}. "
            'Hint: return_tensors="pt" of a tokenizer or a processor.'
        )
    return tuple(leaves)


def _leaf_of(path: Path, given: Any, like: Tensor | None, *, codes: bool) -> Leaf:
    """A leaf; frames, arrays and lists of numbers become tensors of the dtype and device of the model."""
    if is_frame(given):
        frame = FrameLayout.of(given, codes=codes)
        numbers = frame.numbers(given).double()
        return Leaf(path, given, numbers if codes else _like_model(numbers, like), frame)
    if is_series(given):
        raise InvalidArgument(
            f"{label(path)} must be a frame: got a Series. Hint: {label(path)}.to_frame().T of one row."
        )
    if isinstance(given, np.ndarray) and given.dtype.kind not in "biufc":
        raise InvalidArgument(f"{label(path)} must hold numbers: got an array of {given.dtype}.")
    value = as_numbers(given, label(path))
    return Leaf(path, given, value if value is given else _like_model(value, like))


def as_numbers(given: Any, name: str | None) -> Any:
    """Arrays and lists of numbers as tensors; anything else unchanged.

    Raises:
        InvalidArgument: A list is ragged.
    """
    if isinstance(given, np.ndarray):
        return torch.from_numpy(_readable(given))
    if not is_numbers(given):
        return given
    try:
        return torch.tensor(given)
    except ValueError as error:
        raise InvalidArgument(
            f"{name or 'lists'} must be lists of one length: got ragged ones. Hint: padding=True of a tokenizer."
        ) from error


def _readable(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array that torch can read in place; a copy of one that is read-only, reversed or of another byte order."""
    in_place = array.flags.writeable and array.dtype.isnative and min(array.strides, default=0) >= 0
    return array if in_place else array.astype(array.dtype.newbyteorder("="))


def _like_model(tensor: Tensor, like: Tensor | None) -> Tensor:
    """Numbers on the model's device; floats in its dtype, or torch's default where it has none."""
    dtype = tensor.dtype
    if tensor.is_floating_point():
        dtype = torch.get_default_dtype() if like is None else like.dtype
    return tensor.to(tensor.device if like is None else like.device, dtype)


def _float_parameter(model: Any) -> Tensor | None:
    """The first floating parameter of a model, whose dtype and device numbers get."""
    parameters = (parameter for root in root_modules(model) for parameter in root.parameters())
    return next((parameter for parameter in parameters if parameter.is_floating_point()), None)
