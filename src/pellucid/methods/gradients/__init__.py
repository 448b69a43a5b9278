"""Methods that take gradients, at the input or along a path."""

from pellucid.methods.gradients.activation import Activation
from pellucid.methods.gradients.conductance import Conductance, NeuronConductance
from pellucid.methods.gradients.expected_gradients import GradientShap
from pellucid.methods.gradients.integrated_gradients import IntegratedGradients
from pellucid.methods.gradients.internal_influence import InternalInfluence
from pellucid.methods.gradients.noise_tunnel import NoiseTunnel
from pellucid.methods.gradients.saliency import InputXGradient, Saliency

__all__ = [
    "Activation",
    "Conductance",
    "GradientShap",
    "InputXGradient",
    "IntegratedGradients",
    "InternalInfluence",
    "NeuronConductance",
    "NoiseTunnel",
    "Saliency",
]
