"""The attribution methods: frozen dataclasses of hyperparameters, called with a pathway.

path = Pathway.of(model, inputs, target=3)
result = IntegratedGradients(steps=100)(path, baselines=0, delta=True)
result.values, result.delta
"""

from pellucid.core.pathway import Pathway
from pellucid.core.sink import Neuron
from pellucid.core.site import Layer
from pellucid.methods.ablation import FeatureAblation, FeaturePermutation, Occlusion
from pellucid.methods.activation import Activation
from pellucid.methods.banzhaf import BanzhafValues, BanzhafValueSampling
from pellucid.methods.conductance import Conductance, NeuronConductance
from pellucid.methods.deeplift import DeepLift, DeepLiftShap
from pellucid.methods.gradient import InputXGradient, Saliency
from pellucid.methods.interactions import Interactions, ShapleyInteractions, ShapleyInteractionSampling
from pellucid.methods.kernel_shap import KernelShap
from pellucid.methods.lime import Lime
from pellucid.methods.lime_base import LimeBase
from pellucid.methods.linear import Lasso
from pellucid.methods.noise import NoiseTunnel
from pellucid.methods.owen import OwenValues, OwenValueSampling
from pellucid.methods.path import GradientShap, IntegratedGradients, InternalInfluence
from pellucid.methods.relu import Deconvolution, GuidedBackprop
from pellucid.methods.result import Attributions
from pellucid.methods.shapley import ShapleyValues, ShapleyValueSampling
from pellucid.methods.similarity import ExponentialKernel

__all__ = [
    "Activation",
    "Attributions",
    "BanzhafValueSampling",
    "BanzhafValues",
    "Conductance",
    "Deconvolution",
    "DeepLift",
    "DeepLiftShap",
    "ExponentialKernel",
    "FeatureAblation",
    "FeaturePermutation",
    "GradientShap",
    "GuidedBackprop",
    "InputXGradient",
    "IntegratedGradients",
    "Interactions",
    "InternalInfluence",
    "KernelShap",
    "Lasso",
    "Layer",
    "Lime",
    "LimeBase",
    "Neuron",
    "NeuronConductance",
    "NoiseTunnel",
    "Occlusion",
    "OwenValueSampling",
    "OwenValues",
    "Pathway",
    "Saliency",
    "ShapleyInteractionSampling",
    "ShapleyInteractions",
    "ShapleyValueSampling",
    "ShapleyValues",
]
