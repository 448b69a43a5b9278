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
        verdict: "right", "partly", "wrong", and of listed methods "wrong as expected" or, where it is not as claimed,
            "promise broken"; "not applicable"; "failed" where there are no attributions to judge.
        score: From 0 to 1; see [concordance][pellucid.zoo.scores.concordance].
        exact: Whether the values are those known in closed form; None where none are known of what the method computes.
        reason: Why it is not right.
    """

    method: str
    model: str
    verdict: Verdict
    score: float | None = None
    exact: bool | None = None
    reason: str = ""
