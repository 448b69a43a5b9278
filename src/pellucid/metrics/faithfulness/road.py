"""ROAD: removal that leaves no trace of what was removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.features import FeatureMask
from pellucid.core.summaries import summary
from pellucid.core.tensors import unwrap_single
from pellucid.errors import InvalidArgument
from pellucid.methods.removal import NoisyLinear
from pellucid.metrics.faithfulness.removals import FaithfulnessMetric, Removals
from pellucid.metrics.image_features import pixels
from pellucid.metrics.scores import UNBOUNDED, Better, RemovalCurve, Scores


@final
@dataclass(frozen=True, kw_only=True)
class ROAD(FaithfulnessMetric):
    """How much higher the output stays without pixels of small attributions than without those of large ones.

    mean over s of (f(x without the share s of the smallest) - f(x without the share s of the largest)) / 2

    Pixels become what their surroundings say ([NoisyLinear][pellucid.methods.NoisyLinear]), so that the model does not
    see the shape of what is gone; baselines or a removal take its place where they are given, as they must for inputs
    that are no images. The paper asks for the accuracy on a data set; this is its form for one example. Both halves are
    in `scores.details["largest_first"]` and `["smallest_first"]`, [B, shares].

    Rong, Leemann, Borisov, Kasneci, Kasneci, "A consistent and efficient evaluation strategy for attribution methods",
    2022, https://arxiv.org/abs/2202.00449.

    Args:
        shares: Which shares of the pixels go.
        noise: See [NoisyLinear][pellucid.methods.NoisyLinear].

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import ROAD
        >>> image = torch.zeros(1, 1, 8, 8)
        >>> image[..., 2:4, 2:4] = 1
        >>> problem = Problem(lambda x: x[..., 2:4, 2:4].mean((1, 2, 3)), image)
        >>> bool(ROAD()(problem, image).values > ROAD()(problem, -image).values)
        True
    """

    shares: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7, 0.9)
    noise: float = 0.01

    better: ClassVar[Better] = "higher"
    range: ClassVar[tuple[float, float]] = UNBOUNDED
    paper: ClassVar[str] = "https://arxiv.org/abs/2202.00449"

    def default_features(self, f: ModelFunction) -> FeatureMask:
        """The pixels of images; else each element."""
        return pixels(unwrap_single(f.x))

    def scores(self, removals: Removals) -> Scores:
        """Half the mean difference between both orders."""
        if not isinstance(self.shares, tuple) or not self.shares or not all(0 < share < 1 for share in self.shares):
            raise InvalidArgument(
                f"shares must be a tuple of numbers between zero and one: got {summary(self.shares)}."
            )
        if removals.as_paper:
            removals = removals.taken_away(removal=NoisyLinear(noise=self.noise))
        shares = torch.tensor(self.shares, dtype=torch.float64, device="cpu")
        counts = (shares * removals.features).round().long()
        rising = removals.features - 1 - removals.ranks
        largest, smallest = (removals.without_first(order, counts) for order in (removals.ranks, rising))
        details = {"largest_first": largest, "smallest_first": smallest}
        return Scores(self, (smallest - largest).mean(1) / 2, curve=RemovalCurve(shares, largest), details=details)
