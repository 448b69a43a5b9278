"""Imputers: what stands in the place of absent elements of the points."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast, final

import torch
from torch import Tensor

from pellucid.core.evaluation.coalition_memory import ByIdentity
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.evaluation.sweep import PointSampler
from pellucid.core.games.fill import Fill, PresentElements
from pellucid.core.games.removal import Removal, RemovalLike
from pellucid.core.problem.baselines import Baselines
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, format_shapes, unwrap_single
from pellucid.errors import InvalidArgument, WrongType


class Imputer(Protocol):
    """What stands in the place of absent elements."""

    @property
    def count(self) -> int:
        """How many points a coalition is the mean of: the rows of a background, else one."""
        ...

    @property
    def key(self) -> Hashable:
        """Equal for imputers that make the same points of the same points."""
        ...

    def select(self, which: Tensor) -> Imputer:
        """The same for the points with these indices, int64 [k]."""
        ...

    def changed_elements(self, x: Tensors) -> Tensors:
        """Which elements of the points may change when they are absent, bool (n, ...)."""
        ...

    def points(self, x: Tensors, present_elements: PresentElements) -> PointSampler:
        """The points of coalitions: sample c * count + r is row r of coalition c; see `Fill.points`."""
        ...


@final
@dataclass(frozen=True, eq=False)
class RemovalImputer(Summarized):
    """Absent elements are taken away by a function.

    Args:
        removal: The function.
    """

    removal: RemovalLike

    @property
    def count(self) -> int:
        """One point for each coalition."""
        return 1

    @property
    def key(self) -> Hashable:
        """The function itself."""
        return ByIdentity(self.removal)

    def select(self, which: Tensor) -> RemovalImputer:
        """Itself: a removal treats each point alone."""
        return self

    def changed_elements(self, x: Tensors) -> Tensors:
        """All: only the function knows what it changes."""
        return tuple(torch.ones_like(tensor, dtype=torch.bool) for tensor in x)

    def points(self, x: Tensors, present_elements: PresentElements) -> PointSampler:
        """The points of coalitions, one for each."""

        def remaining_points(coalitions: slice, point_range: slice) -> Tensors:
            # Copies, as a user's function may write into what it is given.
            count = coalitions.stop - coalitions.start
            inputs = tuple(tensor[point_range].repeat(count, *[1] * (tensor.ndim - 1)) for tensor in x)
            present = present_elements(coalitions, point_range)
            absent = tuple(
                (~mask).expand(-1, len(tensor) // count, *mask.shape[2:]).reshape(tensor.shape)
                for mask, tensor in zip(present, inputs, strict=True)
            )
            with _by_itself(inputs):
                return self._remove(inputs, absent)

        return remaining_points

    def _remove_from(self, x: Tensor, absent: Tensor) -> Tensor:
        """One input without its absent elements; one without elements as it is."""
        remaining: Tensor = self.removal(x, absent) if x.numel() else x
        return remaining

    def _remove(self, x: Tensors, absent: Tensors) -> Tensors:
        """Points (n, ...) without their absent elements.

        Raises:
            InvalidArgument: The function returns something else.
        """
        shapes = [tensor.shape for tensor in x]
        dtypes = [tensor.dtype for tensor in x]
        if isinstance(self.removal, Removal):
            remaining: Any = tuple(map(self._remove_from, x, absent))
        else:
            remaining = self.removal(unwrap_single(x), unwrap_single(absent))
        points = remaining if isinstance(remaining, tuple) else (remaining,)
        if [tensor.shape if isinstance(tensor, Tensor) else None for tensor in points] != shapes:
            got = format_shapes(points) if all(isinstance(tensor, Tensor) for tensor in points) else summary(remaining)
            raise InvalidArgument(
                "removal must return the inputs without what is absent, in their shapes: "
                f"expected {format_shapes(x)}, got {got}."
            )
        return tuple(
            tensor.to(dtype) if dtype.is_floating_point else tensor
            for tensor, dtype in zip(points, dtypes, strict=True)
        )


def imputer_of(f: ModelFunction, baselines: Baselines, removal: RemovalLike | None = None) -> Imputer:
    """What stands in the place of absent elements of a function's own points.

    Args:
        f: The function.
        baselines: See [Baselines][pellucid.methods.Baselines]; at the source.
        removal: See [RemovalLike][pellucid.methods.RemovalLike]; None takes the baselines.

    Raises:
        InvalidArgument: They do not fit the points, or there are both.
        WrongType: The removal is no function.
    """
    if removal is None:
        return Fill.of(f, baselines)
    if baselines is not None:
        raise InvalidArgument(
            "baselines must be None where removal says how features are taken away: got both. "
            "Hint: without removal=..., baselines take their place."
        )
    if not callable(removal) or isinstance(removal, type):
        hint = f" Hint: {removal.__name__}(...)." if isinstance(removal, type) else ""
        raise WrongType(
            f"removal must be a function of inputs and absent elements, or such as Blur(...): got {summary(removal)}."
            f"{hint}"
        )
    with _by_itself(f.x):
        replaced = tuple(_replacement(removal, x) for x in f.x)
    if any(tensor is None for tensor in replaced):
        return RemovalImputer(removal)
    return Fill(tuple(tensor.unsqueeze(0) for tensor in cast(Tensors, replaced)))


def _replacement(removal: RemovalLike, x: Tensor) -> Tensor | None:
    """What takes the place of absent elements whichever they are; of an input without elements, that input."""
    if not isinstance(removal, Removal):
        return None
    return removal.replacement(x) if x.numel() else x


@contextmanager
def _by_itself(x: Tensors) -> Iterator[None]:
    """Around a removal, which is no part of the model: without a graph, and without the user's autocast."""
    with torch.no_grad(), torch.autocast(x[0].device.type, enabled=False):
        yield
