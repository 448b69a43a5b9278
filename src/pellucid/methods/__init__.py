"""The attribution methods: frozen dataclasses of hyperparameters, called with a problem.

problem = Problem(model, inputs, target=3)
result = IntegratedGradients(n_steps=100)(problem, baselines=0, return_convergence_delta=True)
result.values, result.delta
"""

from pellucid.core.evaluation.session import Session
from pellucid.core.model.layers import Layer
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.baselines import Background
from pellucid.core.problem.problem import Options, Problem
from pellucid.core.problem.target import Contrast, Neuron, Several
from pellucid.methods.attention import AttentionRollout
from pellucid.methods.backprop import Deconvolution, GuidedBackprop
from pellucid.methods.cam import (
    EigenCam,
    GradCam,
    GradCamPlusPlus,
    GuidedGradCam,
    HiResCam,
    LayerCam,
    ScoreCam,
    XGradCam,
)
from pellucid.methods.deeplift import DeepLift, DeepLiftShap
from pellucid.methods.gradients import (
    Activation,
    Conductance,
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    InternalInfluence,
    NeuronConductance,
    NoiseTunnel,
    Saliency,
)
from pellucid.methods.lrp import (
    LRP,
    Absorption,
    AlphaBeta,
    AttnLRP,
    Composite,
    Conservation,
    Epsilon,
    EpsilonAlpha2Beta1,
    EpsilonGammaBox,
    EpsilonPlus,
    EpsilonPlusFlat,
    Flat,
    Gamma,
    LayerRule,
    Pass,
    TraceEntry,
    WSquare,
    ZBox,
    ZPlus,
)
from pellucid.methods.perturbation import FeatureAblation, FeaturePermutation, Occlusion, Patching
from pellucid.methods.removal import Blur, Disc, Gaussian, NoisyLinear, Rise, Segments
from pellucid.methods.shapley import (
    BanzhafValues,
    BanzhafValueSampling,
    Interactions,
    OwenValues,
    OwenValueSampling,
    ShapleyInteractions,
    ShapleyInteractionSampling,
    ShapleyValues,
    ShapleyValueSampling,
    per_feature,
)
from pellucid.methods.surrogates import ExponentialKernel, KernelShap, KernelShapIQ, Lasso, Lime, LimeBase
from pellucid.methods.table import MethodFacts, MethodTable, table

__all__ = [
    "LRP",
    "Absorption",
    "Activation",
    "AlphaBeta",
    "AttentionRollout",
    "AttnLRP",
    "Attributions",
    "Background",
    "BanzhafValueSampling",
    "BanzhafValues",
    "Blur",
    "Composite",
    "Conductance",
    "Conservation",
    "Contrast",
    "Deconvolution",
    "DeepLift",
    "DeepLiftShap",
    "Disc",
    "EigenCam",
    "Epsilon",
    "EpsilonAlpha2Beta1",
    "EpsilonGammaBox",
    "EpsilonPlus",
    "EpsilonPlusFlat",
    "ExponentialKernel",
    "FeatureAblation",
    "FeaturePermutation",
    "Flat",
    "Gamma",
    "Gaussian",
    "GradCam",
    "GradCamPlusPlus",
    "GradientShap",
    "GuidedBackprop",
    "GuidedGradCam",
    "HiResCam",
    "InputXGradient",
    "IntegratedGradients",
    "Interactions",
    "InternalInfluence",
    "KernelShap",
    "KernelShapIQ",
    "Lasso",
    "Layer",
    "LayerCam",
    "LayerRule",
    "Lime",
    "LimeBase",
    "MethodFacts",
    "MethodTable",
    "Neuron",
    "NeuronConductance",
    "NoiseTunnel",
    "NoisyLinear",
    "Occlusion",
    "Options",
    "OwenValueSampling",
    "OwenValues",
    "Pass",
    "Patching",
    "Problem",
    "Rise",
    "Saliency",
    "ScoreCam",
    "Segments",
    "Session",
    "Several",
    "ShapleyInteractionSampling",
    "ShapleyInteractions",
    "ShapleyValueSampling",
    "ShapleyValues",
    "TraceEntry",
    "WSquare",
    "XGradCam",
    "ZBox",
    "ZPlus",
    "per_feature",
    "table",
]
