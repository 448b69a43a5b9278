"""The attribution methods: frozen dataclasses of hyperparameters, called with a problem.

problem = Problem(model, inputs, target=3)
result = IntegratedGradients(steps=100)(problem, baselines=0, delta=True)
result.values, result.delta
"""

from pellucid.core.attributions import Attributions
from pellucid.core.baselines import Background
from pellucid.core.problem import Options, Problem
from pellucid.core.session import Session
from pellucid.core.site import Layer
from pellucid.core.target import Neuron
from pellucid.methods.ablation import FeatureAblation, FeaturePermutation, Occlusion
from pellucid.methods.activation import Activation
from pellucid.methods.banzhaf import BanzhafValues, BanzhafValueSampling
from pellucid.methods.cam import GradCam, GradCamPlusPlus, HiResCam, LayerCam, XGradCam
from pellucid.methods.composite import (
    AttnLRP,
    Composite,
    EpsilonAlpha2Beta1,
    EpsilonGammaBox,
    EpsilonPlus,
    EpsilonPlusFlat,
)
from pellucid.methods.conductance import Conductance, NeuronConductance
from pellucid.methods.conservation import Absorption, Conservation
from pellucid.methods.deeplift import DeepLift, DeepLiftShap
from pellucid.methods.features import per_feature
from pellucid.methods.gradient import InputXGradient, Saliency
from pellucid.methods.guided_cam import GuidedGradCam
from pellucid.methods.interactions import Interactions, ShapleyInteractions, ShapleyInteractionSampling
from pellucid.methods.kernel_shap import KernelShap
from pellucid.methods.kernel_shap_iq import KernelShapIQ
from pellucid.methods.layer_rules import (
    AlphaBeta,
    Epsilon,
    Flat,
    Gamma,
    LayerRule,
    PassOn,
    WSquare,
    ZBox,
    ZPlus,
)
from pellucid.methods.lime import Lime
from pellucid.methods.lime_base import LimeBase
from pellucid.methods.linear import Lasso
from pellucid.methods.lrp import LRP, Flow
from pellucid.methods.names import told_of_captums_names as _told_of_captums_names
from pellucid.methods.noise import NoiseTunnel
from pellucid.methods.owen import OwenValues, OwenValueSampling
from pellucid.methods.path import GradientShap, IntegratedGradients, InternalInfluence
from pellucid.methods.relu import Deconvolution, GuidedBackprop
from pellucid.methods.rollout import AttentionRollout
from pellucid.methods.score_cam import EigenCam, ScoreCam
from pellucid.methods.shapley import ShapleyValues, ShapleyValueSampling
from pellucid.methods.similarity import ExponentialKernel

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
    "Composite",
    "Conductance",
    "Conservation",
    "Deconvolution",
    "DeepLift",
    "DeepLiftShap",
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
    "Flow",
    "Gamma",
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
    "Neuron",
    "NeuronConductance",
    "NoiseTunnel",
    "Occlusion",
    "Options",
    "OwenValueSampling",
    "OwenValues",
    "PassOn",
    "Problem",
    "Saliency",
    "ScoreCam",
    "Session",
    "ShapleyInteractionSampling",
    "ShapleyInteractions",
    "ShapleyValueSampling",
    "ShapleyValues",
    "WSquare",
    "XGradCam",
    "ZBox",
    "ZPlus",
    "per_feature",
]

_told_of_captums_names(
    Conductance,
    DeepLift,
    DeepLiftShap,
    ExponentialKernel,
    FeaturePermutation,
    GradientShap,
    IntegratedGradients,
    InternalInfluence,
    KernelShap,
    Lime,
    LimeBase,
    NeuronConductance,
    NoiseTunnel,
    Occlusion,
    Saliency,
    ShapleyValueSampling,
)
