"""A layer is a place like any other: what holds at the inputs holds there, and between any two places."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from laws.baselines import by_example, distribution
from laws.registry import close
from pellucid import attr
from pellucid.core.evaluation.model_function import function_of
from pellucid.errors import InvalidArgument
from pellucid.methods import (
    Conductance,
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    Layer,
    Neuron,
    NoiseTunnel,
    Problem,
    Saliency,
    ScoreCam,
)

EXAMPLES = 3


class Network(nn.Module):
    """Four places through which all flows, and an identity in front of each half."""

    def __init__(self):
        super().__init__()
        self.start, self.first, self.bend = nn.Identity(), nn.Linear(4, 6), nn.Tanh()
        self.middle, self.second, self.last = nn.Identity(), nn.Linear(6, 5), nn.Linear(5, 3)

    def half(self, x: Tensor) -> Tensor:
        return self.second(self.middle(self.bend(self.first(self.start(x)))))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.sin(self.half(x)))


CUTS = ("first", "bend", "second", "last")


@pytest.fixture
def network() -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Network().double()


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X = numbers(EXAMPLES, 4)
(START,) = by_example((X,))
(BASELINES,) = distribution((X,))
TIGHT = {"rtol": 1e-12, "atol": 1e-12}

SETTINGS: dict[str, dict[str, Any]] = {
    "GradientXActivation": {},
    "IntegratedGradients": {"baselines": START, "n_steps": 7},
    "GradientShap": {"baselines": BASELINES, "n_samples": 4, "stdevs": 0.2, "seed": 5},
}
AT_INPUTS = {"GradientXActivation": attr.InputXGradient, "Gradient": attr.Saliency}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_first_layer_that_changes_nothing_gets_what_the_inputs_get(network: Network, name: str):
    at_layer = getattr(attr, f"Layer{name}")(network, network.start)
    at_inputs = AT_INPUTS.get(name, getattr(attr, name, None))(network)
    expected = at_inputs.attribute(X, target=1, **SETTINGS[name])
    for of_input in (False, True):
        found = at_layer.attribute(X, target=1, attribute_to_layer_input=of_input, **SETTINGS[name])
        close((found,), (expected,), **TIGHT)


@pytest.mark.parametrize("multiply", [True, False])
@pytest.mark.parametrize("name", ["IntegratedGradients", "GradientShap"])
def test_so_it_does_without_the_factor_of_the_inputs(network: Network, name: str, multiply: bool):
    at_layer = getattr(attr, f"Layer{name}")(network, network.start, multiply_by_inputs=multiply)
    at_inputs = getattr(attr, name)(network, multiply)
    found, expected = (each.attribute(X, target=1, **SETTINGS[name]) for each in (at_layer, at_inputs))
    close((found,), (expected,), **TIGHT)


def test_internal_influence_of_such_a_layer_is_the_local_integrated_gradients(network: Network):
    found = attr.InternalInfluence(network, "start").attribute(X, START, 1, n_steps=7)
    close((found,), (attr.IntegratedGradients(network, False).attribute(X, START, 1, n_steps=7),), **TIGHT)


def test_conductance_of_such_a_layer_is_integrated_gradients(network: Network):
    found = Conductance(n_steps=3000)(Problem(network, X, target=1, gradient_at="start"), START).values
    close(found, (attr.IntegratedGradients(network).attribute(X, START, 1, n_steps=60),), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "method",
    [
        Saliency(),
        InputXGradient(),
        GradientShap(n_samples=3, stdevs=0.2, seed=1),
        NoiseTunnel(attribution_method=Saliency(), seed=1),
    ],
    ids=lambda method: type(method).__name__,
)
def test_methods_from_such_a_layer(network: Network, method: Callable[..., Any]):
    given = {"baselines": BASELINES} if isinstance(method, GradientShap) else {}
    at_layer, at_inputs = (Problem(network, X, target=1, **place) for place in ({"source": "start"}, {}))
    close(method(at_layer, **given).values, method(at_inputs, **given).values, **TIGHT)


NEURONS = {
    "Gradient": {},
    "IntegratedGradients": SETTINGS["IntegratedGradients"],
    "GradientShap": SETTINGS["GradientShap"],
}


def truncated(network: Network, name: str, **settings: Any) -> Tensor:
    """The method of the model that ends where the neuron is."""
    make = attr.Saliency(network.half) if name == "Gradient" else getattr(attr, name)(network.half)
    return make.attribute(X, **settings, **({"abs": False} if name == "Gradient" else {}))


@pytest.mark.parametrize("selector", [2, -1, (4,), [0, 3, 1]], ids=str)
@pytest.mark.parametrize("name", NEURONS)
def test_a_neuron_is_the_output_of_the_truncated_model(network: Network, name: str, selector: Any):
    found = getattr(attr, f"Neuron{name}")(network, network.second).attribute(X, selector, **NEURONS[name])
    close((found,), (truncated(network, name, target=selector, **NEURONS[name]),), **TIGHT)


@pytest.mark.parametrize("name", NEURONS)
def test_several_neurons_are_their_sum(network: Network, name: str):
    neurons = getattr(attr, f"Neuron{name}")(network, "second")
    found, tupled, function, *each = (
        neurons.attribute(X, selector, **NEURONS[name])
        for selector in (slice(1, 4), (slice(1, 4),), lambda layer: layer[:, 1:4].sum(1), 1, 2, 3)
    )
    close((found, tupled, function), (sum(each),) * 3)


def test_neurons_that_a_layer_takes(network: Network):
    taken = attr.NeuronGradient(network, "second").attribute(X, 2, attribute_to_neuron_input=True)
    close((taken,), (attr.NeuronGradient(network, "middle").attribute(X, 2),), **TIGHT)


def test_a_function_of_what_a_layer_takes_gets_the_tensor_that_is_taken_alone(network: Network):
    neurons = attr.NeuronGradient(network, "second")
    found = neurons.attribute(X, lambda taken: taken[:, 2], attribute_to_neuron_input=True)
    close((found,), (neurons.attribute(X, 2, attribute_to_neuron_input=True),), **TIGHT)


LAYERS: dict[str, dict[str, Any]] = {
    "LayerActivation": {},
    "LayerGradientXActivation": {"target": 1},
    "LayerIntegratedGradients": {"target": 1} | SETTINGS["IntegratedGradients"],
    "LayerGradientShap": {"target": 1} | SETTINGS["GradientShap"],
    "InternalInfluence": {"target": 1} | SETTINGS["IntegratedGradients"],
    "LayerConductance": {"target": 1} | SETTINGS["IntegratedGradients"],
}
every_layer_method = pytest.mark.parametrize("name", LAYERS)


@every_layer_method
def test_what_a_layer_takes_is_what_an_identity_before_it_returns(network: Network, name: str):
    taken = getattr(attr, name)(network, "second").attribute(X, attribute_to_layer_input=True, **LAYERS[name])
    close((taken,), (getattr(attr, name)(network, "middle").attribute(X, **LAYERS[name]),), **TIGHT)


@every_layer_method
def test_names_are_their_modules(network: Network, name: str):
    found, expected = (
        getattr(attr, name)(network, layer).attribute(X, **LAYERS[name]) for layer in ("bend", network.bend)
    )
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    "name", ["LayerActivation", "LayerGradientXActivation", "InternalInfluence", "LayerConductance"]
)
def test_a_list_of_layers_gets_what_each_gets_alone(network: Network, name: str):
    together = getattr(attr, name)(network, [network.first, "second"]).attribute(X, **LAYERS[name])
    alone = [getattr(attr, name)(network, layer).attribute(X, **LAYERS[name]) for layer in ("first", "second")]
    assert isinstance(together, list)
    close(tuple(together), tuple(alone), **TIGHT)


def test_a_list_of_one_layer_gives_a_list(network: Network):
    (found,) = attr.LayerGradientXActivation(network, ["first"]).attribute(X, 1)
    close((found,), (attr.LayerGradientXActivation(network, "first").attribute(X, 1),))


def change(function: Callable[[Tensor], Tensor]) -> Tensor:
    with torch.no_grad():
        return function(X) - function(START)


@pytest.mark.parametrize("cut", CUTS)
def test_the_change_of_the_output_flows_through_every_cut(network: Network, cut: str):
    expected = change(network)[:, 1]
    (conducted,) = Conductance(n_steps=2000)(Problem(network, X, target=1, gradient_at=cut), START).values
    (integrated,) = IntegratedGradients(n_steps=200)(Problem(network, X, target=1, source=cut), START).values
    for found in (conducted, integrated):
        # What the output of the last layer is, is the output itself: only the target's column gets something.
        close((found.sum(1),), (expected,), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("source", "read"), [(one, other) for one in CUTS for other in CUTS if CUTS.index(one) < CUTS.index(other)]
)
def test_so_it_does_on_the_way_from_a_layer(network: Network, source: str, read: str):
    problem = Problem(network, X, target=1, source=source, gradient_at=read)
    (found,) = Conductance(n_steps=2000)(problem, START).values
    close((found.sum(1),), (change(network)[:, 1],), rtol=0, atol=1e-6)


@pytest.mark.parametrize("source", ["start", "first", "bend"])
def test_the_change_of_a_neuron_flows_through_every_cut_before_it(network: Network, source: str):
    problem = Problem(network, X, source=source, target=Neuron("second", 3))
    found, gap = (lambda result: (result.values[0], result.delta))(
        IntegratedGradients(n_steps=200)(problem, START, return_convergence_delta=True)
    )
    close((found.sum(1), gap), (change(network.half)[:, 3], torch.zeros_like(gap)), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("cut", "size"), [("first", 6), ("bend", 6), ("second", 5), ("last", 3)])
def test_the_conductances_of_the_neurons_of_a_cut_add_up_to_integrated_gradients(network: Network, cut: str, size: int):
    settings = {"baselines": START, "target": 1, "n_steps": 6, "method": "gausslegendre"}
    neurons = attr.NeuronConductance(network, cut)
    each = [neurons.attribute(X, neuron, **settings) for neuron in range(size)]
    close((sum(each),), (attr.IntegratedGradients(network).attribute(X, **settings),), **TIGHT)
    close((neurons.attribute(X, slice(None), **settings),), (sum(each),), **TIGHT)
    close((neurons.attribute(X, slice(1, 3), **settings),), (each[1] + each[2],), **TIGHT)


def test_conductance_of_a_neuron_adds_up_to_that_of_the_layer(network: Network):
    settings = {"baselines": START, "target": 1}
    (layer,) = Conductance(n_steps=3000)(Problem(network, X, target=1, gradient_at="bend"), START).values
    for neuron in (0, 4):
        one = attr.NeuronConductance(network, "bend").attribute(
            X, neuron, n_steps=80, method="gausslegendre", **settings
        )
        close((one.sum(1),), (layer[:, neuron],), rtol=0, atol=1e-6)


class Twice(nn.Module):
    """One layer, called three times."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = torch.tanh(self.layer(x))
        return x


