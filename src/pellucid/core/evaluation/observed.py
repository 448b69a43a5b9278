"""What a session has observed of the model at the sites of its problem."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor

from pellucid.core.model.activation_replay import Replay
from pellucid.core.model.forward import Captured
from pellucid.core.model.layers import Site
from pellucid.core.pytree import TensorTree
from pellucid.core.summaries import Summarized
from pellucid.errors import NotDifferentiable

_OBSERVED_LOG = logging.getLogger("pellucid")


@final
@dataclass(frozen=True, eq=False)
class SiteLayout(Summarized):
    """How tensors are arranged at a site.

    Args:
        structure: The tuples, lists and dicts that hold them.
        dtypes: Their dtypes.
    """

    structure: TensorTree
    dtypes: tuple[torch.dtype, ...]


@final
@dataclass
class Observed(Summarized):
    """What has been observed so far, by site: functions between other sites of the same problem share it.

    Args:
        captured: The tensors at a source that is a layer, for the user's inputs.
        layouts: How the tensors are arranged at each site.
        replays: The recorded outputs of modules before a source, by (source, gradient site, target site).
        output_shape: The shape K of the target's values for one example, where there may be several.
        slopes: Where a saturating function makes the output: the examples for which it had a slope, bool [examples].
        failed_on: The inputs with which the model failed, described for the error.
        output: Which tensor of the model's output is explained, `output['logits']`; "" where it is the output.
    """

    captured: dict[Site, Captured] = field(default_factory=dict)
    layouts: dict[Site, SiteLayout] = field(default_factory=dict)
    replays: dict[tuple[Site, ...], Replay] = field(default_factory=dict)
    output_shape: tuple[int, ...] = ()
    slopes: Tensor | None = None
    failed_on: str = ""
    output: str = ""

    def remember_layout(self, site: Site, captured: Captured) -> None:
        """Remember how the tensors are arranged at a site.

        Raises:
            NotDifferentiable: The site has no floating-point tensor.
        """
        if not captured.tensors:
            raise NotDifferentiable(
                "layer must hold a floating-point tensor for a gradient to exist: it holds none. "
                "Hint: of an embedding, attribute to what it returns."
            )
        self.layouts[site] = SiteLayout(captured.structure, tuple(tensor.dtype for tensor in captured.tensors))

    def remember_output(self, name: str, output: Any) -> None:
        """Remember which tensor of an output is explained, and say so, once."""
        if name and name != self.output:
            _OBSERVED_LOG.info("%s is explained, of a %s. Hint: output_selector=...", name, type(output).__name__)
        self.output = name

    def remember_slopes(self, examples: Tensor, slopes: Sequence[Tensor], batch_size: int) -> None:
        """Remember for which of these examples a slope is not zero, given slopes (n, ...)."""
        if self.slopes is None:
            self.slopes = torch.zeros(batch_size, dtype=torch.bool, device="cpu")
        nonzero = [(slope.detach() != 0).reshape(len(examples), -1).any(1).cpu() for slope in slopes]
        self.slopes[examples[torch.stack(nonzero).any(0)]] = True

    def verify_replays(self) -> None:
        """Verify the replays of the last forward: the next one would have, but there is none.

        Raises:
            ReplayFailed: A replay was wrong. Nothing is replayed from now on.
        """
        for replay in self.replays.values():
            replay.verify()
