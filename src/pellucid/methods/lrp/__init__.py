"""Layer-wise relevance propagation."""

from pellucid.methods.lrp.composite import Composite
from pellucid.methods.lrp.conservation import Absorption, Conservation
from pellucid.methods.lrp.contributions import (
    ContributionRule,
    ContributionTerm,
    LayerRule,
    WeightedLayerCall,
    add_all,
    identity,
    negative,
    positive,
)
from pellucid.methods.lrp.layer_rules import AlphaBeta, Epsilon, Flat, Gamma, Pass, WSquare, ZBox, ZPlus
from pellucid.methods.lrp.lrp import LRP, TraceEntry
from pellucid.methods.lrp.presets import AttnLRP, EpsilonAlpha2Beta1, EpsilonGammaBox, EpsilonPlus, EpsilonPlusFlat

__all__ = [
    "LRP",
    "Absorption",
    "AlphaBeta",
    "AttnLRP",
    "Composite",
    "Conservation",
    "ContributionRule",
    "ContributionTerm",
    "Epsilon",
    "EpsilonAlpha2Beta1",
    "EpsilonGammaBox",
    "EpsilonPlus",
    "EpsilonPlusFlat",
    "Flat",
    "Gamma",
    "LayerRule",
    "Pass",
    "TraceEntry",
    "WSquare",
    "WeightedLayerCall",
    "ZBox",
    "ZPlus",
    "add_all",
    "identity",
    "negative",
    "positive",
]
