"""Attribution of neurons: of elements, sums and functions of what a layer takes or returns."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from beside_captum.same.compare import assert_same, on_captum, value_of
from beside_captum.same.layers import NEURON_METHODS, SEVERAL_TENSORS, SHAP, WITH_NEURONS, at_layer, at_neuron
from matrices import in_turn
from zoo.architectures import Example
from zoo.layered import Place, layered

pytestmark = pytest.mark.filterwarnings("ignore:attributions do not add up")  # at steep places 50 steps are few

ON_A_LINE = ["NeuronIntegratedGradients", "NeuronConductance"]
RULES = ["gausslegendre", "riemann_left", "riemann_right", "riemann_middle"]  # riemann_trapezoid: see the differences
ONE, TWO, FORKED, PICTURES = map(layered, ("perceptron", "two inputs", "forked", "pictures"))


def largest(value: Any) -> tuple[int, ...]:
    """The neuron that varies most over the examples; pooling and rectifiers leave others without a gradient."""
    return tuple(int(each) for each in torch.unravel_index(value.var(0).argmax(), value.shape[1:]))


def first(value: Any) -> Tensor:
    """The first of several tensors, or the only one."""
    return value[0] if isinstance(value, tuple) else value


def nonlinear(value: Any) -> Tensor:
    """A function of all neurons."""
    return first(value).flatten(1).sin().sum(1)


# Of the last layers of the dense one, most neurons are nobody's target, and nothing flows through them.
WITH_ONE_TENSOR = [place for place in WITH_NEURONS if place not in SEVERAL_TENSORS and place.name != "dense"]


@pytest.mark.parametrize(("place", "method"), in_turn(WITH_ONE_TENSOR, NEURON_METHODS, quick=2), ids=str)
def test_a_neuron_of_every_layer(place: Place, method: str, seed: int):
    case = layered(place.name, seed, dtype=torch.float64 if seed else torch.float32)
    there = value_of(on_captum(at_layer("LayerActivation", case, place.layer, of_input=place.of_input)))
    steps = {"n_steps": 9, "baselines": case.draw(4)} if method in ON_A_LINE else {}
    neuron = largest(there)
    if method == "NeuronConductance" and _is_output(case, place):
        steps["target"] = neuron  # through others nothing flows
    assert_same(at_neuron(method, case, place.layer, neuron, of_input=place.of_input, **steps), seed=seed)


def _is_output(case: Example, place: Place) -> bool:
    """Whether the neurons are elements of the model's output."""
    *_, last = (layer for layer, _ in case.model.named_children())
    return place.layer == last and not place.of_input


FUNCTIONS: dict[str, Callable[[Any], Tensor]] = {
    "one value per example": nonlinear,
    "one value per example, in a column": lambda value: nonlinear(value)[:, None],
    "one value for all examples": lambda value: nonlinear(value).sum(),
}


@pytest.mark.parametrize(
    ("place", "method"),
    in_turn(WITH_NEURONS, NEURON_METHODS[:3], quick=1),  # NeuronConductance: see the differences
    ids=str,
)
def test_functions_of_every_layer(place: Place, method: str):
    steps = {"n_steps": 9} if method in ON_A_LINE else {}
    assert_same(at_neuron(method, layered(place.name), place.layer, nonlinear, of_input=place.of_input, **steps))


@pytest.mark.parametrize("form", FUNCTIONS)
@pytest.mark.parametrize("place", [*SEVERAL_TENSORS, Place("pictures", "pool", False)], ids=str)
@pytest.mark.parametrize("method", NEURON_METHODS[:3])
def test_functions_of_every_form(method: str, place: Place, form: str):
    assert_same(at_neuron(method, layered(place.name), place.layer, FUNCTIONS[form], of_input=place.of_input))


SELECTORS = [  # model, layer, selector
    ("perceptron", "2", 1),
    ("perceptron", "2", 0),
    ("perceptron", "2", -1),
    ("perceptron", "2", (3,)),
    ("perceptron", "2", (-2,)),
    ("residual", "1.up", 7),
    ("dense", "3", (1, 2)),
    ("dense", "3", (-1, 0)),
    ("transformer", "layers.0", (2, 5)),
    ("transformer", "layers.1.linear1", (0, -1)),
    ("pictures", "pool", (2, 1, -1)),
    ("pictures", "rectify", 4),
    ("recurrent", "head", 2),
]
SUMS = [
    ("perceptron", "2", (slice(0, 3),)),
    ("perceptron", "2", (slice(None),)),
    ("perceptron", "2", (slice(None, None, 2),)),
    ("perceptron", "2", (slice(-3, None),)),
    ("dense", "3", (slice(None), 2)),
    ("transformer", "layers.0", (slice(0, 2), slice(3, 6))),
    ("pictures", "pool", (slice(0, 2), 1, slice(None))),
    ("convolutional", "3", (0, slice(0, 2), slice(1, 2))),
]


@pytest.mark.parametrize(("name", "layer", "selector"), SELECTORS, ids=str)
@pytest.mark.parametrize("method", NEURON_METHODS)
def test_every_form_that_selects_a_neuron(method: str, name: str, layer: str, selector: Any, seed: int):
    assert_same(at_neuron(method, layered(name, seed, dtype=torch.float64), layer, selector), seed=seed)


@pytest.mark.parametrize(("name", "layer", "selector"), SUMS, ids=str)
@pytest.mark.parametrize("method", NEURON_METHODS[:3])  # NeuronConductance: see the differences
def test_slices_select_a_sum(method: str, name: str, layer: str, selector: Any):
    assert_same(at_neuron(method, layered(name), layer, selector))


