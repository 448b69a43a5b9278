"""What methods answer, as one number per feature of a known model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pellucid.errors import InvalidArgument, WrongType
from pellucid.methods import Interactions
from pellucid.summaries import Summarized
from pellucid.zoo.known_model import KnownModel


@dataclass(frozen=True, eq=False)
class Answer(Summarized):
    """What a method has answered.

    Args:
        attributions: One number per feature, of the shape of the model's importance.
        values: As the method returned them; of interactions without the diagonal.
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
        WrongType: If it is no tensor, or of a shape that says nothing of the features.
        InvalidArgument: If some of it is NaN.
    """
    expected = known.importance.shape
    if isinstance(values, (tuple, list)) and len(values) == 1:
        (values,) = values
    if not isinstance(values, Tensor):
        raise WrongType(f"attributions must be a tensor: got {type(values).__name__}.")
    if not values.isfinite().all():
        raise InvalidArgument("attributions must be numbers: got NaN or infinity.")
    attributions = _enlarged(values.detach().float(), expected)
    if attributions.shape[: len(expected)] != expected:
        raise WrongType(f"attributions must have the shape {tuple(expected)}: got {tuple(values.shape)}.")
    return attributions.reshape(*expected, -1).sum(-1)


def _enlarged(values: Tensor, expected: torch.Size) -> Tensor:
    """Maps (B, 1, height, width) at the size of images whose height and width are multiples of theirs."""
    is_map = values.ndim == len(expected) == 4 and values.shape[:2] == expected[:2] and values.numel() > 0
    if not is_map or any(size % of_map for size, of_map in zip(expected, values.shape, strict=True)):
        return values
    return interpolate(values, expected[2:], mode="nearest")


def answer_of_interactions(result: Interactions, known: KnownModel) -> Answer:
    """The share of each feature: its main effect and half of its interactions, by their sizes."""
    main = torch.diag_embed(result.values.diagonal(dim1=-2, dim2=-1))
    pairs = result.values - main
    shares = (main.abs() + pairs.abs() / 2).sum(-1)
    if known.feature_mask is None:
        attributions = shares.reshape(known.importance.shape)
    else:
        features = torch.searchsorted(result.features, known.feature_mask.expand_as(known.inputs).contiguous())
        attributions = shares.gather(1, features.flatten(1)).reshape(known.inputs.shape)
    return Answer(per_feature(attributions, known), pairs, result.stderr)
