"""Messages of the engine name its own arguments; through a class of Captum's they name that class's."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from torch import Tensor, nn
from torch.futures import Future

from errors.table import ROWS, TABLE, Call, deep
from house.source import SOURCES, Source
from pellucid import attr, methods
from pellucid.attr._routes import RENAMED
from pellucid.errors import InvalidArgument, NotSupported, PellucidError, renamed
from pellucid.methods import Layer, Neuron, Options, Problem

CAPTUMS = {"forward_func", "attribute_future", *RENAMED}
"""Words of Captum's signatures that are no arguments of the engine's."""


@dataclass(frozen=True)
class Fault:
    """The same mistake in a class of Captum's and in a method, and what each says that is wrong."""

    facade: Callable[[], Any]
    captums: str
    engine: Callable[[], Any]
    ours: str


def solved(method: Any, model: Any, *given: Any, **problem: Any) -> Callable[[], Any]:
    """A method called with a problem."""
    return lambda: method(Problem(model, ROWS, **problem), *given)


def called(attribution: attr.Attribution, *given: Any, **arguments: Any) -> Callable[[], Any]:
    """A class of Captum's, called with the same inputs."""
    return lambda: attribution.attribute(ROWS, *given, **arguments)


def a_list(x: Tensor) -> Any:
    return [None]


def a_future(x: Tensor) -> Any:
    future: Future[Tensor] = Future()
    future.set_result(x.sum(1))
    return future


class AList(nn.Module):
    def forward(self, x: Tensor) -> Any:
        return [None]


class Fickle(nn.Module):
    """A model that makes another call for large inputs."""

    def forward(self, x: Tensor) -> Tensor:
        return (x.relu() if x.mean() > 0 else x.sigmoid()).sum(1)


MODEL = "model must ", "forward_func must "
FAULTS = {
    "a model that returns a list": Fault(
        called(attr.IntegratedGradients(a_list)), MODEL[1], solved(methods.IntegratedGradients(), a_list), MODEL[0]
    ),
    "a class of models": Fault(
        called(attr.Saliency(nn.Linear)), MODEL[1], solved(methods.Saliency(), nn.Linear), MODEL[0]
    ),
    "a model without a gradient": Fault(
        called(attr.Saliency(Tensor.detach), 0), MODEL[1],
        solved(methods.Saliency(), Tensor.detach, target=0), MODEL[0],
    ),
    "the model of DeepLift": Fault(
        called(attr.DeepLift(AList())), MODEL[0], solved(methods.DeepLift(), AList()), MODEL[0]
    ),
    "a model that makes other calls": Fault(
        called(attr.DeepLift(Fickle()), -ROWS), MODEL[0], solved(methods.DeepLift(), Fickle(), -ROWS), MODEL[0]
    ),
    "the model of GuidedBackprop": Fault(
        called(attr.GuidedBackprop(AList())), MODEL[0], solved(methods.GuidedBackprop(), AList()), MODEL[0]
    ),
    "a future": Fault(
        called(attr.FeatureAblation(a_future)), "Hint: attribute_future. [",
        solved(methods.FeatureAblation(), a_future), "Hint: Options(returns_futures=True). [",
    ),
    "no future": Fault(
        lambda: attr.FeatureAblation(deep).attribute_future(ROWS, target=0), "Hint: attribute. [",
        solved(methods.FeatureAblation(), deep, target=0, options=Options(returns_futures=True)),
        "Hint: Options(returns_futures=False). [",
    ),
    "a neuron too large": Fault(
        called(attr.NeuronGradient(deep, "encoder"), 6), "neuron_selector 6 is beyond ",
        solved(methods.Saliency(), deep, target=Neuron("encoder", 6)), "selector 6 is beyond ",
    ),
    "no neuron": Fault(
        called(attr.NeuronGradient(deep, "encoder"), None), "neuron_selector=0",
        solved(methods.Saliency(), deep, target=Neuron("encoder", None)), "selector=0",
    ),
    "a neuron of a conductance": Fault(
        called(attr.NeuronConductance(deep, "encoder"), 1.5, target=0), "neuron_selector must ",
        solved(methods.NeuronConductance(selector=1.5), deep, target=0, gradient_at="encoder"), "selector must ",
    ),
    "a layer of attributions": Fault(
        called(attr.LayerActivation(deep, "encodr")), "layer must ",
        solved(methods.Activation(), deep, source="encodr"), "source must ",
    ),
    "a layer of gradients": Fault(
        called(attr.LayerConductance(deep, 3), target=0), "layer must ",
        solved(methods.Conductance(), deep, target=0, gradient_at=3), "gradient_at must ",
    ),
    "the layer of a map": Fault(
        called(attr.GuidedGradCam(deep, "encoder"), 0), "layer must ",
        solved(methods.GuidedGradCam(), deep, target=0, gradient_at="encoder"), "gradient_at must ",
    ),
    "the layer of a neuron": Fault(
        called(attr.NeuronGradient(deep, "encodr"), 0), "layer must ",
        solved(methods.Saliency(), deep, target=Neuron("encodr", 0)), "layer must ",
    ),
    "baselines of a layer": Fault(
        called(attr.LayerFeatureAblation(deep, "encoder"), "zero", target=0), "layer_baselines must ",
        solved(methods.FeatureAblation(), deep, "zero", target=0, source="encoder"), "baselines must ",
    ),
    "a list of baselines": Fault(
        called(attr.LayerFeatureAblation(deep, "encoder"), [0.0], target=0), "torch.tensor(layer_baselines)",
        solved(methods.FeatureAblation(), deep, [0.0], target=0, source="encoder"), "torch.tensor(baselines)",
    ),
    "a mask of a layer": Fault(
        called(attr.LayerFeatureAblation(deep, "encoder"), target=0, layer_mask=ROWS), "layer_mask must ",
        lambda: methods.FeatureAblation()(Problem(deep, ROWS, target=0, source="encoder"), feature_mask=ROWS),
        "feature_mask must ",
    ),
}  # fmt: skip

