"""What came of a method on a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["right", "partly", "wrong", "wrong as expected", "not applicable", "failed", "promise broken"]


@dataclass(frozen=True)
class Outcome:
    """What came of a method on a model.

    Args:
        method: The method's name.
        model: The model's name.
        verdict: How the answer compares with the known one.

            - "right": everything that matters more has the larger attribution
            - "partly": a part of it, from a score of 0.6 unless a claim says otherwise
            - "wrong", or "wrong as expected" where that is what is claimed of a method of the list
            - "promise broken": worse or better than what is claimed of a method of the list
            - "not applicable": there is nothing to ask
            - "failed": there are no attributions to judge
        score: From 0 to 1; see [concordance][pellucid.zoo.scores.concordance]. None where there is none to compute.
        exact: Whether the values are those known in closed form; None where none are known of what the method
            computes, or where errors of sampling are as large as the values.
        reason: Why it is not right, not applicable, or failed; empty where there is nothing to say.
    """

    method: str
    model: str
    verdict: Verdict
    score: float | None = None
    exact: bool | None = None
    reason: str = ""
