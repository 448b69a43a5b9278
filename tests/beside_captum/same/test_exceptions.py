from typing import Any

import pytest
import torch
from torch import Tensor, nn

from beside_captum.same.compare import Call, assert_same_exception
from beside_captum.same.layers import LAYER_METHODS, NEURON_METHODS, at_layer, at_neuron
from zoo.architectures import Example, example
from zoo.layered import layered, of_words

ONE, TWO = example("perceptron"), example("two inputs")
X, BASELINES = ONE.inputs, ONE.draw(4)


def _or_good(inputs: Any) -> Any:
    return ONE.inputs if inputs is None else inputs


def saliency(inputs: Any = None, model: Any = ONE.model, **arguments: Any) -> Call:
    """A call of Saliency, good unless an argument says otherwise."""
    return lambda attr: attr.Saliency(model).attribute(_or_good(inputs), **{"target": 0, **arguments})


def integrated(inputs: Any = None, baselines: Any = None, **arguments: Any) -> Call:
    """A call of IntegratedGradients."""
    arguments = {"target": 0, **arguments}
    return lambda attr: attr.IntegratedGradients(ONE.model).attribute(_or_good(inputs), baselines, **arguments)


def shap(inputs: Any = None, baselines: Any = BASELINES, **arguments: Any) -> Call:
    """A call of GradientShap."""
    arguments = {"target": 0, **arguments}
    return lambda attr: attr.GradientShap(ONE.model).attribute(_or_good(inputs), baselines, **arguments)


def tunnel(inputs: Any = None, method: str = "Saliency", **arguments: Any) -> Call:
    """A call of NoiseTunnel around a method."""
    return lambda attr: attr.NoiseTunnel(getattr(attr, method)(ONE.model)).attribute(
        _or_good(inputs), **{"target": 0, **arguments}
    )


def on_two(baselines: Any, method: str = "IntegratedGradients") -> Call:
    """A call of a method on two inputs."""
    return lambda attr: getattr(attr, method)(TWO.model).attribute(TWO.inputs, baselines, **TWO.explained)


def drawn_on_two(baselines: Any) -> Call:
    """A call of NoiseTunnel on two inputs that draws from the baselines."""
    return lambda attr: attr.NoiseTunnel(attr.IntegratedGradients(TWO.model)).attribute(
        TWO.inputs, baselines=baselines, draw_baseline_from_distrib=True, **TWO.explained
    )


def returning(output: Any) -> Call:
    """A call of Saliency on a model of this output."""
    return lambda attr: attr.Saliency(lambda x: output(x)).attribute(ONE.inputs)


def raising(error: Exception) -> Call:
    """A call of NoiseTunnel around a method whose model raises."""

    def model(x: Tensor) -> Tensor:
        raise error

    return lambda attr: attr.NoiseTunnel(attr.IntegratedGradients(model)).attribute(ONE.inputs)


def ablated(inputs: Any = None, method: str = "FeatureAblation", **arguments: Any) -> Call:
    """A call of a method that takes features away."""
    return lambda attr: getattr(attr, method)(ONE.model).attribute(_or_good(inputs), **{"target": 0, **arguments})


def occluded(windows: Any, **arguments: Any) -> Call:
    """A call of Occlusion."""
    return ablated(method="Occlusion", sliding_window_shapes=windows, **arguments)


