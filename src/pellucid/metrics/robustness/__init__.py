"""Whether attributions stay where inputs hardly move."""

from pellucid.metrics.robustness.consistency import Consistency
from pellucid.metrics.robustness.sensitivity import AverageSensitivity, Continuity, LocalLipschitz, MaxSensitivity
from pellucid.metrics.robustness.stability import (
    RelativeInputStability,
    RelativeOutputStability,
    RelativeRepresentationStability,
)

__all__ = [
    "AverageSensitivity",
    "Consistency",
    "Continuity",
    "LocalLipschitz",
    "MaxSensitivity",
    "RelativeInputStability",
    "RelativeOutputStability",
    "RelativeRepresentationStability",
]