every_fault = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)


def message_of(call: Callable[[], Any]) -> str:
    with pytest.raises(PellucidError) as raised:
        call()
    return str(raised.value)


def says(message: str, words: str) -> bool:
    """Whether a message says it, and not as a part of another name."""
    return re.search(rf"(?<!\w){re.escape(words)}", message) is not None


@every_fault
def test_both_name_what_their_caller_has_given(fault: Fault):
    through_facade, through_engine = message_of(fault.facade), message_of(fault.engine)
    assert says(through_facade, fault.captums)
    assert says(through_engine, fault.ours)
    if fault.captums != fault.ours:
        assert not says(through_facade, fault.ours)
        assert not says(through_engine, fault.captums)


@every_fault
def test_the_engine_has_no_word_of_captum_s(fault: Fault):
    assert [word for word in CAPTUMS if says(message_of(fault.engine), word)] == []


@pytest.mark.parametrize("call", TABLE.values(), ids=TABLE.keys())
def test_captum_s_classes_have_no_word_of_the_engine_s(call: Call):
    attribution = call.method(call.model)
    message = message_of(lambda: attribution.attribute(call.inputs, **call.arguments))
    taken = inspect.signature(type(attribution).attribute).parameters
    engines = ["selector", "source", "gradient_at", "Options"]
    engines += [argument for name, argument in RENAMED.items() if name in taken]
    engines += [] if "model" in inspect.signature(type(attribution)).parameters else ["model must"]
    assert [word for word in engines if says(message, word)] == []


@pytest.mark.parametrize(
    "source", [source for source in SOURCES if source.name.startswith(("core/", "methods/"))], ids=lambda s: s.name
)
def test_no_text_of_the_engine_has_a_word_of_captum_s(source: Source):
    docstrings = {id(node.value) for node in source.nodes(ast.Expr)}
    texts = [node.value for node in source.nodes(ast.Constant) if id(node) not in docstrings]
    assert [text for text in texts if isinstance(text, str) and any(word in text for word in CAPTUMS)] == []


