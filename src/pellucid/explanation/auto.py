"""Choosing a method by what a model can do, and going on until the numbers are good enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from pellucid.core.counts import check_count
from pellucid.core.summaries import Summarized
from pellucid.errors import InvalidArgument

FEW_PERMUTATIONS = 4
"""With fewer, standard errors say little."""


@final
@dataclass(frozen=True, kw_only=True)
class Auto(Summarized):
    """The method that suits a model: Integrated Gradients where torch differentiates it, else Shapley values.

    Integrated Gradients go on until they add up to the change of the output; where there are many baselines, they are
    averaged over these. Shapley values go on until their 95 % intervals are narrow; those of few features are exact.
    What was chosen and why, and what was not reached, is among the notes of the explanation.

    Args:
        tolerance: How far sums may miss the change of the output, as a share of it; half the width of an interval, as a
            share of the largest attribution.
        max_evaluations: The most evaluations of the model per example.

    Raises:
        InvalidArgument: They are not above zero.
    """

    tolerance: float = 0.05
    max_evaluations: int = 2_000

    def __post_init__(self) -> None:
        check_count("max_evaluations", self.max_evaluations, 16)
        if not self.tolerance > 0:
            raise InvalidArgument(f"tolerance must be above zero: got {self.tolerance}.")
