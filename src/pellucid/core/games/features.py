"""Features: which elements of the points belong together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias, final

import torch
from torch import Tensor

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

HIGHEST_NUMBER = 10**7


@final
@dataclass(frozen=True, eq=False)
class Features:
    """A partition of the elements.

    Args:
        count: How many features there are.
        masks: Which feature each element is, int64 (1 or n, ...) for each tensor.
        names: What the user calls each of them, int64 [features].
        argument: The name of the masks, for errors.
    """

    count: int
    masks: Tensors
    names: Tensor
    argument: str = "feature_mask"

    @classmethod
    def of(cls, x: Tensors, feature_mask: FeatureMask, argument: str = "feature_mask") -> Features:
        """The features of points, numbered from zero in the order of the tensors and, in each, of their numbers.

        Raises:
            InvalidArgument: The mask does not fit, or holds something other than natural numbers.
        """
        if feature_mask is None:
            sizes = [math.prod(each.shape[1:]) if len(each) else 0 for each in x]
            starts = [sum(sizes[:index]) for index in range(len(x))]
            each_own = zip(x, sizes, starts, strict=True)
            masks = tuple(
                torch.arange(s, s + n, device=t.device).view(min(1, len(t)), *t.shape[1:]) for t, n, s in each_own
            )
            return cls(sum(sizes), masks, torch.arange(sum(sizes), device="cpu"), argument)
        given = feature_mask if isinstance(feature_mask, tuple) else (feature_mask,)
        if len(given) != len(x):
            raise InvalidArgument(
                f"{argument} must have one entry for each input: expected {len(x)}, got {len(given)}."
            )
        fitting = [_validated_mask(mask, each, argument) for mask, each in zip(given, x, strict=True)]
        known = fitting[0].new_empty(0)
        for mask in fitting:
            here = torch.unique(mask).to(known.device)
            known = torch.cat([known, here[~torch.isin(here, known)]])
        numbers, order = known.sort()
        masks = tuple(order.to(m.device)[torch.searchsorted(numbers.to(m.device), m.contiguous())] for m in fitting)
        return cls(len(known), masks, known.cpu(), argument)

    def masks_of(self, features: Tensor, point_range: slice) -> Tensors:
        """Which elements belong to each of these features [k]: (k, 1 or n, ...); to no feature for one below zero."""
        return tuple(mask == features.to(mask.device).view(-1, *[1] * mask.ndim) for mask in self._at(point_range))

    def among(self, coalitions: Tensor, point_range: slice) -> Tensors:
        """Which elements are of features in each of these coalitions, bool [k, 1 or n, features]: (k, 1 or n, ...)."""

        def among_in(mask: Tensor) -> Tensor:
            there = coalitions.to(mask.device)
            if len(mask) == 1:
                return there[:, :, mask[0]]
            if len(mask) == 0:
                return mask.new_zeros((len(there), *mask.shape), dtype=torch.bool)
            index = flatten_examples(mask).expand(len(there), -1, -1)
            return there.expand(-1, len(mask), -1).gather(2, index).view(len(there), *mask.shape)

        return tuple(map(among_in, self._at(point_range)))

    def among_points(self, which: Tensor) -> Features:
        """The same features of some of the points, int64 [k]."""
        masks = tuple(mask if len(mask) == 1 else mask[which.to(mask.device)] for mask in self.masks)
        return replace(self, masks=masks)

    def _at(self, which: slice) -> Tensors:
        return tuple(mask if len(mask) == 1 else mask[which] for mask in self.masks)

    def spread(self, values: Tensor) -> Tensors:
        """Values [m, features] of m = n * K outputs as values of the elements, (m, ...) for each tensor."""

        def spread_to(mask: Tensor) -> Tensor:
            each = values.to(mask.device)
            if len(mask) == 1:
                return each[:, mask[0]]
            if len(mask) == 0:
                return each.new_zeros(mask.shape)
            if len(values) % len(mask):
                raise InvalidArgument(
                    f"{self.argument} must be one for all examples where forward_func returns one value for the batch: "
                    f"expected (1, ...), got {tuple(mask.shape)}."
                )
            index = mask.repeat_interleave(len(values) // len(mask), dim=0)
            return each.gather(1, flatten_examples(index)).view_as(index)

        return tuple(map(spread_to, self.masks))

    def picked(self, values: Tensors) -> Tensor:
        """The values [m, features] of features, out of those of their elements, (m, ...) for m = n * K outputs."""
        every = torch.cat([flatten_examples(each).to(values[0]) for each in values], dim=1)
        examples = max(map(len, self.masks))
        masks = torch.cat([flatten_examples(mask).expand(examples, -1).to(every.device) for mask in self.masks], dim=1)
        places = torch.arange(every.shape[1], device=every.device).expand_as(masks)
        place = masks.new_full((examples, self.count), -1).scatter(1, masks, places)
        place = place.repeat_interleave(len(every) // examples, dim=0)
        return every.gather(1, place.clamp(min=0)).where(place >= 0, 0)

    def sum_per_feature(self, values: Tensors) -> Tensor:
        """Values of the elements (n, ...) added up over each feature: [n, features], in float64 on the CPU."""
        added_up = torch.zeros(batch_size_of(values), self.count, dtype=torch.float64, device="cpu")
        for mask, each in zip(self.masks, values, strict=True):
            if len(each) == 0:
                continue
            index = flatten_examples(mask).expand(len(each), -1).cpu()
            added_up.scatter_add_(1, index, flatten_examples(each).cpu().double())
        return added_up

    @property
    def numbers(self) -> range:
        """The user's numbers, from the lowest to the highest; some of them no feature may have.

        Raises:
            InvalidArgument: They are too many for random draws of all of them.
        """
        numbers = range(int(self.names.min()), int(self.names.max()) + 1) if self.count else range(0)
        if numbers.stop > HIGHEST_NUMBER:
            raise InvalidArgument(
                f"{self.argument} must number features below {HIGHEST_NUMBER}, as draws are made for all numbers: "
                f"got {numbers.stop - 1}. Hint: number them from zero."
            )
        return numbers

    def changed_features(self, x: Tensors, reference: Tensors) -> Tensor:
        """The features in which two sets of points differ, int64 [k] in order."""
        differs = torch.zeros(self.count, dtype=torch.bool, device="cpu")
        for mask, one, two in zip(self.masks, x, reference, strict=True):
            where = one != two
            where = where.any(0, keepdim=True) if len(mask) == 1 else where
            differs[mask[where].cpu()] = True
        return differs.nonzero().flatten()


def _validated_mask(mask: Tensor, x: Tensor, argument: str) -> Tensor:
    """A feature mask, as (1 or n, ...) of the shape of the points."""
    if not isinstance(mask, Tensor) or mask.dtype == torch.bool or is_floating(mask):
        groups = f" Hint: {argument}.long() for two features, 0 and 1."
        hint = groups if isinstance(mask, Tensor) and mask.dtype == torch.bool else conversion_hint(mask, argument)
        raise InvalidArgument(f"{argument} must hold integers: got {describe(mask)}.{hint}")
    shape = (1,) * (x.ndim - mask.ndim) + tuple(mask.shape)
    if len(shape) != x.ndim or any(m not in (1, size) for m, size in zip(shape, x.shape, strict=True)):
        raise InvalidArgument(
            f"{argument} must broadcast to inputs: expected {tuple(x.shape)}, got {tuple(mask.shape)}."
        )
    if mask.numel() and mask.min() < 0:
        raise InvalidArgument(f"{argument} must hold natural numbers: got {int(mask.min())}.")
    return mask.to(torch.int64).to(x.device).view(shape).expand(shape[0], *x.shape[1:])