class TestInsideAnotherCall:
    """The method inside names its arguments; those around it leave them."""

    def test_of_a_model(self):
        message = message_of(called(attr.NoiseTunnel(attr.NoiseTunnel(attr.DeepLift(AList())))))
        assert says(message, "DeepLift: model must return a tensor: got list")

    def test_of_a_forward_func(self):
        message = message_of(called(attr.NoiseTunnel(attr.Saliency(a_list))))
        assert says(message, "Saliency: forward_func must return a tensor: got list")

    def test_of_what_is_no_model(self):
        assert says(message_of(called(attr.NoiseTunnel(attr.Saliency(3)))), "NoiseTunnel: forward_func must be a")


class TestSubclasses:
    """A user's class may take other arguments, or none; it is told what ours take."""

    def test_without_arguments(self):
        class OfAList(attr.Saliency):
            def __init__(self) -> None:
                super().__init__(a_list)

        assert says(message_of(called(OfAList())), "OfAList: forward_func must return a tensor: got list")

    def test_with_arguments_of_its_own(self):
        class OfMany(attr.DeepLift):
            def __init__(self, *networks: Any) -> None:
                super().__init__(networks[0])

            def attribute(self, inputs: Any) -> Any:
                return super().attribute(inputs)

        assert says(message_of(called(OfMany(AList()))), "OfMany: model must return a tensor: got list")


class TestConvergenceDelta:
    """`compute_convergence_delta` has names of its own for baselines and inputs."""

    def message(self, attribution: Any, *given: Any) -> str:
        return message_of(lambda: attribution.compute_convergence_delta(*given))

    def test_of_a_start_point(self):
        message = self.message(attr.IntegratedGradients(deep), ROWS, "zero", ROWS, 0)
        assert says(message, "IntegratedGradients: start_point must be tensors or numbers: got str. [inputs: (8, 4) ")

    def test_of_an_end_point(self):
        message = self.message(attr.IntegratedGradients(deep), ROWS, 0, [ROWS], 0)
        assert says(message, "IntegratedGradients: end_point must be a tensor or a tuple of tensors: got list. Hint: ")
        assert "tuple(end_point)" in message

    def test_of_a_model(self):
        assert says(self.message(attr.IntegratedGradients(a_list), ROWS, 0, ROWS), "forward_func must return a tensor")
        assert says(self.message(attr.DeepLift(AList()), ROWS, 0, ROWS), "model must return a tensor")


class TestRenamed:
    """Arguments are told from prose and from what the user has written."""

    @pytest.mark.parametrize(
        "message",
        [
            "layer must be the name of a module of the model: got 'model'. Hint: there is 'model', 'model.0'.",
            "source must be the model's inputs.",
            "layers must be modules of the model: got a Linear that is not.",
            "custom.model must be one.",
            "a linear model must be one. [model: 3]",
            "the_model must be one, and so must submodel and models.",
        ],
    )
    def test_what_is_no_argument(self, message: str):
        assert str(renamed(InvalidArgument(message), {"model": "forward_func"})) == message

    @pytest.mark.parametrize(
        ("message", "expected"),
        [
            ("model must be one.", "forward_func must be one."),
            ("Saliency: model must be one.", "Saliency: forward_func must be one."),
            ("got int. Hint: model.predict, or f(model), or such as model=3.",
             "got int. Hint: forward_func.predict, or f(forward_func), or such as forward_func=3."),
        ],
    )  # fmt: skip
    def test_what_is_one(self, message: str, expected: str):
        assert str(renamed(InvalidArgument(message), {"model": "forward_func"})) == expected

    def test_once(self):
        error = renamed(NotSupported("model must be one."), {"model": "model"})
        assert renamed(error, {"model": "forward_func"}) is error
        assert type(error) is NotSupported

    def test_what_is_not_ours(self):
        error = ValueError("model must be one.")
        assert renamed(error, {"model": "forward_func"}) is error


def test_a_layer_that_is_named_in_another():
    with pytest.raises(InvalidArgument, match=r"^source must be a module or the dotted name of one: got Layer\.$"):
        Problem(deep, ROWS, target=0, source=Layer(Layer("encoder")))
