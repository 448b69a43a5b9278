"""What a pathway remembers: what it has seen at its sites, and whose copies its points are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import torch

from pellucid.core.passage import Found
from pellucid.core.randomness import Seed
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
    """

    source: Found | None = None
    read: Structure | None = None
    dtypes: tuple[torch.dtype, ...] = ()
    output: tuple[int, ...] = ()
    replay: Replay | None = None


@final
@dataclass(frozen=True, eq=False)
class Copies:
    """Where the points of a pathway are copies of another's, those of a point together.

    Args:
        original: The pathway whose points they copy.
        numbers: The numbers of each point's copies.
        seed: What the copies were seeded with, if they were.
    """

    original: Pathway
    numbers: slice
    seed: Seed
