"""How many calls of ours a reader passes on the way from `attribute` to the model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import pellucid
from house import offenders
from house.ratchet import changes
from laws.registry import Case, cases
from pellucid import attr

HOME = str(Path(pellucid.__file__).parent)

MOST = {"Saliency": 12}
MOST_OF_ALL = 15
"""Kernel SHAP, relevance propagation and feature ablation have the longest ways."""

COMPREHENSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>"}
"""They have frames of their own before Python 3.12 only."""


def frames_of_ours() -> int:
    """How many of the callers belong to the library."""
    frame, count = sys._getframe(1), 0
    while frame is not None:
        code = frame.f_code
        count += code.co_filename.startswith(HOME) and code.co_name not in COMPREHENSIONS
        frame = frame.f_back
    return count


def ways(case: Case) -> list[int]:
    """The frames above each forward of a call, on a model it knows, and on too few rows for a replay to be checked."""
    model = case.specimen.model()
    counts: list[int] = []

    class Counting(type(model)):
        def forward(self, *inputs: Any, **named: Any) -> Any:
            counts.append(frames_of_ours())
            return super().forward(*inputs, **named)

    model.__class__ = Counting
    for _ in range(2):
        counts.clear()
        case.raw(model, case.specimen.inputs(3), **case.seed())
    return counts


def is_one_method(case: Case) -> bool:
    """A class of Captum's; Guided Grad-CAM goes one way inside another."""
    return case.specimen.name == "cnn" and case.method.name in {*attr.__all__} - {"GuidedGradCam"}


@cases(is_one_method)
def test_the_way_to_the_model_is_short(case: Case):
    name, count = case.method.name, max(ways(case))
    too_many = {name: count} if count > MOST.get(name, MOST_OF_ALL) else {}
    assert changes(too_many, {name: offenders.FRAMES[name]} if name in offenders.FRAMES else {}) == []


def test_frames_are_counted_from_the_outermost_of_ours():
    counts: list[int] = []

    class Model(nn.Module):
        def forward(self, x: Any) -> Any:
            counts.append(frames_of_ours())
            return x

    Model()(1)
    assert counts == [0]


@pytest.mark.parametrize("name", offenders.FRAMES)
def test_what_is_listed_is_counted(name: str):
    assert name in attr.__all__
