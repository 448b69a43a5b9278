"""Games: what the sink explains where some of the players are absent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from pellucid.core.expectation import Points, in_order, sweep
from pellucid.core.pathway import Pathway
from pellucid.core.players import Features
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument


class Players(Protocol):
    """The parts of the points that can be absent."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    def belonging(self, players: Tensor) -> Tensors:
        """Which elements belong to each of these players [k]: bool (k, 1 or n, ...); to none for one below zero."""
        ...

    def spread(self, values: Tensor) -> Tensors:
        """Values [m, players] of m outputs as values of the elements, (m, ...) for each tensor."""
        ...

    def differing(self, x: Tensors, other: Tensors) -> Tensor:
        """The players in which two sets of points differ, int64 [k] in order."""
        ...


def outcomes(path: Pathway, samples: int, points: Points) -> Tensor:
    """What the sink explains at every sample of every point, no gradient needed.

    Returns:
        Values [m, samples] for the m = n * K values of an output (n, *K), those of a point together; for a model that
        gives one value for the batch, [1, samples].

    Raises:
        InvalidArgument: The output has another number of values in different calls.
    """

    def read(x: Tensors, rows: Tensor) -> Tensors:
        value = path(x, rows)
        return (value if value.ndim else value.reshape(1),)

    blocks = [block for _, _, (block,) in sweep(path, samples, points, read, unit="evaluations")]
    path.seen.output = tuple(blocks[0].shape[2:])
    if sum(block.numel() for block in blocks) % samples or len({block.shape[2:] for block in blocks}) > 1:
        shapes = ", ".join(sorted({str(tuple(block.shape[1:])) for block in blocks}))
        raise InvalidArgument(f"forward_func must return outputs of one size for inputs of one size: got {shapes}.")
    (values,) = in_order([(block.flatten(),) for block in blocks], samples)
    return values


def coalition_values(
    path: Pathway, features: Features, fill: Tensors, count: int, coalitions: Callable[[slice], Tensor]
) -> Tensor:
    """What the sink explains where only some of the features are there, and the others filled.

    Args:
        path: The pathway.
        features: The players.
        fill: What takes the place of absent features, like `path.x`.
        count: How many coalitions there are.
        coalitions: Some of them, bool [k, features].

    Returns:
        Values [m, coalitions] for the m values of an output.
    """

    def points(samples: slice, places: slice) -> Tensors:
        return mixed(features.among(coalitions(samples)), path.x, fill, places)

    return outcomes(path, count, points)


def mixed(masks: Tensors, inside: Tensors, outside: Tensors, places: slice) -> Tensors:
    """Points (k * n, ...) at n places: those inside each of k masks, (k, 1 or all places, ...), and those outside."""
    return tuple(
        torch.where(mask[:, places] if mask.shape[1] > 1 else mask, one[places], other[places]).flatten(0, 1)
        for mask, one, other in zip(masks, inside, outside, strict=True)
    )


def effects(path: Pathway, players: Players, present: Tensor, without: Callable[[Tensor, slice], Tensors]) -> Tensor:
    """How much the values change as one player after another becomes absent: F(x) - F(x without the player).

    Args:
        path: The pathway.
        players: The players.
        present: Those that make a difference, int64 [k]; the others have no effect.
        without: (players [k], places) -> points (k * n, ...) without each of these players; with all of them for one
            below zero.

    Returns:
        Effects [m, players] for the m values of an output.
    """
    everyone = torch.cat([torch.tensor([-1], device="cpu"), present])
    values = outcomes(path, len(everyone), lambda samples, places: without(everyone[samples], places))
    changes = values.new_zeros(len(values), players.count)
    changes[:, present.to(values.device)] = values[:, :1] - values[:, 1:]
    return changes
