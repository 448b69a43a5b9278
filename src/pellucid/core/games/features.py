"""Features: which elements of the points belong together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.model.channels import channels_last
from pellucid.core.model.layers import Site
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, batch_size_of, conversion_hint, describe, flatten_examples, is_floating
from pellucid.errors import InvalidArgument

FeatureMask: TypeAlias = "Tensor | tuple[Tensor, ...] | None"
"""Which elements of the inputs belong together, as one feature.

* `None`: each element is a feature of its own.
* a tensor of integers, which broadcasts to the input: elements with the same number are one feature, in all examples
  alike (first dimension 1) or in each as it says.
* a tuple of these, one for each input tensor; the same number in two of them is the same feature.

Numbers must not be negative; some may be missing. Attributions give each element the value of its feature, so their sum
counts a feature as often as it has elements; [per_feature][pellucid.methods.per_feature] has each value once.
"""

HIGHEST_ID = 10**7
"""Random draws are made for all numbers of a mask: so these may not be higher."""


@final
@dataclass(frozen=True, eq=False)
class Features(Summarized):
    """A partition of the elements of the points into features.

    Args:
        count: The number of features.
        masks: The feature of each element, int64 (1 or n, ...) for each tensor; features count from zero.
        ids: The number of each feature in the user's mask, int64 [features].
        argument: What users call the mask, for errors.
    """

    count: int
    masks: Tensors
    ids: Tensor
    argument: str = "feature_mask"

    @classmethod
    def of(cls, x: Tensors, feature_mask: FeatureMask, argument: str = "feature_mask") -> Features:
        """The features of points, counted from zero in the order of the tensors and, in each, of the user's numbers.

        Args:
            x: The points, (n, ...) each.
            feature_mask: The user's mask; see [FeatureMask][pellucid.methods.FeatureMask].
            argument: What users call it, for errors.

        Raises:
            InvalidArgument: The mask does not fit, or holds something other than natural numbers.
        """
        if feature_mask is None:
            return cls._one_per_element(x, argument)
        user_masks = feature_mask if isinstance(feature_mask, tuple) else (feature_mask,)
        if len(user_masks) != len(x):
            raise InvalidArgument(
                f"{argument} must have one entry for each input: expected {len(x)}, got {len(user_masks)}."
            )
        validated = [_validated_mask(mask, tensor, argument) for mask, tensor in zip(user_masks, x, strict=True)]
        ids = validated[0].new_empty(0)
        for mask in validated:
            ids_in_mask = torch.unique(mask).to(ids.device)
            ids = torch.cat([ids, ids_in_mask[~torch.isin(ids_in_mask, ids)]])
        sorted_ids, features = ids.sort()
        masks = tuple(
            features.to(mask.device)[torch.searchsorted(sorted_ids.to(mask.device), mask.contiguous())]
            for mask in validated
        )
        return cls(len(ids), masks, ids.cpu(), argument)

    @classmethod
    def _one_per_element(cls, x: Tensors, argument: str) -> Features:
        """Every element as a feature, in order."""
        masks, count = [], 0
        for tensor in x:
            size = math.prod(tensor.shape[1:]) if len(tensor) else 0
            mask = torch.arange(count, count + size, device=tensor.device)
            masks.append(mask.view(min(1, len(tensor)), *tensor.shape[1:]))
            count += size
        return cls(count, tuple(masks), torch.arange(count, device="cpu"), argument)

    def masks_of(self, features: Tensor, point_range: slice) -> Tensors:
        """The elements of each of these features, int64 [k], as masks (k, 1 or n, ...); none for a negative feature."""
        return tuple(mask == features.to(mask.device).view(-1, *[1] * mask.ndim) for mask in self._at(point_range))

    def element_masks(self, coalitions: Tensor, point_range: slice) -> Tensors:
        """The elements of the features in coalitions, bool [k, 1 or n, features], as masks (k, 1 or n, ...)."""

        def present_in(mask: Tensor) -> Tensor:
            present = coalitions.to(mask.device)
            if len(mask) == 1:
                return present[:, :, mask[0]]
            if len(mask) == 0:
                return mask.new_zeros((len(present), *mask.shape), dtype=torch.bool)
            index = flatten_examples(mask).expand(len(present), -1, -1)
            return present.expand(-1, len(mask), -1).gather(2, index).view(len(present), *mask.shape)

        return tuple(map(present_in, self._at(point_range)))

    def select(self, which: Tensor) -> Features:
        """The same features for the points with these indices, int64 [k]."""
        masks = tuple(mask if len(mask) == 1 else mask[which.to(mask.device)] for mask in self.masks)
        return replace(self, masks=masks)

    def _at(self, point_range: slice) -> Tensors:
        """The masks of some of the points."""
        return tuple(mask if len(mask) == 1 else mask[point_range] for mask in self.masks)

    def spread(self, values: Tensor) -> Tensors:
        """Give each element the value of its feature: values [m, features] become (m, ...) per tensor, m = n * K.

        Raises:
            InvalidArgument: Each example has a mask of its own, and the model returns one value for the batch.
        """

        def spread_to(mask: Tensor) -> Tensor:
            feature_values = values.to(mask.device)
            if len(mask) == 1:
                return feature_values[:, mask[0]]
            if len(mask) == 0:
                return feature_values.new_zeros(mask.shape)
            if len(values) % len(mask):
                raise InvalidArgument(
                    f"{self.argument} must be one for all examples where the model returns one value for the batch: "
                    f"expected (1, ...), got {tuple(mask.shape)}."
                )
            index = mask.repeat_interleave(len(values) // len(mask), dim=0)
            return feature_values.gather(1, flatten_examples(index)).view_as(index)

        return tuple(map(spread_to, self.masks))

    def gather(self, values: Tensors) -> Tensor:
        """The inverse of `spread`: values (m, ...) of elements, equal within a feature, become [m, features]."""
        element_values = torch.cat([flatten_examples(tensor).to(values[0]) for tensor in values], dim=1)
        examples, device = max(map(len, self.masks)), element_values.device
        masks = torch.cat([flatten_examples(mask).expand(examples, -1).to(device) for mask in self.masks], dim=1)
        elements = torch.arange(element_values.shape[1], device=device).expand_as(masks)
        # An element of each feature; -1 where an example has none of it.
        index = masks.new_full((examples, self.count), -1).scatter(1, masks, elements)
        index = index.repeat_interleave(len(element_values) // examples, dim=0)
        return element_values.gather(1, index.clamp(min=0)).where(index >= 0, 0)

    def sum_per_feature(self, values: Tensors) -> Tensor:
        """The sum over the elements of each feature: values (n, ...) become [n, features], in float64 on the CPU."""
        sums = torch.zeros(batch_size_of(values), self.count, dtype=torch.float64, device="cpu")
        for mask, tensor in zip(self.masks, values, strict=True):
            if len(tensor) == 0:
                continue
            index = flatten_examples(mask).expand(len(tensor), -1).cpu()
            sums.scatter_add_(1, index, flatten_examples(tensor).cpu().double())
        return sums

    @property
    def id_range(self) -> range:
        """The range from the lowest to the highest of the user's numbers; some may belong to no feature.

        Raises:
            InvalidArgument: A number is above `HIGHEST_ID`.
        """
        ids = range(int(self.ids.min()), int(self.ids.max()) + 1) if self.count else range(0)
        if ids.stop > HIGHEST_ID:
            raise InvalidArgument(
                f"{self.argument} must number features below {HIGHEST_ID}, as draws are made for all numbers: "
                f"got {ids.stop - 1}. Hint: number them from zero."
            )
        return ids

    def changed_features(self, x: Tensors, reference: Tensors) -> Tensor:
        """The features in which two sets of points differ, int64 [k] in order."""
        differs = torch.zeros(self.count, dtype=torch.bool, device="cpu")
        for mask, tensor, reference_tensor in zip(self.masks, x, reference, strict=True):
            elements = tensor != reference_tensor
            elements = elements.any(0, keepdim=True) if len(mask) == 1 else elements
            differs[mask[elements].cpu()] = True
        return differs.nonzero().flatten()


def mask_of_points(f: ModelFunction, feature_mask: FeatureMask) -> FeatureMask:
    """A user's mask for a function's own points: a row for each example goes with the noisy copies of that example.

    Without one, features are those that the source says.
    """

    def rows_of_points(mask: Any, x: Tensor) -> Any:
        has_rows = isinstance(mask, Tensor) and mask.ndim == x.ndim and len(mask) == f.problem.batch_size > 1
        return f.session.select_rows(mask, f.examples) if has_rows else mask

    masks = feature_mask if isinstance(feature_mask, tuple) else (feature_mask,)
    if feature_mask is None:
        return players_at(f.evaluator.source, f)
    if len(masks) != len(f.x):
        return feature_mask
    return tuple(rows_of_points(mask, x) for mask, x in zip(masks, f.x, strict=True))


def players_at(source: Site, f: ModelFunction) -> FeatureMask:
    """The mask of the features that a source says there are, for a function's own points; None for each element.

    Raises:
        InvalidArgument: Its channels cannot be divided into so many groups, or its tensors are not one for each module.
    """
    if not source.players:
        return None
    if len(f.x) != len(source.modules):
        raise InvalidArgument(
            f"players must be of a layer with one tensor: got {len(f.x)} tensors at {len(source.modules)} modules. "
            "Hint: feature_mask=..., one for each."
        )
    masks, count = [], 0
    for tensor, module, players in zip(f.x, source.modules, source.players, strict=True):
        dimension = tensor.ndim - 1 if channels_last(tensor, [module], f.session.info.modules) else 1
        channels = tensor.shape[dimension] if tensor.ndim > 1 else 0
        groups = channels if players == "channels" else players
        if not groups or channels % groups:
            raise InvalidArgument(f"players must divide the {channels} channels of the layer: got {summary(players)}.")
        group = torch.arange(channels, device=tensor.device) // (channels // groups)
        masks.append((count + group).view([1] * dimension + [-1] + [1] * (tensor.ndim - dimension - 1)))
        count += groups
    return tuple(masks)


def _validated_mask(mask: Tensor, x: Tensor, argument: str) -> Tensor:
    """A user's mask as int64 (1 or n, ...), broadcast to the shape of the points.

    Raises:
        InvalidArgument: It holds something other than natural numbers, or does not broadcast to the points.
    """
    if not isinstance(mask, Tensor) or mask.dtype == torch.bool or is_floating(mask):
        groups = f" Hint: {argument}.long() for two features, 0 and 1."
        hint = groups if isinstance(mask, Tensor) and mask.dtype == torch.bool else conversion_hint(mask, argument)
        raise InvalidArgument(f"{argument} must hold integers: got {describe(mask)}.{hint}")
    shape = (1,) * (x.ndim - mask.ndim) + tuple(mask.shape)
    if len(shape) != x.ndim or any(length not in (1, size) for length, size in zip(shape, x.shape, strict=True)):
        raise InvalidArgument(
            f"{argument} must broadcast to inputs: expected {tuple(x.shape)}, got {tuple(mask.shape)}."
        )
    if mask.numel() and mask.min() < 0:
        raise InvalidArgument(f"{argument} must hold natural numbers: got {int(mask.min())}.")
    return mask.to(torch.int64).to(x.device).view(shape).expand(shape[0], *x.shape[1:])
