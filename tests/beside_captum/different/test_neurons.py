"""Neurons that Captum does not see right, or at all. Each docstring is a line of `docs/differences.md`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pellucid.attr
from beside_captum.different.compare import assert_answered, assert_named, both
from beside_captum.same.compare import assert_close, on_captum, on_pellucid, value_of
from beside_captum.same.layers import NEURON_METHODS, SHAP, at_neuron
from pellucid.errors import PellucidWarning
from pellucid.methods import NeuronConductance, Problem
from zoo.architectures import Example, example
from zoo.layered import layered

ONE, TWO, FORKED, PICTURES = map(layered, ("perceptron", "two inputs", "forked", "pictures"))


def conductance(selector: Any, **arguments: Any) -> Callable[[Any], Any]:
    """A call of NeuronConductance, by a rule that does not matter here."""
    return at_neuron("NeuronConductance", ONE, "2", selector, method="riemann_middle", **arguments)


@pytest.mark.parametrize("selector", [(slice(0, 3),), (slice(None, None, 3),)], ids=str)
def test_conductance_of_a_slice(selector: Any):
    """NeuronConductance of slices: Captum multiplies the sums of both gradients; neurons' conductances add up."""
    captums, ours = both(conductance(selector))
    right = sum(value_of(on_captum(conductance(neuron))) for neuron in range(8)[selector[0]])
    assert_close(ours, right)
    assert (captums - ours).abs().max() > 0.1 * ours.abs().max()


def test_conductance_of_a_function():
    """The same with a function of the neurons: Captum likewise; each weighs as much as the function has it."""
    captums, ours = both(conductance(lambda value: 2 * value[:, 0] - value[:, 5]))
    right = 2 * value_of(on_captum(conductance(0))) - value_of(on_captum(conductance(5)))
    assert_close(ours, right)
    assert (captums - ours).abs().max() > 0.1 * ours.abs().max()


def test_conductance_of_a_function_that_sums_up_the_batch():
    """The same with a function of one value for the batch: Captum raises RuntimeError; as with one per example."""

    def summed(value: Tensor) -> Tensor:
        return value[:, 3].sum()

    assert_answered(conductance(summed), RuntimeError, conductance(3))


