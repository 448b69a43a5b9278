"""Models whose attributions are known, and what every method makes of them.

outcomes = zoo.evaluate(my_method)     # a method of your own, on all of them
print(outcomes)
"""

from pellucid.zoo.evaluation import Evaluation, evaluate, evaluate_listed
from pellucid.zoo.formulas import additive, correlated, exclusive_or, linear, pairwise, saturated
from pellucid.zoo.graphs import motif
from pellucid.zoo.images import template_detector
from pellucid.zoo.known_model import KnownModel
from pellucid.zoo.layers import concept_direction, experts
from pellucid.zoo.models import known_models
from pellucid.zoo.outcome import Outcome
from pellucid.zoo.planted import planted_feature, planted_shortcut
from pellucid.zoo.randomised import randomised
from pellucid.zoo.sequences import copying_attention, counter, deciding_word

__all__ = [
    "Evaluation",
    "KnownModel",
    "Outcome",
    "additive",
    "concept_direction",
    "copying_attention",
    "correlated",
    "counter",
    "deciding_word",
    "evaluate",
    "evaluate_listed",
    "exclusive_or",
    "experts",
    "known_models",
    "linear",
    "motif",
    "pairwise",
    "planted_feature",
    "planted_shortcut",
    "randomised",
    "saturated",
    "template_detector",
]
