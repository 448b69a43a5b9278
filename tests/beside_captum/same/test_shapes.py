"""Inputs of unusual shapes and layouts, and models in unusual wrappers."""

import warnings
from collections import namedtuple
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from beside_captum.same.compare import Call, assert_same
from zoo.architectures import example

CASE = example("perceptron")
Named = namedtuple("Named", "left right")
METHODS = ["Saliency", "InputXGradient", "IntegratedGradients", "GradientShap", "NoiseTunnel"]
LAYOUTS = {
    "a parameter": nn.Parameter(CASE.draw(4)),
    "expanded": CASE.draw(1).expand(4, 6),
    "transposed": CASE.draw(6)[:, :4].T,
    "every second column": CASE.draw(4)[:, ::2],
    "channels last": torch.linspace(-2, 2, 24).reshape(2, 3, 2, 2).contiguous(memory_format=torch.channels_last),
    "five dimensions": torch.linspace(-2, 2, 24).reshape(2, 3, 1, 2, 2),
    "one dimension": torch.linspace(-2, 2, 5),
    "an input of one dimension beside another": (CASE.draw(4), torch.linspace(-2, 2, 4)),
    "a named tuple": Named(CASE.draw(4), CASE.draw(4).cos()),
    "an input without features beside another": (CASE.draw(4), torch.zeros(4, 0)),
}


def smooth(*inputs: Tensor) -> Tensor:
    """One value per example, of inputs of any shape."""
    parts = [(each.sin() * each).reshape(len(each), each[0].numel()).sum(1) for each in inputs]
    return (parts[0] / 5).sin() + (parts[-1] / 5).cos()


def attributed(method: str, model: Any, inputs: Any, **arguments: Any) -> tuple[Call, bool]:
    """A call, and whether it returns deltas."""
    deltas = method in ("IntegratedGradients", "GradientShap")
    if deltas:
        arguments["return_convergence_delta"] = True
    if method == "GradientShap":
        tensors = inputs if isinstance(inputs, tuple) else (inputs,)
        drawn = tuple(each.detach()[:2] * 0.3 for each in tensors)
        arguments["baselines"] = drawn if isinstance(inputs, tuple) else drawn[0]

    def call(attr: Any) -> Any:
        explain = attr.NoiseTunnel(attr.Saliency(model)) if method == "NoiseTunnel" else getattr(attr, method)(model)
        return explain.attribute(inputs, **arguments)

    return call, deltas


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("method", METHODS)
def test_inputs_of_any_layout(method: str, layout: str):
    call, deltas = attributed(method, smooth, LAYOUTS[layout])
    assert_same(call, delta=deltas)


@pytest.mark.parametrize("batches", [(4, 1), (4, 2)], ids=str)
@pytest.mark.parametrize("method", ["Saliency", "InputXGradient"])
def test_inputs_may_hold_different_numbers_of_examples(method: str, batches: tuple[int, int]):
    inputs = example("two inputs").draw(*batches)
    assert_same(
        lambda attr: getattr(attr, method)(lambda a, b: a.sin().flatten(1).sum(1) * b.sin().sum()).attribute(inputs)
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_model_that_returns_its_input_or_a_view_of_it(method: str):
    for model, target in ((lambda x: x, 1), (lambda x: x[:, 2], None), (lambda x: x.reshape(-1, 2, 3), (1, 0))):
        call, deltas = attributed(method, model, CASE.inputs, target=target)
        assert_same(call, delta=deltas)


@pytest.mark.parametrize("wrapper", ["scripted", "data parallel"])
@pytest.mark.parametrize("method", METHODS)
def test_a_wrapped_model(method: str, wrapper: str):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions of torch call scripting out of date
        model = torch.jit.script(CASE.model) if wrapper == "scripted" else nn.DataParallel(CASE.model)
    call, deltas = attributed(method, model, CASE.inputs, target=1)
    assert_same(call, delta=deltas)
