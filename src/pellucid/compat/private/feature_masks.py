"""Masks that say which elements are one feature."""

from __future__ import annotations

import itertools
from collections import defaultdict

import torch
from torch import Tensor

from pellucid.compat.private.tuples import _format_tensor_into_tuples
from pellucid.core.tensors import Tensors


def _format_feature_mask(
    feature_mask: Tensor | Tensors | None, inputs: Tensors, start_idx: int = 0
) -> tuple[Tensor, ...]:
    """A mask as a tuple; without one, each element of all inputs is a feature of its own, counted from a number."""
    if feature_mask is not None:
        return _format_tensor_into_tuples(feature_mask) or ()
    sizes = [tensor[:1].numel() for tensor in inputs]
    starts = itertools.accumulate(sizes, initial=start_idx)
    return tuple(
        torch.arange(start, start + size, device=tensor.device).reshape_as(tensor[:1])
        for tensor, start, size in zip(inputs, starts, sizes, strict=False)
    )


def _get_max_feature_index(feature_mask: Tensors) -> int:
    """The largest number of a feature."""
    return int(max(mask.max().item() for mask in feature_mask if mask.numel()))


def get_total_features_from_mask(feature_mask: Tensors) -> int:
    """How many features there are."""
    return len(_get_feature_idx_to_tensor_idx(feature_mask))


def _get_feature_idx_to_tensor_idx(formatted_feature_mask: Tensors) -> dict[int, list[int]]:
    """For each feature, the inputs that have elements of it."""
    inputs_of: dict[int, list[int]] = defaultdict(list)
    for position, mask in enumerate(formatted_feature_mask):
        for feature in torch.unique(mask).tolist():
            inputs_of[feature].append(position)
    return dict(inputs_of)


def _is_mask_valid(mask: Tensor, inp: Tensor) -> bool:
    """Whether a mask broadcasts to an input."""
    if mask.dim() > inp.dim():
        return False
    return all(size in (1, expected) for size, expected in zip(mask.shape[::-1], inp.shape[::-1], strict=False))


def _construct_default_feature_mask(inputs: Tensors) -> tuple[Tensors, int]:
    """A mask in which each element is a feature of its own, and their number."""
    feature_mask = _format_feature_mask(None, inputs)
    return feature_mask, _get_max_feature_index(feature_mask) + 1


def construct_feature_mask(feature_mask: Tensor | Tensors | None, formatted_inputs: Tensors) -> tuple[Tensors, int]:
    """A mask as a tuple, with features counted from zero, and the number of the largest plus one."""
    masks = _format_feature_mask(feature_mask, formatted_inputs)
    smallest = min(int(mask.min().item()) for mask in masks if mask.numel())
    masks = tuple(mask - smallest for mask in masks)
    return masks, _get_max_feature_index(masks) + 1
