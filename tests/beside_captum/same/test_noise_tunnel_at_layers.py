"""Methods for layers and neurons in a noise tunnel."""

import itertools
from typing import Any

import pytest
import torch

from beside_captum.same.compare import Call, assert_same
from beside_captum.same.layers import LAYER_METHODS, NEURON_METHODS, SHAP
from matrices import in_turn
from zoo.architectures import Example
from zoo.layered import layered

WITH_DELTAS = ["LayerIntegratedGradients", "LayerGradientShap", "LayerConductance"]
ON_A_LINE = ["LayerIntegratedGradients", "InternalInfluence", "LayerConductance"]
LAYERS = {"perceptron": "2", "pictures": "left", "convolutional": "3", "forked": "split"}
NEURONS = {"perceptron": ("2", 1), "convolutional": ("3", (1, 0, 0)), "transformer": ("layers.0", (1, 2))}
KINDS = ["smoothgrad", "smoothgrad_sq", "vargrad"]


def tunnel(name: str, case: Example, layer: str, selector: Any = None, /, **arguments: Any) -> Call:
    """A call of NoiseTunnel around a method."""
    given = dict(case.explained) | ({} if selector is None else {"neuron_selector": selector})
    if name == "LayerActivation" or name in NEURON_METHODS[:3]:
        given.pop("target")
    if name in SHAP:
        given["baselines"] = case.draw(4)
    given = {"stdevs": 0.3, **given, **arguments}
    module = case.model.get_submodule(layer)
    return lambda attr: attr.NoiseTunnel(getattr(attr, name)(case.model, module)).attribute(case.inputs, **given)


@pytest.mark.parametrize(
    ("method", "name", "of_input", "nt_type"),
    in_turn(itertools.product(LAYER_METHODS, LAYERS), itertools.product([False, True], KINDS), quick=2),
)
def test_every_kind_around_methods_for_layers(method: str, name: str, of_input: bool, nt_type: str, seed: int):
    case, layer = layered(name, seed, dtype=torch.float64), LAYERS[name]
    steps = {"n_steps": 6} if method in ON_A_LINE else {}
    assert_same(tunnel(method, case, layer, nt_type=nt_type, attribute_to_layer_input=of_input, **steps), seed=seed)


@pytest.mark.parametrize("nt_type", KINDS)
@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("method", NEURON_METHODS)
def test_every_kind_around_methods_for_neurons(method: str, name: str, nt_type: str, seed: int):
    case = layered(name, seed, dtype=torch.float64)
    layer, neuron = NEURONS[name]
    steps = {"n_steps": 6} if method in ("NeuronIntegratedGradients", "NeuronConductance") else {}
    assert_same(tunnel(method, case, layer, neuron, nt_type=nt_type, **steps), seed=seed)


@pytest.mark.parametrize("nt_samples_batch_size", [None, 1, 2, 3, 9])
@pytest.mark.parametrize("method", [*LAYER_METHODS, *NEURON_METHODS])
def test_any_number_of_samples_at_a_time(method: str, nt_samples_batch_size: int | None, seed: int):
    selector = 1 if method in NEURON_METHODS else None
    call = tunnel(method, layered("perceptron", seed), "2", selector, nt_samples_batch_size=nt_samples_batch_size)
    assert_same(call, seed=seed)


@pytest.mark.parametrize("nt_samples_batch_size", [None, 2])
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("method", WITH_DELTAS)
def test_deltas_of_the_method_inside(method: str, name: str, nt_samples_batch_size: int | None, seed: int):
    case = layered(name, seed)
    arguments = {"nt_samples_batch_size": nt_samples_batch_size, "return_convergence_delta": True}
    assert_same(tunnel(method, case, LAYERS[name], **arguments), seed=seed, delta=True)


@pytest.mark.parametrize("nt_samples_batch_size", [None, 2])
@pytest.mark.parametrize("baselines", [1, 3, 4, 20])
@pytest.mark.parametrize("method", [*ON_A_LINE, "LayerGradientShap", "NeuronConductance"])
def test_baselines_drawn_from_a_distribution(method: str, baselines: int, nt_samples_batch_size: int | None, seed: int):
    case = layered("two inputs", seed)
    of_neuron = method in NEURON_METHODS
    arguments = {
        "baselines": case.draw(baselines),
        "draw_baseline_from_distrib": True,
        "nt_samples_batch_size": nt_samples_batch_size,
        "attribute_to_neuron_input" if of_neuron else "attribute_to_layer_input": True,
    }
    assert_same(tunnel(method, case, "head", 1 if of_neuron else None, **arguments), seed=seed)


@pytest.mark.parametrize("stdevs", [0.0, 0.5, (0.1, 0.9)], ids=str)
def test_stdevs_as_a_number_or_one_for_each_input(stdevs: Any, seed: int):
    assert_same(tunnel("LayerActivation", layered("pictures", seed), "pool", stdevs=stdevs), seed=seed)
