"""What attributions should do by definition."""

from pellucid.metrics.axioms.completeness import Completeness
from pellucid.metrics.axioms.input_invariance import InputInvariance
from pellucid.metrics.axioms.non_sensitivity import NonSensitivity

__all__ = [
    "Completeness",
    "InputInvariance",
    "NonSensitivity",
]