@pytest.mark.parametrize("call", [0, 1, 2, None])
def test_one_call_of_a_layer_called_several_times(call: int | None):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Twice().double()
    hidden = X
    for _ in range(3 if call is None else call + 1):
        at_layer = model.layer(hidden)
        hidden = torch.tanh(at_layer)
    leaf = at_layer.detach().requires_grad_()
    rest = torch.tanh(leaf)
    for _ in range(0 if call is None else 2 - call):
        rest = torch.tanh(model.layer(rest))
    (expected,) = torch.autograd.grad(rest[:, 1].sum(), leaf)
    problem = Problem(model, X, target=1, source=Layer("layer", call=call))
    close(Saliency(abs=False)(problem).values, (expected,), **TIGHT)
    close(function_of(problem).x, (leaf.detach(),), **TIGHT)
    for _ in range(2):
        to_neuron = Problem(model, X, target=Neuron(Layer("layer", "input", call), 2))
        x = X.clone().requires_grad_()
        value = x
        for _ in range(2 if call is None else call):
            value = torch.tanh(model.layer(value))
        (gradient,) = torch.autograd.grad(value[:, 2].sum(), x)
        close(Saliency(abs=False)(to_neuron).values, (gradient,), **TIGHT)


@pytest.mark.parametrize("width", [4, 5])
@pytest.mark.parametrize(
    ("method", "places", "says"),
    [
        (IntegratedGradients(), {"gradient_at": "0"}, "gradient_at must be the source"),
        (IntegratedGradients(n_steps="auto"), {"gradient_at": "0"}, "gradient_at must be the source"),
        (ScoreCam(), {"source": "0"}, "source must be the model's inputs"),
    ],
)
def test_places_that_do_not_go_together(method: Any, places: dict[str, Any], says: str, width: int):
    """Differences of the inputs times gradients of a layer that has as many elements would be numbers of nothing."""
    model = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 2))
    with pytest.raises(InvalidArgument, match=says):
        method(Problem(model, torch.randn(3, 4), target=0, **places))
