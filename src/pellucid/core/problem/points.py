"""Points at a source, and which example each belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pellucid.core.tensors import Tensors


@final
@dataclass(frozen=True, eq=False)
class Points:
    """Points at a source, of any number for each of the user's examples.

    Args:
        tensors: (n, ...) each; none for what the inputs of the examples lead to.
        examples: The example that each point belongs to, int64 [n], on the CPU.
    """

    tensors: Tensors
    examples: Tensor

    def __len__(self) -> int:
        """How many there are."""
        return self.examples.shape[0]

    def __getitem__(self, which: slice | Tensor) -> Points:
        """Some of them: a slice, or int64 [k] on the CPU."""
        if isinstance(which, slice):
            return self if which == slice(None) else Points(tuple(x[which] for x in self.tensors), self.examples[which])
        return Points(tuple(x[which.to(x.device)] for x in self.tensors), self.examples[which])

    def detach(self) -> Points:
        """The same without the graph that they came from."""
        return Points(tuple(x.detach() for x in self.tensors), self.examples)


def repeat_ids(ids: Tensor, copies: slice) -> Tensor:
    """What tells copies of points apart: what tells the points apart, and then the number of the copy.

    Args:
        ids: int64 [n, k].
        copies: The numbers of each point's copies.

    Returns:
        int64 [n * copies, k + 1], the copies of a point together.
    """
    numbers = torch.arange(copies.start, copies.stop, device="cpu").repeat(len(ids))
    return torch.cat([ids.repeat_interleave(copies.stop - copies.start, dim=0), numbers[:, None]], dim=1)
