"""What each method promises on each model: to find what matters, a part of it, or that it cannot, because ..."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Finds:
    """The method finds what matters: its score is one from which an answer is right. The promise of all not listed.

    Args:
        exact: Whether the values are those of its definition, where they are known.
    """

    exact: bool = True


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
        exact: Whether the values are those of its definition all the same, where they are known.
    """

    because: str
    at_most: float = 0.65
    exact: bool = True


Claim = Finds | FindsPart | Cannot

GRADIENTS = ("Saliency", "SmoothGrad", "GuidedBackprop", "Deconvolution")
REMOVALS = ("FeatureAblation", "Occlusion")
PATHS = ("IntegratedGradients", "GradientShap", "DeepLift", "DeepLiftShap")
RELEVANCE = ("LRP", "LRP epsilon-plus", "LRP for attention")
VALUES = (
    *("ShapleyValues", "ShapleyValueSampling", "BanzhafValues", "BanzhafValueSampling"),
    *("OwenValues", "OwenValueSampling", "KernelShap", "Lime"),
)
INTERACTIONS = ("ShapleyInteractions", "ShapleyInteractionSampling", "KernelShapIQ")
MAPS = ("GradCam", "GradCamPlusPlus", "HiResCam", "LayerCam", "XGradCam", "ScoreCam", "EigenCam")

STEEPNESS = "the gradient says how steep the output is in a feature, not how much of the output the feature has made"
NO_BASELINE = "without a baseline, what a feature has made is counted from zero"
EXCHANGED = "the feature is exchanged with that of another example, not removed: what it makes depends on that example"
SAMPLING = (
    "the zoo draws 200 coalitions, which leaves errors larger than the differences of some features; 20000 do not"
)
CANCELS = "what each of the two makes alone cancels what they make together"
FLAT = "the output does not change near the input"
ENOUGH = "where one of the two is removed, the other is enough"
DOES_NOT_FIRE = "the unit of the two does not fire, so that the bias of the output has all of the relevance"
ALL_HAVE_BOTH = "all examples have the same of both, so that exchanging them changes nothing"
GROWS = "sizes of main effects and of interactions grow with those of the features, in any network"
COARSE = "a map of 6 x 6 units for 12 x 12 pixels: the watermark ends inside some, and all see pixels around them"

EXCEPTIONS: Mapping[str, Mapping[tuple[str, ...], Claim]] = {
    "linear": {
        GRADIENTS: FindsPart(0.7, STEEPNESS),
        ("InputXGradient", *RELEVANCE): FindsPart(0.85, NO_BASELINE),
        ("FeaturePermutation",): FindsPart(0.7, EXCHANGED),
        ("BanzhafValueSampling",): FindsPart(0.8, SAMPLING),
    },
    "additive": {
        (*GRADIENTS, "InputXGradient"): FindsPart(0.9, STEEPNESS),
        ("FeaturePermutation",): FindsPart(0.8, EXCHANGED),
        ("BanzhafValueSampling",): FindsPart(0.8, SAMPLING),
    },
    "pairwise": {
        GRADIENTS: FindsPart(0.7, STEEPNESS),
        ("FeaturePermutation",): FindsPart(0.75, EXCHANGED),
    },
    "exclusive or": {
        (*PATHS, *VALUES): Cannot(CANCELS),
        ("FeaturePermutation",): Cannot(ALL_HAVE_BOTH),
    },
    "saturated": {
        (*GRADIENTS, "InputXGradient"): Cannot(FLAT),
        REMOVALS: Cannot(ENOUGH),
        RELEVANCE: Cannot(DOES_NOT_FIRE),
        ("FeaturePermutation",): Cannot(ALL_HAVE_BOTH),
    },
    "correlated": {
        ("FeaturePermutation",): FindsPart(0.75, EXCHANGED),
    },
    "counter": {
        ("SmoothGrad",): Finds(exact=False),  # the noise takes steps over the threshold, or pulses below it
        ("FeaturePermutation",): FindsPart(0.7, EXCHANGED),
        ("Deconvolution",): Cannot(
            "it passes back through rectifiers whether they fire or not, so that all steps have the same", at_most=0.5
        ),
    },
    "copying attention": {
        ("AttentionRollout",): FindsPart(0.85, "half of what it adds up is the attention of a position to itself"),
    },
    "motif": {
        GRADIENTS: Cannot(
            "the output is just as steep in edges that are not there but would close triangles", at_most=0.7
        ),
        ("FeaturePermutation",): FindsPart(0.7, EXCHANGED),
    },
    "experts": {
        ("GradientShap",): FindsPart(
            0.8, "it draws from the baselines of all examples, some of which have the other gate", exact=False
        ),
    },
    "concept direction": {
        (*GRADIENTS, "InternalInfluence"): FindsPart(0.7, STEEPNESS),
        ("Activation",): FindsPart(0.5, "it does not look at the output"),
    },
    "planted feature": {
        ("GuidedBackprop",): FindsPart(
            0.7, "it drops what speaks against the class, which leaves nothing of examples of the other class"
        ),
        ("FeaturePermutation",): FindsPart(0.8, EXCHANGED),
    },
    "planted shortcut": {
        ("Deconvolution",): FindsPart(0.8, "it passes back through rectifiers whether they fire or not"),
        ("FeaturePermutation",): Cannot("all examples have the watermark, so that exchanging it changes nothing"),
        MAPS: FindsPart(0.95, COARSE),
    },
    "randomised": {
        ("GuidedBackprop",): Cannot(
            "it adds up the weights of units that fire, which are like the input in any network", at_most=0.4
        ),
        INTERACTIONS: FindsPart(0.5, GROWS),
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
