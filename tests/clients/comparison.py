"""Captum's answers and pellucid's, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from clients.answers import Answer

RELATIVE, ABSOLUTE = 1e-4, 1e-6

Kind = Literal["equal", "documented", "failed"]


@dataclass(frozen=True)
class Verdict:
    """What came of a case."""

    case: str
    kind: Kind
    reason: str = ""


def verdict(case: str, captum: dict[str, Any], pellucid: dict[str, Any]) -> Verdict:
    """Compare the answers to a case; where they differ, and may, pellucid's must be right."""
    expected = captum["answers"][case]
    if vacuous(expected):
        return Verdict(case, "failed", "all of Captum's answer is zero")
    found = difference(expected, pellucid["answers"][case])
    if found and case in captum["reasons"]:
        wrong = difference(captum["compared"][case], pellucid["compared"][case])
        return Verdict(case, "failed", wrong) if wrong else Verdict(case, "documented", captum["reasons"][case])
    return Verdict(case, "failed" if found else "equal", found)


def difference(expected: Answer, got: Answer) -> str:
    """How two answers differ, or nothing."""
    if isinstance(expected, str) or isinstance(got, str):
        return f"Captum: {short(expected)}; pellucid: {short(got)}"
    if expected.keys() != got.keys():
        return f"Captum: tensors at {sorted(expected)}; pellucid: at {sorted(got)}"
    # Sums of large attributions that cancel, as deltas are, are as exact as the large ones.
    absolute = ABSOLUTE * max(1.0, *(float(tensor.abs().max()) for tensor in expected.values()))
    return next(filter(None, (unlike(name, expected[name], got[name], absolute) for name in expected)), "")


def unlike(name: str, expected: Tensor, got: Tensor, absolute: float) -> str:
    """How the tensors at a place of two answers differ, or nothing."""
    if expected.dtype != got.dtype or expected.shape != got.shape:
        return f"Captum: {name} {expected.dtype} {tuple(expected.shape)}; pellucid: {got.dtype} {tuple(got.shape)}"
    if torch.allclose(got.double(), expected.double(), rtol=RELATIVE, atol=absolute, equal_nan=True):
        return ""
    gap = float((got.double() - expected.double()).abs().max())
    return f"{name} differs by up to {gap:.1e}, where the largest is {float(expected.abs().max()):.1e}".strip()


def short(answer: Answer) -> str:
    """An answer in a few words."""
    return answer.partition("\n")[0] if isinstance(answer, str) else "tensors"


def vacuous(answer: Answer) -> bool:
    """Whether an answer holds nothing that another could differ from."""
    return not isinstance(answer, str) and not any(tensor.any() for tensor in answer.values())
