"""Points at a source, each with the example that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors


@final
@dataclass(frozen=True, eq=False)
class Points(Summarized):
    """Points at a source, any number of them for each of the user's examples.

    Args:
        tensors: Tensors (n, ...); an empty tuple where they are those of the user's inputs, see `of_inputs`.
        examples: The example that each point belongs to, int64 [n], on the CPU.
    """

    tensors: Tensors
    examples: Tensor

    @classmethod
    def of_inputs(cls, examples: Tensor) -> Points:
        """The points that the user's inputs of these examples have at a source, which only a forward tells."""
        return cls((), examples)

    def __len__(self) -> int:
        """The number of points."""
        return self.examples.shape[0]

    def __getitem__(self, which: slice | Tensor) -> Points:
        """The points of a slice, or of indices int64 [k] on the CPU."""
        if isinstance(which, slice):
            return self if which == slice(None) else Points(tuple(x[which] for x in self.tensors), self.examples[which])
        return Points(tuple(x[which.to(x.device)] for x in self.tensors), self.examples[which])

    def detach(self) -> Points:
        """The points, detached from autograd's graph."""
        return Points(tuple(x.detach() for x in self.tensors), self.examples)


def repeat_ids(ids: Tensor, copies: slice) -> Tensor:
    """The ids of copies of points: the id of the point followed by the number of the copy.

    Args:
        ids: What identifies each point, int64 [n, k].
        copies: The numbers of each point's copies.

    Returns:
        int64 [n * copies, k + 1], the copies of a point one after another.
    """
    numbers = torch.arange(copies.start, copies.stop, device="cpu").repeat(len(ids))
    return torch.cat([ids.repeat_interleave(copies.stop - copies.start, dim=0), numbers[:, None]], dim=1)
