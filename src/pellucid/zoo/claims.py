"""What each method promises on each model: to find what matters, a part of it, or that it cannot, because ..."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Finds:
    """The method finds what matters: its score is one from which an answer is right. The promise of all not listed."""


@dataclass(frozen=True)
class FindsPart:
    """The method finds a part of what matters.

    Args:
        at_least: The score that it reaches, below that from which an answer is right.
        because: Why not all of it.
        exact: Whether the values are those of its definition all the same, where they are known.
    """

    at_least: float
    because: str
    exact: bool = True


@dataclass(frozen=True)
class Cannot:
    """The method cannot find what matters, by its definition.

    Args:
        because: Why not.
        at_most: The score that it does not pass.
    """

    because: str
    at_most: float = 0.65


Claim = Finds | FindsPart | Cannot

GRADIENTS = ("Saliency", "SmoothGrad", "GuidedBackprop", "Deconvolution")
REMOVALS = ("FeatureAblation", "Occlusion")
PATHS = ("IntegratedGradients", "GradientShap", "DeepLift", "DeepLiftShap")
RELEVANCE = ("LRP", "LRP, epsilon-plus", "LRP for attention")
VALUES = (
    *("ShapleyValues", "ShapleyValueSampling", "BanzhafValues", "BanzhafValueSampling"),
    *("OwenValues", "OwenValueSampling", "KernelShap", "Lime"),
)
INTERACTIONS = ("ShapleyInteractions", "ShapleyInteractionSampling", "KernelShapIQ")
MAPS = ("GradCam", "GradCamPlusPlus", "HiResCam", "LayerCam", "XGradCam", "ScoreCam", "EigenCam")

STEEPNESS = "the gradient says how steep the output is in a feature, not how much of the output the feature has made"
NO_BASELINE = "without a baseline, what a feature has made is counted from zero"
ONE_PERMUTATION = "what is said of an example depends on the one that it has been exchanged with"
SAMPLING = "200 coalitions leave errors larger than the differences of some features"
CANCELS = "what each of the two makes alone cancels what they make together"
FLAT = "the output does not change near the input"
ENOUGH = "the other of the two is enough, when one is removed"
CONSTANT = "the output is that of a unit that does not fire: its relevance goes to the constant"
SIZES = "sizes of main effects and of interactions are added up, which loses their signs"
COARSE = "a unit of the map sees pixels around those that it is enlarged to"

EXCEPTIONS: Mapping[str, Mapping[tuple[str, ...], Claim]] = {
    "linear": {
        GRADIENTS: FindsPart(0.7, STEEPNESS),
        ("InputXGradient", *RELEVANCE): FindsPart(0.85, NO_BASELINE),
        ("FeaturePermutation",): FindsPart(0.7, ONE_PERMUTATION),
        ("BanzhafValueSampling",): FindsPart(0.8, SAMPLING),
    },
    "additive": {
        (*GRADIENTS, "InputXGradient"): FindsPart(0.9, STEEPNESS),
        ("FeaturePermutation",): FindsPart(0.7, ONE_PERMUTATION),
        ("BanzhafValueSampling",): FindsPart(0.8, SAMPLING),
    },
    "pairwise": {
        GRADIENTS: FindsPart(0.8, STEEPNESS),
        ("FeaturePermutation",): FindsPart(0.7, ONE_PERMUTATION),
        ("BanzhafValueSampling", "Lime"): FindsPart(0.8, SAMPLING),
        INTERACTIONS: FindsPart(0.9, SIZES),
    },
    "exclusive or": {
        (*PATHS, *RELEVANCE, *VALUES): Cannot(CANCELS),
        ("FeaturePermutation",): Cannot("all examples have both of the two"),
    },
    "saturated": {
        (*GRADIENTS, "InputXGradient"): Cannot(FLAT),
        REMOVALS: Cannot(ENOUGH),
        RELEVANCE: FindsPart(0.65, CONSTANT),
        ("FeaturePermutation",): Cannot("all examples have both of the two"),
    },
    "correlated": {
        ("FeaturePermutation",): FindsPart(0.75, ONE_PERMUTATION),
    },
    "counter": {
        ("FeaturePermutation",): FindsPart(0.7, ONE_PERMUTATION),
        ("Deconvolution",): Cannot("it passes back through rectifiers that do not fire, which all steps have"),
    },
    "copying attention": {
        ("FeaturePermutation",): FindsPart(0.75, ONE_PERMUTATION),
        ("AttentionRollout",): FindsPart(0.85, "it counts half of each position as attention to itself"),
    },
    "motif": {
        GRADIENTS: Cannot("the gradient is that of edges that are not there, too", at_most=0.7),
        ("FeaturePermutation",): FindsPart(0.7, ONE_PERMUTATION),
    },
    "experts": {
        ("GradientShap",): FindsPart(
            0.9, "its baselines, drawn from those of all examples, may have the other gate", exact=False
        ),
        ("FeaturePermutation",): FindsPart(0.8, ONE_PERMUTATION),
    },
    "concept direction": {
        (*GRADIENTS, "InternalInfluence"): FindsPart(0.8, STEEPNESS),
        ("Activation",): FindsPart(0.5, "it does not look at the output"),
        ("FeaturePermutation",): FindsPart(0.7, ONE_PERMUTATION),
        ("BanzhafValueSampling",): FindsPart(0.8, SAMPLING),
    },
    "planted feature": {
        ("GuidedBackprop",): FindsPart(0.7, "it drops what speaks against the class, which other features are left of"),
    },
    "planted shortcut": {
        ("Deconvolution",): FindsPart(0.8, "it passes back through rectifiers that do not fire"),
        ("FeaturePermutation",): Cannot("all examples of the class have the watermark"),
        MAPS: FindsPart(0.95, COARSE),
    },
    "randomised": {
        ("GuidedBackprop",): Cannot(
            "units that fire have weights like the input, which is then what is passed back", at_most=0.4
        ),
        INTERACTIONS: FindsPart(0.5, SIZES),
    },
}
"""What is promised in place of `Finds`, by models and methods."""


def claim_of(method: str, model: str) -> Claim:
    """What a method promises on a model.

    Args:
        method: The method's name in the list.
        model: The model's name.
    """
    for names, claim in EXCEPTIONS.get(model, {}).items():
        if method in names:
            return claim
    return Finds()
