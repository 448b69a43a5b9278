"""Shapley values and their kin, exactly and by sampling."""

from pellucid.methods.shapley.banzhaf import BanzhafValues, BanzhafValueSampling
from pellucid.methods.shapley.interactions import Interactions, ShapleyInteractions, ShapleyInteractionSampling
from pellucid.methods.shapley.owen import OwenValues, OwenValueSampling
from pellucid.methods.shapley.per_feature import per_feature
from pellucid.methods.shapley.shapley import ShapleyValues, ShapleyValueSampling

__all__ = [
    "BanzhafValueSampling",
    "BanzhafValues",
    "Interactions",
    "OwenValueSampling",
    "OwenValues",
    "ShapleyInteractionSampling",
    "ShapleyInteractions",
    "ShapleyValueSampling",
    "ShapleyValues",
    "per_feature",
]
