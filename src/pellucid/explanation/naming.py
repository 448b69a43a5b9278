"""What features are called, and masks of features that are joined by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.core.summaries import summary
from pellucid.data.leaves import Leaf
from pellucid.errors import InvalidArgument, UnknownName


def is_of_groups(mask: Any) -> bool:
    """Whether a feature mask is a mapping of groups of features by name, and not of masks of inputs."""
    if not isinstance(mask, Mapping) or not mask:
        return False
    groups = [group for group in mask.values() if isinstance(group, list | tuple)]
    return len(groups) == len(mask) and any(isinstance(name, str) for group in groups for name in group)


def names_of_leaf(leaf: Leaf, name: str, feature_names: Any, elements: int, channels: int = 0) -> tuple[str, ...]:
    """The names of the elements of an input: those that users give, or the columns of a frame; else ().

    Args:
        leaf: The input.
        name: What it is called among several.
        feature_names: What users give: names for the only input, or for inputs by their names.
        elements: How many elements an example has.
        channels: How many of these a step of a series has, so that names may be those of channels; 0 of what is none.

    Raises:
        InvalidArgument: They are not as many.
    """
    names = feature_names.get(name) if isinstance(feature_names, Mapping) else feature_names
    if names is None:
        return () if leaf.frame is None else tuple(map(str, leaf.frame.frame.columns))
    _check_texts(names)
    if len(names) == channels > 1:
        return tuple(f"step {step}, {each}" for step in range(elements // channels) for each in names)
    if len(names) != elements:
        of_channels = f", or of {channels} channels" if channels else ""
        raise InvalidArgument(
            f"feature_names must be one for each of {elements} features{of_channels}: got {len(names)}."
        )
    return tuple(names)


def _check_texts(names: Any) -> None:
    """Check that names are texts, all different."""
    if isinstance(names, str) or not all(isinstance(each, str) for each in names):
        raise InvalidArgument(f"feature_names must be a list of texts: got {summary(names)}.")
    again = [each for each, count in Counter(names).items() if count > 1]
    if again:
        raise InvalidArgument(f"feature_names must be all different: got {again[0]!r} more than once.")


def mask_of_groups(
    groups: Mapping[str, Sequence[str | int]], names: Sequence[str], elements: int
) -> tuple[Tensor, tuple[str, ...]]:
    """The mask of groups of the columns of a table, and the names of its features.

    Args:
        groups: The names, or positions, of the columns of each group, by its name.
        names: The names of the columns; () where they have none.
        elements: How many there are.

    Returns:
        int64 (1, elements), and a name for each of its numbers.

    Raises:
        UnknownName: There is no such column.
        InvalidArgument: One is in two groups, or a group is empty.
    """
    labels = list(names) or [f"feature {position}" for position in range(elements)]
    joined = np.full(elements, -1)
    features: list[str] = []
    for number, (label, members) in enumerate(groups.items()):
        if not members:
            raise InvalidArgument(f"feature_mask must have features in each group: got none in {label!r}.")
        features.append(str(label))
        for member in members:
            position = labels.index(member) if member in labels else member
            if not isinstance(position, int) or not 0 <= position < elements:
                raise UnknownName(
                    f"feature_mask must join features of the inputs: got {summary(member)} in {label!r}. "
                    f"Hint: {', '.join(map(repr, labels[:5]))}."
                )
            if joined[position] >= 0:
                raise InvalidArgument(
                    f"feature_mask must have each feature in one group: got {labels[position]!r} twice."
                )
            joined[position] = number
    alone = np.flatnonzero(joined < 0)
    joined[alone] = len(features) + np.arange(len(alone))
    features += [labels[position] for position in alone.tolist()]
    # Features stand where their first columns do, as those of `group`.
    _, first, numbers = np.unique(joined, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return torch.from_numpy(np.argsort(order)[numbers])[None], tuple(features[number] for number in order.tolist())
