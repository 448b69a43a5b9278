"""What a pathway remembers: what it has seen at its sites, and where its points come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor

from pellucid.core.passage import Found
from pellucid.core.randomness import Keys, Seed
from pellucid.core.replay import Replay
from pellucid.core.structure import Structure

if TYPE_CHECKING:
    from pellucid.core.pathway import Pathway


@final
@dataclass
class Seen:
    """What has been seen at the sites of a pathway, shared by all its copies.

    Args:
        source: What is at a source that is a layer, for the user's inputs.
        read: How the tensors lie where gradients are taken.
        dtypes: Of these tensors.
        output: The shape of what is explained of one example, where that may be several values.
        replay: What modules before the source returned, if that may be of use.
        moved: Of an output that may level off, for which examples it had a slope anywhere, bool [examples].
        given: What inputs the model was given when it failed, described.
    """

    source: Found | None = None
    read: Structure | None = None
    dtypes: tuple[torch.dtype, ...] = ()
    output: tuple[int, ...] = ()
    replay: Replay | None = None
    moved: Tensor | None = None
    given: str = ""

    def moves(self, rows: Tensor, slopes: Sequence[Tensor], examples: int) -> None:
        """See for which examples, among these rows, the output has a slope."""
        if self.moved is None:
            self.moved = torch.zeros(examples, dtype=torch.bool, device="cpu")
        any_moves = torch.stack([(each.detach() != 0).reshape(len(rows), -1).any(1).cpu() for each in slopes]).any(0)
        self.moved[rows[any_moves]] = True


@final
@dataclass(frozen=True, eq=False)
class Copies:
    """Points that are copies of another pathway's, those of a point together.

    Args:
        original: The pathway whose points they copy.
        numbers: The numbers of each point's copies.
        seed: What the copies were seeded with, if they were.
    """

    original: Pathway
    numbers: slice
    seed: Seed

    def identities(self) -> Keys:
        """What tells the points apart."""
        numbers = range(self.numbers.start, self.numbers.stop)
        return [(*key, number) for key in self.original.identities() for number in numbers]


@final
@dataclass(frozen=True, eq=False)
class Chosen:
    """Points that are some of another pathway's.

    Args:
        original: The pathway.
        places: Which of its points, int64 [k].
    """

    original: Pathway
    places: Tensor

    @property
    def seed(self) -> Seed:
        """What the points were seeded with, if they were."""
        return None if self.original.origin is None else self.original.origin.seed

    def identities(self) -> Keys:
        """What tells the points apart."""
        keys = self.original.identities()
        return [keys[place] for place in self.places.tolist()]
