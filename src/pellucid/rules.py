"""Backward rules for calls of torch: what users write their own with; `docs/rules.md` says how they work."""

from pellucid.core.rules.entries import Adjusted, Chosen, Decomposed, OfSeveral
from pellucid.core.rules.ruled_op import Rule
from pellucid.core.rules.rules import Rules
from pellucid.core.rules.run import Run, apply, record
from pellucid.core.rules.torch_call import Call

__all__ = ["Adjusted", "Call", "Chosen", "Decomposed", "OfSeveral", "Rule", "Rules", "Run", "apply", "record"]
