"""Attributions of features that a mask has joined, one value for each feature."""

from __future__ import annotations

from torch import Tensor

from pellucid.core.games.features import Features
from pellucid.core.tensors import Tensors, as_tensor_tuple


def per_feature(attributions: Tensor | Tensors, feature_mask: Tensor | Tensors) -> Tensor:
    """Attributions with one value per feature in place of one per element, to be added up, ranked or plotted.

    Attributions have the shapes of the inputs: each element has the value of its feature.

    Args:
        attributions: What a method returned with this mask, (B, *K, ...) for inputs (B, ...).
        feature_mask: The mask, with the dimensions of the inputs: (1 or B, ...).

    Returns:
        Values (B, *K, features), in the order of the features' numbers; zero for a feature that an example lacks.

    Raises:
        InvalidArgument: The mask does not fit.

    Examples:
        One column says how old someone is, three where they come from:

        >>> import torch
        >>> from pellucid.attr import ShapleyValues
        >>> from pellucid.methods import per_feature
        >>> mask = torch.tensor([[0, 1, 1, 1]])
        >>> attributions = ShapleyValues(lambda x: x.sum(1)).attribute(torch.ones(1, 4), feature_mask=mask)
        >>> attributions
        tensor([[1., 3., 3., 3.]])
        >>> per_feature(attributions, mask)
        tensor([[1., 3.]])
    """
    values, masks = as_tensor_tuple(attributions, "attributions"), as_tensor_tuple(feature_mask, "feature_mask")
    output_shape = values[0].shape[: max(1, values[0].ndim - masks[0].ndim + 1)]  # (B, *K)
    per_output = tuple(
        value.reshape(*output_shape[:1], output_shape[1:].numel(), *value.shape[len(output_shape) :])
        for value in values
    )
    features = Features.of(tuple(value[:, 0] for value in per_output), masks)
    return features.gather(tuple(value.flatten(0, 1) for value in per_output)).reshape(*output_shape, -1)
