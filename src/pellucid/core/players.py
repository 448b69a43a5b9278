"""Players: the parts of the points that are there or not."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias, final

import numpy as np
import torch
from torch import Tensor

from pellucid.core.tensors import Tensors, converted, described, examples_of, floats, in_rows
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

WindowShapes: TypeAlias = "tuple[int, ...] | tuple[tuple[int, ...], ...]"
"""The size of a sliding window in each dimension of an input but the first; for several inputs, a tuple of such."""

Strides: TypeAlias = "int | tuple[int, ...] | tuple[int | tuple[int, ...], ...] | None"
"""By how much a window moves: in each dimension of an input but the first, or one number for all of them; for several
inputs, a tuple of such. `None` is 1."""

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
        fitting = [_fitting(mask, each, argument) for mask, each in zip(given, x, strict=True)]
        known = fitting[0].new_empty(0)
        for mask in fitting:
            here = torch.unique(mask).to(known.device)
            known = torch.cat([known, here[~torch.isin(here, known)]])
        numbers, order = known.sort()
        masks = tuple(order.to(m.device)[torch.searchsorted(numbers.to(m.device), m.contiguous())] for m in fitting)
        return cls(len(known), masks, known.cpu(), argument)

    def belonging(self, features: Tensor, places: slice) -> Tensors:
        """Which elements belong to each of these features [k]: (k, 1 or n, ...); to no feature for one below zero."""
        return tuple(mask == features.to(mask.device).view(-1, *[1] * mask.ndim) for mask in self._at(places))

    def among(self, coalitions: Tensor, places: slice) -> Tensors:
        """Which elements are of features in each of these coalitions, bool [k, 1 or n, features]: (k, 1 or n, ...)."""

        def among_in(mask: Tensor) -> Tensor:
            there = coalitions.to(mask.device)
            if len(mask) == 1:
                return there[:, :, mask[0]]
            if len(mask) == 0:
                return mask.new_zeros((len(there), *mask.shape), dtype=torch.bool)
            index = in_rows(mask).expand(len(there), -1, -1)
            return there.expand(-1, len(mask), -1).gather(2, index).view(len(there), *mask.shape)

        return tuple(map(among_in, self._at(places)))

    def among_points(self, places: Tensor) -> Features:
        """The same features of some of the points, int64 [k]."""
        masks = tuple(mask if len(mask) == 1 else mask[places.to(mask.device)] for mask in self.masks)
        return replace(self, masks=masks)

    def _at(self, places: slice) -> Tensors:
        return tuple(mask if len(mask) == 1 else mask[places] for mask in self.masks)

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
            return each.gather(1, in_rows(index)).view_as(index)

        return tuple(map(spread_to, self.masks))

    def picked(self, values: Tensors) -> Tensor:
        """The values [m, features] of features, out of those of their elements, (m, ...) for m = n * K outputs."""
        every = torch.cat([in_rows(each).to(values[0]) for each in values], dim=1)
        examples = max(map(len, self.masks))
        masks = torch.cat([in_rows(mask).expand(examples, -1).to(every.device) for mask in self.masks], dim=1)
        places = torch.arange(every.shape[1], device=every.device).expand_as(masks)
        place = masks.new_full((examples, self.count), -1).scatter(1, masks, places)
        place = place.repeat_interleave(len(every) // examples, dim=0)
        return every.gather(1, place.clamp(min=0)).where(place >= 0, 0)

    def totals(self, values: Tensors) -> Tensor:
        """Values of the elements (n, ...) added up over each feature: [n, features], in float64 on the CPU."""
        added_up = torch.zeros(examples_of(values), self.count, dtype=torch.float64, device="cpu")
        for mask, each in zip(self.masks, values, strict=True):
            if len(each) == 0:
                continue
            index = in_rows(mask).expand(len(each), -1).cpu()
            added_up.scatter_add_(1, index, in_rows(each).cpu().double())
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

    def differing(self, x: Tensors, other: Tensors) -> Tensor:
        """The features in which two sets of points differ, int64 [k] in order."""
        differs = torch.zeros(self.count, dtype=torch.bool, device="cpu")
        for mask, one, two in zip(self.masks, x, other, strict=True):
            where = one != two
            where = where.any(0, keepdim=True) if len(mask) == 1 else where
            differs[mask[where].cpu()] = True
        return differs.nonzero().flatten()


@final
@dataclass(frozen=True, eq=False)
class Windows:
    """Boxes that slide over the elements, clipped at the far edges; they may overlap.

    They are numbered tensor by tensor, the first dimension changing fastest.

    Args:
        covers: For each tensor and dimension of one example of it, which places each position of the window covers,
            bool [positions, size].
        like: The tensors, (n, ...).
    """

    covers: tuple[tuple[Tensor, ...], ...]
    like: Tensors

    @classmethod
    def of(cls, x: Tensors, windows: WindowShapes, strides: Strides) -> Windows:
        """The windows over points.

        Args:
            x: The points.
            windows: See [WindowShapes][pellucid.core.players.WindowShapes].
            strides: See [Strides][pellucid.core.players.Strides].

        Raises:
            InvalidArgument: They do not fit the points, or leave gaps between the windows.
        """
        single = len(x) == 1
        each_size = windows if isinstance(windows, tuple) and not (single and _integers(windows)) else (windows,)
        each_stride = strides if isinstance(strides, tuple) and not (single and _integers(strides)) else (strides,)
        if strides is None:
            each_stride = (1,) * len(x)
        for name, given in (("sliding_window_shapes", each_size), ("strides", each_stride)):
            if len(given) != len(x):
                raise InvalidArgument(
                    f"{name} must have one entry for each input: expected {len(x)}, got {len(given)}."
                )
        triples = zip(x, each_size, each_stride, strict=True)
        return cls(tuple(_covers(tensor, size, stride) for tensor, size, stride in triples), x)

    @property
    def count(self) -> int:
        """How many windows there are."""
        return sum(self._counts)

    @property
    def _counts(self) -> list[int]:
        pairs = zip(self.covers, self.like, strict=True)
        return [math.prod(len(cover) for cover in covers) if like.numel() else 0 for covers, like in pairs]

    def belonging(self, windows: Tensor, places: slice) -> Tensors:
        """Which elements lie in each of these windows [k]: (k, 1, ...); in no window for one below zero."""
        masks, start = [], 0
        for covers, like, count in zip(self.covers, self.like, self._counts, strict=True):
            here = (windows >= start) & (windows < start + count)
            rest = (windows - start).clamp(0, count - 1)
            mask = here.view(-1, *[1] * (like.ndim - 1)).to(like.device)
            for dimension, cover in enumerate(covers):
                at = (rest % len(cover)).to(cover.device)
                mask = mask & cover[at].view(-1, *[1] * dimension, cover.shape[1], *[1] * (len(covers) - dimension - 1))
                rest = rest // len(cover)
            masks.append(mask.unsqueeze(1))
            start += count
        return tuple(masks)

    def spread(self, values: Tensor) -> Tensors:
        """Values [m, windows] of m outputs as means over the windows that cover each element, (m, ...) per tensor."""
        parts = torch.split(values, self._counts, dim=1)
        return tuple(
            self._spread_to(covers, like, part if part.is_floating_point() else part.float())
            for covers, like, part in zip(self.covers, self.like, parts, strict=True)
        )

    def _spread_to(self, covers: tuple[Tensor, ...], like: Tensor, values: Tensor) -> Tensor:
        if like.numel() == 0:
            return values.new_zeros(len(values) if len(like) else 0, *like.shape[1:], device=like.device)
        grid = values.to(like.device).reshape(len(values), *(len(cover) for cover in reversed(covers)))
        totals = grid.permute((0, *range(grid.ndim - 1, 0, -1)))
        unknown = totals.isnan()  # which a sum of products would spread to windows elsewhere
        times_covered = torch.ones((), dtype=totals.dtype, device=totals.device)
        for cover in covers:
            times_covered = times_covered.unsqueeze(-1) * cover.sum(0)
        means = _summed_over(totals.masked_fill(unknown, 0), covers) / times_covered
        if unknown.any():
            means = means.masked_fill(_summed_over(unknown.to(totals.dtype), covers) > 0, math.nan)
        return means

    def differing(self, x: Tensors, other: Tensors) -> Tensor:
        """The windows in which two sets of points differ, int64 [k] in order."""
        found = []
        for covers, one, two in zip(self.covers, x, other, strict=True):
            differs = (one != two).any(0).float() if one.numel() else one.new_zeros(0)
            for cover in covers:
                differs = _contracted(differs, cover.T, 0)
            found.append((differs > 0).permute(tuple(range(differs.ndim - 1, -1, -1))).flatten().cpu())
        return torch.cat(found).nonzero().flatten()


def _contracted(tensor: Tensor, cover: Tensor, dimension: int) -> Tensor:
    """A dimension summed over by the rows of a cover, whose columns become the last dimension; as exact as it came."""
    with torch.autocast(tensor.device.type, enabled=False):
        contracted: Tensor = torch.tensordot(tensor, cover.to(tensor.dtype), ([dimension], [0]))
        return contracted


def _summed_over(totals: Tensor, covers: tuple[Tensor, ...]) -> Tensor:
    for cover in covers:  # each contracts the next dimension of positions, and appends one of elements
        totals = _contracted(totals, cover, 1)
    return totals


def _integers(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(each, int | np.integer) for each in value)


def _covers(x: Tensor, size: object, stride: object) -> tuple[Tensor, ...]:
    """Which places each position of a window covers, for each dimension of one example."""
    shape = tuple(x.shape[1:])
    if not _integers(size) or not isinstance(size, tuple) or len(size) != len(shape):
        raise InvalidArgument(f"sliding_window_shapes must have a size for each dimension of {shape}: got {size!r}.")
    if x.numel() == 0:  # nothing to cover
        return ()
    if any(not 1 <= window <= length for window, length in zip(size, shape, strict=True)):
        raise InvalidArgument(f"sliding_window_shapes must lie within the input's {shape}: got {size}.")
    steps = (stride,) if isinstance(stride, int | np.integer) else stride
    if isinstance(steps, tuple) and len(steps) == 1:
        steps *= len(shape)
    if not _integers(steps) or not isinstance(steps, tuple) or len(steps) != len(shape):
        raise InvalidArgument(f"strides must be a number, or one for each dimension of {shape}: got {stride!r}.")
    for step, window, length in zip(steps, size, shape, strict=True):
        if step < 1 or (step > window and window < length):
            raise InvalidArgument(
                f"strides must be at least 1, and no larger than the window, which would leave gaps: "
                f"got {steps} for windows of {size}."
            )
    return tuple(_cover(*each, device=x.device) for each in zip(shape, size, steps, strict=True))


def _cover(length: int, size: int, stride: int, device: torch.device) -> Tensor:
    starts = torch.arange(math.ceil((length - size) / stride) + 1, device=device)[:, None] * stride
    places = torch.arange(length, device=device)
    return (places >= starts) & (places < starts + size)


def _fitting(mask: Tensor, x: Tensor, argument: str) -> Tensor:
    """A feature mask, as (1 or n, ...) of the shape of the points."""
    if not isinstance(mask, Tensor) or mask.dtype == torch.bool or floats(mask):
        groups = f" Hint: {argument}.long() for two features, 0 and 1."
        hint = groups if isinstance(mask, Tensor) and mask.dtype == torch.bool else converted(mask, argument)
        raise InvalidArgument(f"{argument} must hold integers: got {described(mask)}.{hint}")
    shape = (1,) * (x.ndim - mask.ndim) + tuple(mask.shape)
    if len(shape) != x.ndim or any(m not in (1, size) for m, size in zip(shape, x.shape, strict=True)):
        raise InvalidArgument(
            f"{argument} must broadcast to inputs: expected {tuple(x.shape)}, got {tuple(mask.shape)}."
        )
    if mask.numel() and mask.min() < 0:
        raise InvalidArgument(f"{argument} must hold natural numbers: got {int(mask.min())}.")
    return mask.to(torch.int64).to(x.device).view(shape).expand(shape[0], *x.shape[1:])