@pytest.mark.parametrize("n_steps", [2, 7, 50])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("method", ON_A_LINE)
def test_every_rule_at_any_number_of_steps(method: str, rule: str, n_steps: int):
    arguments = {"method": rule, "n_steps": n_steps, "baselines": TWO.draw(4)}
    assert_same(at_neuron(method, TWO, "head", 2, of_input=True, **arguments))


@pytest.mark.parametrize("n_steps", [2, 7, 50])
def test_the_trapezoid_rule_of_neuron_conductance_is_captums(n_steps: int):
    for rule in ({"method": "riemann_trapezoid"}, {}):
        assert_same(at_neuron("NeuronConductance", TWO, "head", 1, of_input=True, n_steps=n_steps, **rule))


@pytest.mark.parametrize("internal_batch_size", [4, 5, 8, 50, 1000])
@pytest.mark.parametrize("method", ON_A_LINE)
def test_the_internal_batch_size_does_not_matter(method: str, internal_batch_size: int):
    arguments = {"internal_batch_size": internal_batch_size, "n_steps": 13}
    assert_same(at_neuron(method, FORKED, "head", 1, of_input=True, **arguments))
    assert_same(at_neuron(method, PICTURES, "pool", (0, 1, 1), **arguments))


BASELINES = {
    "none": None,
    "numbers": (0, 1.5),
    "one for all": TWO.draw(1),
    "one for each": TWO.draw(4),
    "one for all and one for each": TWO.draw(1, 4),
    "a tensor and a number": (TWO.draw(4)[0], 0),
}


@pytest.mark.parametrize("form", BASELINES)
@pytest.mark.parametrize("method", ON_A_LINE)
def test_baselines_in_every_form(method: str, form: str):
    assert_same(at_neuron(method, TWO, "head", 0, of_input=True, baselines=BASELINES[form]))


DISTRIBUTIONS = {
    "one": ONE.draw(1),
    "as many as examples": ONE.draw(4),
    "more": ONE.draw(9),
    "a tuple": (ONE.draw(3),),
    "a function of nothing": lambda: ONE.draw(2),
    "a function of the inputs": lambda inputs: inputs[:2] / 2,
}


@pytest.mark.parametrize("form", DISTRIBUTIONS)
@pytest.mark.parametrize("stdevs", [0.0, 0.3, (0.2,)], ids=str)
@pytest.mark.parametrize("n_samples", [1, 6])
def test_distributions_in_every_form(form: str, stdevs: Any, n_samples: int, seed: int):
    arguments = {"baselines": DISTRIBUTIONS[form], "stdevs": stdevs, "n_samples": n_samples}
    assert_same(at_neuron("NeuronGradientShap", ONE, "1", 3, **arguments), seed=seed)


@pytest.mark.parametrize(
    "target",
    [2, -1, (1,), [0, 2, 1, 1], [(0,), (-1,), (1,), (1,)], torch.tensor([2, 0, 1, 1]), torch.tensor([1])],
    ids=str,
)
def test_every_form_of_target(target: Any):
    assert_same(at_neuron("NeuronConductance", ONE, "3", 1, target=target))


@pytest.mark.parametrize("method", NEURON_METHODS[1:])
def test_without_the_factor_of_the_inputs(method: str):
    assert_same(at_neuron(method, ONE, "2", 1, made={"multiply_by_inputs": False}))
    assert_same(at_neuron(method, TWO, "head", 1, of_input=True, made={"multiply_by_inputs": False}))


def test_more_arguments_of_the_gradient():
    assert_same(at_neuron("NeuronConductance", ONE, "2", 1, grad_kwargs={"retain_graph": True}))


@pytest.mark.parametrize("method", NEURON_METHODS)
def test_a_tuple_of_one_input_comes_back_as_one(method: str):
    arguments = {"baselines": (ONE.draw(2),)} if method in SHAP else {}
    assert_same(at_neuron(method, Example(ONE.model, ONE.tensors, ONE.explained), "2", 1, **arguments))


@pytest.mark.parametrize("batch", [1, 2, 9])
@pytest.mark.parametrize("method", NEURON_METHODS)
def test_any_number_of_examples(method: str, batch: int):
    case = Example(ONE.model, ONE.draw(batch), {"target": 0})
    assert_same(at_neuron(method, case, "2", 1))


@pytest.mark.parametrize("method", NEURON_METHODS)
def test_neurons_of_a_frozen_model(method: str):
    case = layered("residual")
    case.model.requires_grad_(False)
    for layer in ("0.norm", "0.up", "1"):
        assert_same(at_neuron(method, case, layer, 2))
        assert_same(at_neuron(method, case, layer, 2, of_input=True))


FORWARDS = {
    "a bound method": ONE.model.forward,
    "a function": lambda x: ONE.model(x),
    "a partial": functools.partial(nn.Module.__call__, ONE.model),
    "a larger model": lambda x: ONE.model(x.sin()) * 2,
    "a data-parallel model": nn.DataParallel(ONE.model),
}


@pytest.mark.parametrize("form", FORWARDS)
@pytest.mark.parametrize("method", NEURON_METHODS)
def test_any_callable_is_a_forward_func(method: str, form: str):
    arguments = {"target": 1} if method == "NeuronConductance" else {}
    arguments |= {"baselines": ONE.draw(2)} if method in SHAP else {}
    assert_same(lambda attr: getattr(attr, method)(FORWARDS[form], ONE.model[2]).attribute(ONE.inputs, 1, **arguments))
