"""Methods that take one feature away at a time."""

from pellucid.methods.perturbation.ablation import FeatureAblation, Occlusion
from pellucid.methods.perturbation.permutation import FeaturePermutation

__all__ = [
    "FeatureAblation",
    "FeaturePermutation",
    "Occlusion",
]
