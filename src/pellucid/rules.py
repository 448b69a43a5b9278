"""Backward rules for calls of torch: what users write their own with; `docs/rules.md` says how they work."""

from pellucid.core.autograd.dependence import marked_as_source
from pellucid.core.rules.entries import AdjustGradient, ChooseRule, Decompose, ForProducts, ModifiedCall
from pellucid.core.rules.memory import CallMemory
from pellucid.core.rules.ruled_forward import RuledForward, apply, record
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.rules import Rules
from pellucid.core.rules.torch_call import TorchCall

__all__ = [
    "AdjustGradient",
    "CallMemory",
    "ChooseRule",
    "Decompose",
    "ForProducts",
    "ModifiedCall",
    "Rule",
    "RuledForward",
    "Rules",
    "TorchCall",
    "apply",
    "marked_as_source",
    "record",
]
