"""Layer-wise relevance propagation."""

from pellucid.methods.lrp.composite import Composite
from pellucid.methods.lrp.conservation import Absorption, Conservation
from pellucid.methods.lrp.contributions import (
    ByContributions,
    LayerRule,
    Part,
    Weighted,
    negative,
    positive,
    same,
    together,
)
from pellucid.methods.lrp.layer_rules import AlphaBeta, Epsilon, Flat, Gamma, PassOn, WSquare, ZBox, ZPlus
from pellucid.methods.lrp.lrp import LRP, Flow
from pellucid.methods.lrp.presets import AttnLRP, EpsilonAlpha2Beta1, EpsilonGammaBox, EpsilonPlus, EpsilonPlusFlat

__all__ = [
    "LRP",
    "Absorption",
    "AlphaBeta",
    "AttnLRP",
    "ByContributions",
    "Composite",
    "Conservation",
    "Epsilon",
    "EpsilonAlpha2Beta1",
    "EpsilonGammaBox",
    "EpsilonPlus",
    "EpsilonPlusFlat",
    "Flat",
    "Flow",
    "Gamma",
    "LayerRule",
    "Part",
    "PassOn",
    "WSquare",
    "Weighted",
    "ZBox",
    "ZPlus",
    "negative",
    "positive",
    "same",
    "together",
]
