"""Arguments of the methods for layers and neurons that nobody thought of together."""

import random
from typing import Any

import pytest
import torch

from beside_captum.same.compare import Call, assert_same
from beside_captum.same.layers import (
    FOLLOWED_BY_INPLACE_CODE,
    LAYER_METHODS,
    NEURON_METHODS,
    SHAP,
    USED_BEFORE,
    WITH_NEURONS,
    at_layer,
    at_neuron,
)
from zoo.architectures import Example
from zoo.layered import PLACES, Place, layered

pytestmark = pytest.mark.filterwarnings("ignore:attributions do not add up")  # by rules that leave out an end

RULES = ["gausslegendre", "riemann_left", "riemann_right", "riemann_middle"]
DIFFERENT = {*FOLLOWED_BY_INPLACE_CODE, USED_BEFORE}
WITH_DELTAS = ["LayerIntegratedGradients", "LayerGradientShap", "LayerConductance"]
ON_A_LINE = ["LayerIntegratedGradients", "InternalInfluence", "LayerConductance", *NEURON_METHODS[1::2]]


def combination(seed: int) -> tuple[Call, bool, str]:
    """A call at random, whether it returns deltas, and what to call it in a message."""
    pick = random.Random(seed)
    method = pick.choice([*LAYER_METHODS, *NEURON_METHODS])
    place = pick.choice(_places(method))
    case = layered(place.name, seed, dtype=torch.float64)
    arguments = _arguments(method, case, pick)
    if method not in ("LayerActivation", "InternalInfluence", "NeuronGradient", "LayerConductance"):
        arguments["made"] = {"multiply_by_inputs": pick.random() < 0.7}
    # Of a function of several neurons, Captum's conductance is another: see the differences.
    selector = pick.randint(-6, 5) if method == "NeuronConductance" else _total
    call = (
        at_layer(method, case, place.layer, of_input=place.of_input, **arguments)
        if method in LAYER_METHODS
        else at_neuron(method, case, place.layer, selector, of_input=place.of_input, **arguments)
    )
    plain = {name: value for name, value in arguments.items() if name != "baselines"}
    return call, arguments.get("return_convergence_delta", False), f"{method}, {place}, {plain}"


def _places(method: str) -> list[Place]:
    """Places where the method can look."""
    if method == "NeuronConductance":
        return [place for place in WITH_NEURONS if place.name == "residual" and place.layer != "2"]
    return [place for place in (PLACES if method in LAYER_METHODS else WITH_NEURONS) if place not in DIFFERENT]


def _total(value: Any) -> torch.Tensor:
    """A function of all neurons there."""
    tensors = value if isinstance(value, tuple) else (value,)
    return sum(each.flatten(1).sin().sum(1) * (index + 1) for index, each in enumerate(tensors))


def _arguments(method: str, case: Example, pick: random.Random) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if method in ON_A_LINE:
        arguments |= {
            "baselines": case.draw(pick.choice([1, 4])),
            "method": pick.choice(RULES),
            "n_steps": pick.randint(2, 30),
            "internal_batch_size": pick.choice([None, 28, 40, 100]),
        }
    if method in SHAP:
        each = tuple(pick.choice([0.0, 0.1, 0.5]) for _ in case.tensors)
        arguments |= {
            "baselines": case.draw(pick.choice([1, 2, 4, 7])),
            "n_samples": pick.randint(1, 8),
            "stdevs": each if pick.random() < 0.5 else each[0],
        }
    if method in WITH_DELTAS:
        arguments["return_convergence_delta"] = pick.random() < 0.5
    return arguments


@pytest.mark.parametrize(
    "combination_seed", [*range(12), *(pytest.param(seed, marks=pytest.mark.large) for seed in range(12, 600))]
)
def test_a_combination_of_arguments(combination_seed: int):
    call, deltas, described = combination(combination_seed)
    try:
        assert_same(call, seed=combination_seed, delta=deltas)
    except Exception as error:
        raise AssertionError(described) from error
