"""All models with known answers."""

from __future__ import annotations

from pellucid.zoo.formulas import additive, correlated, exclusive_or, linear, pairwise, saturated
from pellucid.zoo.graphs import motif
from pellucid.zoo.images import template_detector
from pellucid.zoo.known_model import KnownModel
from pellucid.zoo.layers import concept_direction, experts
from pellucid.zoo.planted import planted_feature, planted_shortcut
from pellucid.zoo.randomised import randomised
from pellucid.zoo.sequences import copying_attention, counter, deciding_word

MODELS = (
    linear,
    additive,
    pairwise,
    exclusive_or,
    saturated,
    correlated,
    counter,
    copying_attention,
    deciding_word,
    template_detector,
    motif,
    experts,
    concept_direction,
    planted_feature,
    planted_shortcut,
    randomised,
)
"""Functions that make the models, in the order of the table."""


def known_models() -> list[KnownModel]:
    """All models with known answers, made anew."""
    return [make() for make in MODELS]
