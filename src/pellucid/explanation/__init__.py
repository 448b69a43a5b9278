"""`explain`, and what it returns: attributions to look at, compare, keep and trust."""

from pellucid.explanation.auto import Auto
from pellucid.explanation.capability import Capability, can_explain
from pellucid.explanation.checking.verdict import Check, Verdict
from pellucid.explanation.comparison import Comparison
from pellucid.explanation.container import load
from pellucid.explanation.explaining import explain
from pellucid.explanation.explanation import Explanation
from pellucid.explanation.provenance import Provenance

__all__ = [
    "Auto",
    "Capability",
    "Check",
    "Comparison",
    "Explanation",
    "Provenance",
    "Verdict",
    "can_explain",
    "explain",
    "load",
]
