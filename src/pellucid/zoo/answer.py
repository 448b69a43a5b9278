"""What methods answer, as one number per feature of a known model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pellucid.core.summaries import Summarized
from pellucid.errors import InvalidArgument, WrongType
from pellucid.methods import Attributions
from pellucid.zoo.known_model import KnownModel


@dataclass(frozen=True, eq=False)
class Answer(Summarized):
    """What a method has answered.

    Args:
        attributions: One number per feature, of the shape of the model's importance.
        values: As the method returned them.
        stderr: Standard errors of the values, where it gives them.
    """

    attributions: Tensor
    values: Tensor
    stderr: Tensor | None = None


def per_feature(values: Any, known: KnownModel) -> Tensor:
    """One number per feature: sums over dimensions that features do not have, and maps at the size of the inputs.

    Args:
        values: What a method returned.
        known: The model.

    Raises:
        WrongType: If it is no tensor of real numbers, or of a shape that says nothing of the features.
        InvalidArgument: If some of it is NaN.
    """
    expected = known.importance.shape
    tensor = tensor_of(values)
    attributions = _enlarged(tensor, expected)
    is_of_inputs = known.source is None and attributions.shape == known.inputs.shape
    is_of_vectors = known.embedding is not None and attributions.shape[:-1] == expected
    if attributions.shape != expected and not (is_of_inputs or is_of_vectors):
        raise WrongType(f"attributions must have the shape {tuple(expected)}: got {tuple(tensor.shape)}.")
    return attributions.reshape(*expected, -1).sum(-1)


def tensor_of(values: Any) -> Tensor:
    """What a method returned as a dense tensor of float64 on the CPU.

    Args:
        values: A tensor, a tuple or list of one, or what pellucid's methods return.

    Raises:
        WrongType: If it is no tensor of real numbers.
        InvalidArgument: If some of it is NaN.
    """
    if isinstance(values, Attributions):
        values = values.values
    if isinstance(values, (tuple, list)) and len(values) == 1:
        (values,) = values
    if not isinstance(values, Tensor):
        raise WrongType(f"attributions must be a tensor: got {type(values).__name__}.")
    if values.is_complex():
        raise WrongType(f"attributions must be real: got {values.dtype}.")
    dense = values.detach().to_dense().cpu().double()
    if not dense.isfinite().all():
        raise InvalidArgument("attributions must be numbers: got NaN or infinity.")
    return dense


def _enlarged(values: Tensor, expected: torch.Size) -> Tensor:
    """Maps (B, 1, height, width) at the size of images whose height and width are multiples of theirs."""
    is_map = values.ndim == len(expected) == 4 and values.shape[:2] == expected[:2] and values.numel() > 0
    if not is_map or any(size % of_map for size, of_map in zip(expected, values.shape, strict=True)):
        return values
    return interpolate(values, expected[2:], mode="nearest")


def answer_of_interactions(values: Any, known: KnownModel, stderr: Tensor | None = None) -> Answer:
    """What a method of interactions says of each feature: its main effect and half of its interactions, by their sizes.

    Args:
        values: Matrices (B, features, features), with main effects on the diagonal; features in rising order.
        known: The model.
        stderr: Standard errors of the values, where it gives them.

    Raises:
        WrongType: If they are of another shape.
    """
    interactions = tensor_of(values)
    features, count = _features(known)
    expected = (len(features), count, count)
    if interactions.shape != expected:
        raise WrongType(f"interactions must have the shape {expected}: got {tuple(interactions.shape)}.")
    main = interactions.diagonal(dim1=-2, dim2=-1).abs()
    shares = main / 2 + interactions.abs().sum(-1) / 2
    attributions = shares.gather(1, features.flatten(1)).reshape(features.shape)
    return Answer(per_feature(attributions, known), interactions, stderr)


def _features(known: KnownModel) -> tuple[Tensor, int]:
    """Which feature each element is of, counted from 0, and how many there are."""
    if known.feature_mask is not None:
        mask = known.feature_mask.expand_as(known.inputs).contiguous()
        numbers = torch.unique(mask)
        return torch.searchsorted(numbers, mask), len(numbers)
    like = known.inputs if known.source_baselines is None else known.source_baselines
    count = like[0].numel()
    return torch.arange(count).reshape(like.shape[1:]).expand_as(like), count