@pytest.mark.parametrize("n_steps", [2, 10])
def test_weights_of_the_trapezoid_rule(n_steps: int):
    """The trapezoid rule: Captum's weights sum to (n - 1) / n; to 1, but in NeuronConductance, whose default it is."""
    rule = {"method": "riemann_trapezoid", "n_steps": n_steps}
    captums, ours = both(at_neuron("NeuronIntegratedGradients", ONE, "2", 1, **rule))
    assert_close(ours, captums * n_steps / (n_steps - 1))
    captums, ours = both(at_neuron("NeuronConductance", ONE, "2", 1, **rule))
    assert_close(ours, captums)
    problem = Problem(ONE.model, ONE.inputs, target=ONE.explained["target"], gradient_at="2")
    (right,) = NeuronConductance(selector=1, n_steps=n_steps, method="riemann_trapezoid")(problem).values
    assert_close(right, captums * n_steps / (n_steps - 1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("method", "captums"),
    [
        ("NeuronIntegratedGradients", torch.float32),
        ("NeuronConductance", torch.float32),
        ("NeuronGradientShap", RuntimeError),
    ],
)
def test_a_model_in_half_precision(method: str, captums: Any, dtype: torch.dtype):
    """float16 and bfloat16 inputs: Captum returns float32, or fails; attributions of neurons keep their dtype."""
    case = layered("perceptron", dtype=dtype)
    call = at_neuron(method, case, "2", 1, baselines=torch.zeros_like(case.inputs[:1]))
    theirs, ours = on_captum(call), on_pellucid(call)
    assert type(theirs.error) is captums if captums is RuntimeError else theirs.value.dtype == captums
    case.model.float()
    single = Example(case.model, case.inputs.float(), case.explained)
    right = at_neuron(method, single, "2", 1, baselines=torch.zeros(1, 6))
    assert value_of(ours).dtype == dtype
    assert_close(value_of(ours), value_of(on_captum(right)), dtypes=False, tolerance=0.03)


@pytest.mark.parametrize(
    ("selector", "expected", "same"),
    [
        (slice(0, 3), TypeError, (slice(0, 3),)),
        (np.int64(2), TypeError, 2),
        (torch.tensor(2), TypeError, 2),
    ],
    ids=["a slice", "a NumPy integer", "a tensor of no dimension"],
)
@pytest.mark.parametrize("method", NEURON_METHODS[:3])
def test_numbers_and_slices_that_are_no_tuple(method: str, selector: Any, expected: type[Exception], same: Any):
    """A slice, a NumPy integer or a tensor as selector: Captum raises TypeError; taken."""
    assert_answered(at_neuron(method, ONE, "2", selector), expected, at_neuron(method, ONE, "2", same))


@pytest.mark.parametrize(
    "selector", [[0, 5, 5, 7], torch.tensor([0, 5, 5, 7]), [(0,), (5,), (-3,), (7,)]], ids=["list", "tensor", "tuples"]
)
@pytest.mark.parametrize("method", NEURON_METHODS)
def test_a_neuron_for_each_example(method: str, selector: Any):
    """One neuron for each example, as targets can be: Captum raises AssertionError; taken."""
    call = at_neuron(method, ONE, "2", selector)
    assert type(on_captum(call).error) is AssertionError
    found = value_of(on_pellucid(call))
    for row, neuron in enumerate([0, 5, 5, 7]):
        right = value_of(on_captum(at_neuron(method, ONE, "2", neuron)))
        assert_close(found[row : row + 1], right[row : row + 1])


@pytest.mark.parametrize("method", NEURON_METHODS)
def test_names_of_layers(method: str):
    """Names of layers: Captum raises AttributeError; a dotted name is as good as its module."""
    arguments = {"target": 1} if method == "NeuronConductance" else {}
    arguments |= {"baselines": ONE.draw(2)} if method in SHAP else {}

    def by_name(attr: Any) -> Any:
        return getattr(attr, method)(ONE.model, "2").attribute(ONE.inputs, 3, **arguments)

    assert_answered(by_name, AttributeError, at_neuron(method, ONE, "2", 3, **arguments))


AS_INPUT_METHODS = {
    "NeuronGradient": ("Saliency", {"abs": False}),
    "NeuronIntegratedGradients": ("IntegratedGradients", {}),
    "NeuronGradientShap": ("GradientShap", {"baselines": FORKED.draw(3)}),
}


@pytest.mark.parametrize("method", AS_INPUT_METHODS)
def test_functions_of_several_layers(method: str):
    """A function of several layers: Captum raises AssertionError; any function of the list is explained."""
    split = FORKED.model.split
    name, arguments = AS_INPUT_METHODS[method]

    def product(values: Any) -> Tensor:
        return values[0][:, 1] * values[1][:, 2]

    def as_input_method(attr: Any) -> Any:
        explain = getattr(attr, name)(lambda x: product((split.one(x), split.other(x))))
        return explain.attribute(FORKED.inputs, **arguments)

    call = at_neuron(method, FORKED, ["split.one", "split.other"], product)
    assert_answered(call, AssertionError, as_input_method)


@pytest.mark.parametrize("method", NEURON_METHODS[:3])
def test_recurrent_layers(method: str):
    """A function of what `nn.LSTM` returns: Captum raises AttributeError; any function of it is explained."""
    case = example("recurrent")
    last = at_neuron(method, case, "cells", lambda found: found[0][:, -1, 2])
    assert_answered(last, AttributeError, at_neuron(method, case, "head", 2, of_input=True))


@pytest.mark.parametrize("method", NEURON_METHODS)
def test_a_neuron_that_does_not_depend_on_an_input(method: str):
    """A neuron that does not depend on one of the inputs: Captum raises RuntimeError; zeros, with a PellucidWarning."""
    call = at_neuron(method, TWO, "left", 1)
    assert type(on_captum(call).error) is RuntimeError
    with pytest.warns(PellucidWarning, match=r"does not depend on inputs\[1\]"):
        used, unused = call(pellucid.attr)
    assert used.any()
    assert torch.equal(unused, torch.zeros(4, 4))


@pytest.mark.parametrize(
    ("selector", "expected"),
    [(1, RuntimeError), ((1, 1), RuntimeError), (None, ValueError), ((0, 1, 1, 1), AssertionError)],
    ids=str,
)
@pytest.mark.parametrize("method", NEURON_METHODS)
def test_what_selects_no_neuron(method: str, selector: Any, expected: type[Exception]):
    """Selectors that leave several values, or none: Captum trips somewhere; an error that names `neuron_selector`."""
    assert_named(at_neuron(method, PICTURES, "pool", selector), expected, "neuron_selector")


@pytest.mark.parametrize("which", [0, 1])
def test_conductance_where_what_a_layer_returns_is_made_of_one_another(which: int):
    """NeuronConductance at a layer that returns h and f(h), of f(h): Captum raises RuntimeError; what passes there."""

    class Doubled(torch.nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            h = x.tanh()
            return h, 2 * h

    class Both(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.doubled = Doubled()

        def forward(self, x: Tensor) -> Tensor:
            one, two = self.doubled(x)
            return (one + two.square()).sum(1)

    model, inputs = Both(), torch.randn(2, 3, dtype=torch.float64)

    def call(attr: Any) -> Any:
        neuron = attr.NeuronConductance(model, model.doubled)
        return neuron.attribute(inputs, lambda value: value[which][:, 1], method="gausslegendre")

    captums = on_captum(call)
    assert type(captums.error) is (RuntimeError if which else type(None))
    h = inputs[:, 1].tanh()
    right = torch.zeros_like(inputs)
    right[:, 1] = h + 4 * h.square() if which == 0 else 4 * h.square()
    torch.testing.assert_close(call(pellucid.attr), right)
