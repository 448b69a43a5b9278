"""Perturbation methods: the change of the output as one feature after another is replaced."""

from pellucid.methods.perturbation.ablation import FeatureAblation, Occlusion
from pellucid.methods.perturbation.patching import Patching
from pellucid.methods.perturbation.permutation import FeaturePermutation

__all__ = [
    "FeatureAblation",
    "FeaturePermutation",
    "Occlusion",
    "Patching",
]
