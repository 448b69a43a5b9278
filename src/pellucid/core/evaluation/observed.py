"""What an attribution has observed of the model at the sites that it looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from pellucid.core.model.activation_replay import Replay
from pellucid.core.model.forward import Captured
from pellucid.core.model.layers import Site
from pellucid.core.pytree import TensorTree
from pellucid.errors import NotDifferentiable


@final
@dataclass(frozen=True, eq=False)
class SiteLayout:
    """How tensors lie at a site.

    Args:
        structure: In what is there.
        dtypes: Of the tensors.
    """

    structure: TensorTree
    dtypes: tuple[torch.dtype, ...]


@final
@dataclass
class Observed:
    """What has been observed so far; of a site for itself, so that functions of several sites share it.

    Args:
        captured: What is at a source that is a layer, for the user's inputs.
        layouts: How the tensors lie at sites.
        replays: What modules before a source returned, if that may be of use: by the source and the other sites.
        output: The shape of what is explained of one example, where that may be several values.
        slopes: Of an output that may level off, for which examples it had a slope anywhere, bool [examples].
        failed_on: What inputs the model was given when it failed, described.
    """

    captured: dict[Site, Captured] = field(default_factory=dict)
    layouts: dict[Site, SiteLayout] = field(default_factory=dict)
    replays: dict[tuple[Site, ...], Replay] = field(default_factory=dict)
    output: tuple[int, ...] = ()
    slopes: Tensor | None = None
    failed_on: str = ""

    def remember_layout(self, site: Site, captured: Captured) -> None:
        """Remember how the tensors lie at a site.

        Raises:
            NotDifferentiable: There is none at which a gradient could exist.
        """
        if not captured.tensors:
            raise NotDifferentiable(
                "layer must hold a floating-point tensor for a gradient to exist: it holds none. "
                "Hint: of an embedding, attribute to what it returns."
            )
        self.layouts[site] = SiteLayout(captured.structure, tuple(tensor.dtype for tensor in captured.tensors))

    def remember_slopes(self, examples: Tensor, slopes: Sequence[Tensor], batch_size: int) -> None:
        """Remember for which of these examples the output has a slope."""
        if self.slopes is None:
            self.slopes = torch.zeros(batch_size, dtype=torch.bool, device="cpu")
        some = torch.stack([(slope.detach() != 0).reshape(len(examples), -1).any(1).cpu() for slope in slopes]).any(0)
        self.slopes[examples[some]] = True

    def verify_replays(self) -> None:
        """Look at the last replays again.

        Raises:
            ReplayFailed: One was wrong. Nothing is replayed from now on.
        """
        for replay in self.replays.values():
            replay.verify()