REFUSED = {  # what a user does: the class of Captum's exception, and the call
    "no inputs": (TypeError, lambda attr: attr.Saliency(ONE.model).attribute()),
    "no baselines for shap": (TypeError, lambda attr: attr.GradientShap(ONE.model).attribute(ONE.inputs)),
    "a model that cannot be called": (TypeError, saliency(model="model")),
    "inputs of another dtype than the model": (RuntimeError, integrated(X.double())),
    "integers where a gradient is taken": (RuntimeError, saliency((X * 5).long())),
    "a detached output": (RuntimeError, returning(lambda x: x.sum(1).detach())),
    "an integer output": (RuntimeError, returning(lambda x: x.sum(1).long())),
    "an output that does not depend on the inputs": (RuntimeError, returning(lambda x: torch.ones(4))),
    "a complex output": (RuntimeError, returning(lambda x: torch.view_as_complex(x.reshape(4, 3, 2)).sum(1))),
    "an unknown argument of the method inside": (TypeError, tunnel(unknown=1)),
    "deltas of a method inside that has none": (TypeError, tunnel(return_convergence_delta=True)),
    "baselines of another shape": (AssertionError, integrated(baselines=BASELINES[:, :2])),
    "baselines of another length": (AssertionError, integrated(baselines=BASELINES[0, :2])),
    "baselines of another number of examples": (AssertionError, integrated(baselines=BASELINES[:2])),
    "a list of baselines": (AssertionError, integrated(baselines=[BASELINES])),
    "an array of baselines": (AssertionError, integrated(baselines=BASELINES.numpy())),
    "a string as baselines": (AssertionError, integrated(baselines="zero")),
    "two baselines for one input": (AssertionError, integrated(baselines=(0, 0))),
    "one baseline for two inputs": (AssertionError, on_two(0)),
    "three baselines for two inputs": (AssertionError, on_two((0, 0, 0))),
    "a number as distribution": (AssertionError, shap(baselines=0)),
    "no distribution": (AssertionError, shap(baselines=None)),
    "a list as distribution": (AssertionError, shap(baselines=[BASELINES])),
    "a distribution of another shape": (AssertionError, shap(baselines=BASELINES[:, :2])),
    "a distribution of one dimension": (AssertionError, shap(baselines=BASELINES[0])),
    "two distributions for one input": (AssertionError, shap(baselines=(BASELINES, BASELINES))),
    "a number before a distribution": (AssertionError, on_two((0, TWO.draw(3)[1]), "GradientShap")),
    "nothing beside a distribution": (AssertionError, on_two((TWO.draw(3)[0], None), "GradientShap")),
    "a word beside a distribution": (AssertionError, on_two((TWO.draw(3)[0], "zero"), "GradientShap")),
    "nothing beside drawn baselines": (AssertionError, drawn_on_two((TWO.draw(3)[0], None))),
    "a word beside drawn baselines": (AssertionError, drawn_on_two((TWO.draw(3)[0], "zero"))),
    "a tensor of no dimension beside drawn baselines": (
        AssertionError,
        drawn_on_two((TWO.draw(3)[0], torch.tensor(1.0))),
    ),
    "a drawn list of baselines": (
        AssertionError,
        tunnel(method="IntegratedGradients", baselines=[BASELINES], draw_baseline_from_distrib=True),
    ),
    "drawn baselines of another shape": (
        AssertionError,
        tunnel(method="IntegratedGradients", baselines=BASELINES[:, :2], draw_baseline_from_distrib=True),
    ),
    "an unknown quadrature": (AssertionError, integrated(method="simpson")),
    "no step": (AssertionError, integrated(n_steps=0)),
    "no step of another rule": (AssertionError, integrated(n_steps=0, method="riemann_left")),
    "fewer steps than none": (AssertionError, integrated(n_steps=-1)),
    "one step of the trapezoid rule": (AssertionError, integrated(n_steps=1, method="riemann_trapezoid")),
    "a word as number of steps": (TypeError, integrated(n_steps="many")),
    "a word as internal batch size": (TypeError, integrated(internal_batch_size="small")),
    "fewer samples than none": (ValueError, shap(n_samples=-1)),
    "half samples": (TypeError, shap(n_samples=2.0)),
    "half noisy samples": (TypeError, tunnel(nt_samples=2.0)),
    "half samples at a time": (TypeError, tunnel(nt_samples_batch_size=2.0)),
    "more spreads than inputs": (AssertionError, shap(stdevs=(0.1, 0.2))),
    "more spreads than noisy inputs": (AssertionError, tunnel(stdevs=(0.1, 0.2))),
    "a list of spreads": (AssertionError, shap(stdevs=[0.1])),
    "a list of spreads of noisy inputs": (AssertionError, tunnel(stdevs=[0.1])),
    "no spread": (AssertionError, tunnel(stdevs=None)),
    "a word as spread": (AssertionError, tunnel(stdevs="wide")),
    "an unknown kind of average": (AssertionError, tunnel(nt_type="smooth")),
    "no kind of average": (AssertionError, tunnel(nt_type=None)),
    "a noise tunnel around a model": (AttributeError, lambda attr: attr.NoiseTunnel(ONE.model)),
    "attributions of a base class": (
        AttributeError,
        lambda attr: attr.GradientAttribution(ONE.model).attribute(ONE.inputs),
    ),
    "a list of masks": (AssertionError, ablated(feature_mask=[torch.zeros(1, 6).long()])),
    "a list of baselines of an ablation": (AssertionError, ablated(baselines=[0])),
    "no perturbation at a time": (AssertionError, ablated(perturbations_per_eval=0)),
    "half a perturbation at a time": (AssertionError, ablated(perturbations_per_eval=2.5)),
    "a target of an ablation out of range": (IndexError, ablated(target=3)),
    "no windows": (TypeError, ablated(method="Occlusion")),
    "windows larger than the input": (AssertionError, occluded((7,))),
    "windows of other dimensions": (AssertionError, occluded((2, 2))),
    "windows of half an element": (AssertionError, occluded((1.5,))),
    "windows of no element": (AssertionError, occluded((0,))),
    "strides larger than the window": (AssertionError, occluded((2,), strides=3)),
    "a list of strides": (AssertionError, occluded((2,), strides=[1])),
    "half a stride": (AssertionError, occluded((2,), strides=0.5)),
    "an unknown argument of occlusion": (TypeError, occluded((2,), feature_mask=None)),
    "a model's own ValueError": (ValueError, raising(ValueError("mine"))),
    "a model's own KeyError": (KeyError, raising(KeyError("mine"))),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_captum_refuses_can_be_caught_by_the_same_clause(case: str):
    expected, call = REFUSED[case]
    assert_same_exception(call, expected)


PICTURES, FORKED, WORDS = layered("pictures"), layered("forked"), of_words()
ATTENTION = layered("transformer")
ATTENTION.model.idle = nn.Linear(2, 2)


class Detach(nn.Module):
    """It cuts the graph."""

    def forward(self, x: Tensor) -> Tensor:
        return x.detach()


DETACHED = Example(nn.Sequential(*ONE.model, Detach()), ONE.given, ONE.explained)


def of_module(name: str, layer: Any, **arguments: Any) -> Call:
    """A call of a method for layers on any module."""
    return lambda attr: getattr(attr, name)(ONE.model, layer).attribute(ONE.inputs, **arguments)


REFUSED_INSIDE = {  # what a user does: the class of Captum's exception, and the call of a method
    "a layer that never runs": (
        AssertionError,
        lambda name: at_layer(name, ATTENTION, "idle"),
        LAYER_METHODS,
    ),
    "a layer of another model": (AssertionError, lambda name: of_module(name, nn.Linear(6, 8)), ["LayerActivation"]),
    "a neuron of a layer that never runs": (
        AssertionError,
        lambda name: at_neuron(name, ATTENTION, "idle", 1),
        NEURON_METHODS,
    ),
    "a list of layers to select a neuron from": (
        AssertionError,
        lambda name: at_neuron(name, ONE, ["0", "2"], 1),
        NEURON_METHODS,
    ),
    "a neuron out of range": (IndexError, lambda name: at_neuron(name, ONE, "2", 8), NEURON_METHODS),
    "a negative neuron out of range": (IndexError, lambda name: at_neuron(name, ONE, "2", -9), NEURON_METHODS),
    "a tuple out of range": (
        IndexError,
        lambda name: at_neuron(name, PICTURES, "pool", (0, 2, 0)),
        NEURON_METHODS,
    ),
    "a number where a tuple is needed": (
        RuntimeError,
        lambda name: at_neuron(name, PICTURES, "pool", 1),
        NEURON_METHODS,
    ),
    "a tuple too short": (RuntimeError, lambda name: at_neuron(name, PICTURES, "pool", (1, 1)), NEURON_METHODS),
    "a tuple too long": (AssertionError, lambda name: at_neuron(name, ONE, "2", (1, 1)), NEURON_METHODS),
    "an empty tuple": (RuntimeError, lambda name: at_neuron(name, ONE, "2", ()), NEURON_METHODS),
    "no selector": (ValueError, lambda name: at_neuron(name, ONE, "2", None), NEURON_METHODS),
    "half a neuron": (TypeError, lambda name: at_neuron(name, ONE, "2", 1.5), NEURON_METHODS),
    "a number of a layer that returns a tuple": (
        AssertionError,
        lambda name: at_neuron(name, FORKED, "split", 1),
        NEURON_METHODS,
    ),
    "a number of a layer that takes several tensors": (
        AssertionError,
        lambda name: at_neuron(name, FORKED, "join", 1, of_input=True),
        NEURON_METHODS,
    ),
    "a neuron of token ids": (
        RuntimeError,
        lambda name: at_neuron(name, WORDS, "mix", (0, 1), **_of_ids(name)),
        NEURON_METHODS,
    ),
    "the gradient at token ids": (
        RuntimeError,
        lambda name: at_layer(name, WORDS, "words", of_input=True),
        ["LayerGradientXActivation", "LayerIntegratedGradients"],
    ),
    "no target": (AssertionError, lambda name: at_layer(name, ONE, "2", target=None), LAYER_METHODS[1:]),
    "no target of conductance": (
        AssertionError,
        lambda name: at_neuron(name, ONE, "2", 1, target=None),
        ["NeuronConductance"],
    ),
    "a target out of range": (IndexError, lambda name: at_layer(name, ONE, "2", target=3), LAYER_METHODS[1:]),
    "a target where none is taken": (
        TypeError,
        lambda name: of_module(name, ONE.model[2], target=0),
        ["LayerActivation"],
    ),
    "baselines of another shape": (
        AssertionError,
        lambda name: at_layer(name, ONE, "2", baselines=BASELINES[:2]),
        ["LayerIntegratedGradients", "InternalInfluence", "LayerConductance"],
    ),
    "a number as distribution": (
        AssertionError,
        lambda name: at_layer(name, ONE, "2", baselines=0),
        ["LayerGradientShap"],
    ),
    "an unknown quadrature": (
        AssertionError,
        lambda name: at_layer(name, ONE, "2", method="simpson"),
        ["LayerIntegratedGradients", "InternalInfluence", "LayerConductance"],
    ),
    "no step": (
        AssertionError,
        lambda name: at_layer(name, ONE, "2", n_steps=0),
        ["LayerIntegratedGradients", "InternalInfluence"],
    ),
    "an unknown argument of the gradient": (
        TypeError,
        lambda name: at_layer(name, ONE, "2", grad_kwargs={"unknown": 1}),
        ["LayerGradientXActivation", "LayerIntegratedGradients", "InternalInfluence"],
    ),
    "a detached output": (RuntimeError, lambda name: at_layer(name, DETACHED, "2"), LAYER_METHODS[1:]),
}


def _of_ids(name: str) -> dict[str, Any]:
    return {"baselines": WORDS.inputs[:2]} if name == "NeuronGradientShap" else {}


@pytest.mark.parametrize(
    ("case", "name"), [(case, name) for case, (_, _, names) in REFUSED_INSIDE.items() for name in names]
)
def test_what_captum_refuses_inside_can_be_caught_by_the_same_clause(case: str, name: str):
    expected, call, _ = REFUSED_INSIDE[case]
    assert_same_exception(call(name), expected)


@pytest.mark.parametrize("name", ["Saliency", "InputXGradient", "IntegratedGradients", "GradientShap", "NoiseTunnel"])
def test_attribute_future_is_there_and_not_implemented(name: str):
    def call(attr):
        method = attr.Saliency(ONE.model)
        return (
            attr.NoiseTunnel(method) if name == "NoiseTunnel" else getattr(attr, name)(ONE.model)
        ).attribute_future()

    assert_same_exception(call, NotImplementedError)
