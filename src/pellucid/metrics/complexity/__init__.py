"""How few features an explanation needs."""

from pellucid.metrics.complexity.effective import EffectiveComplexity
from pellucid.metrics.complexity.shape import Complexity, Sparseness

__all__ = [
    "Complexity",
    "EffectiveComplexity",
    "Sparseness",
]
