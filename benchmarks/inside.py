"""The calls that look into a model: what a user types to explain a layer, or a neuron of it."""

from functools import partial
from types import ModuleType
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from benchmarks.calls import Call


class Place(NamedTuple):
    """Where to look.

    Args:
        layer: The dotted name of a module.
        neuron: One of the values that it returns for each example.
    """

    layer: str
    neuron: tuple[int, ...]


class CallInside(Protocol):
    """Like a `Call`, at a place."""

    def __call__(self, attr: ModuleType, model: nn.Module, x: Tensor, at: Place) -> object:
        """What the library says of the place."""
        ...


def layer_activation(attr: ModuleType, model: nn.Module, x: Tensor, at: Place) -> object:
    """One forward, of which all after the layer is of no use."""
    return attr.LayerActivation(model, model.get_submodule(at.layer)).attribute(x)


def layer_gradient_x_activation(attr: ModuleType, model: nn.Module, x: Tensor, at: Place) -> object:
    """One gradient at the layer, times what it returns."""
    return attr.LayerGradientXActivation(model, model.get_submodule(at.layer)).attribute(x, target=0)


def layer_integrated_gradients(attr: ModuleType, model: nn.Module, x: Tensor, at: Place, n_steps: int = 50) -> object:
    """Gradients at 50 points between two activations."""
    method = attr.LayerIntegratedGradients(model, model.get_submodule(at.layer))
    return method.attribute(x, target=0, n_steps=n_steps)


def layer_conductance(attr: ModuleType, model: nn.Module, x: Tensor, at: Place) -> object:
    """Gradients and activations at 51 points."""
    return attr.LayerConductance(model, model.get_submodule(at.layer)).attribute(x, target=0)


def layer_gradient_shap(attr: ModuleType, model: nn.Module, x: Tensor, at: Place) -> object:
    """Gradients at 5 random points, and the activations at both ends of each."""
    return attr.LayerGradientShap(model, model.get_submodule(at.layer)).attribute(x, torch.zeros_like(x), target=0)


def internal_influence(attr: ModuleType, model: nn.Module, x: Tensor, at: Place) -> object:
    """Gradients at 50 points."""
    return attr.InternalInfluence(model, model.get_submodule(at.layer)).attribute(x, target=0)


def neuron_gradient(attr: ModuleType, model: nn.Module, x: Tensor, at: Place) -> object:
    """One gradient of a neuron, after which the rest of the forward is of no use."""
    return attr.NeuronGradient(model, model.get_submodule(at.layer)).attribute(x, at.neuron)


def neuron_integrated_gradients(attr: ModuleType, model: nn.Module, x: Tensor, at: Place) -> object:
    """Such gradients at 50 points."""
    return attr.NeuronIntegratedGradients(model, model.get_submodule(at.layer)).attribute(x, at.neuron)


def neuron_conductance(attr: ModuleType, model: nn.Module, x: Tensor, at: Place) -> object:
    """Gradients of the output and of a neuron at 50 points."""
    return attr.NeuronConductance(model, model.get_submodule(at.layer)).attribute(x, at.neuron, target=0)


def neuron_gradient_shap(attr: ModuleType, model: nn.Module, x: Tensor, at: Place) -> object:
    """Gradients of a neuron at 5 random points."""
    method = attr.NeuronGradientShap(model, model.get_submodule(at.layer))
    return method.attribute(x, at.neuron, torch.zeros_like(x))


INSIDE: dict[str, CallInside] = {
    "LayerActivation": layer_activation,
    "LayerGradientXActivation": layer_gradient_x_activation,
    "LayerIntegratedGradients": layer_integrated_gradients,
    "LayerConductance": layer_conductance,
    "LayerGradientShap": layer_gradient_shap,
    "InternalInfluence": internal_influence,
    "NeuronGradient": neuron_gradient,
    "NeuronIntegratedGradients": neuron_integrated_gradients,
    "NeuronConductance": neuron_conductance,
    "NeuronGradientShap": neuron_gradient_shap,
}


def calls_at(place: Place) -> dict[str, Call]:
    """All of them, at one place."""
    return {name: partial(call, at=place) for name, call in INSIDE.items()}
