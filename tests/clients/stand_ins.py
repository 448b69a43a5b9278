"""What clients import and these cases do not use, where it cannot be installed beside the torch that we test with."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from unittest.mock import MagicMock

import torch

_VISION = torch.library.Library("torchvision", "DEF")


def stand_in(*modules: str) -> None:
    """Let modules be imported that are not there; what is imported from them does nothing."""
    for name in modules:
        sys.modules[name] = MagicMock(name=name, __spec__=ModuleSpec(name, None), __path__=[])


def declare_operators_of_torchvision() -> None:
    """Let torchvision be imported with a torch for which its compiled operators were not built."""
    for operator in ("nms", "qnms"):
        _VISION.define(f"{operator}(Tensor boxes, Tensor scores, float iou_threshold) -> Tensor")
