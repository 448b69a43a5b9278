"""Targets that Captum does not take. Each docstring is a line of `docs/differences.md`."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from beside_captum.different.compare import assert_answered, assert_named
from beside_captum.same.compare import Call, on_pellucid
from zoo.architectures import example

CASE = example("perceptron")


def attributed(target: Any, model: Any = CASE.model, name: str = "IntegratedGradients") -> Call:
    """A call of a method on a model of three outputs."""
    return lambda attr: getattr(attr, name)(model).attribute(CASE.inputs, target=target)


@pytest.mark.parametrize("name", ["Saliency", "IntegratedGradients"])
@pytest.mark.parametrize("target", [[0, -1, 1, -3], torch.tensor([0, -1, 1, -3])], ids=["list", "tensor"])
def test_negative_numbers_in_a_list(target: Any, name: str):
    """A list or tensor of targets with negative numbers: Captum raises RuntimeError; they count from the end."""
    assert_answered(attributed(target, name=name), RuntimeError, attributed([0, 2, 1, 0], name=name))


@pytest.mark.parametrize(
    ("target", "expected", "same"),
    [
        (np.array([0, 2, 1, 0]), AssertionError, [0, 2, 1, 0]),
        (np.int64(2), AssertionError, 2),
        ([np.int64(0), np.int64(2), 1, 0], AssertionError, [0, 2, 1, 0]),
        ([torch.tensor(index) for index in (0, 2, 1, 0)], AssertionError, [0, 2, 1, 0]),
        (torch.tensor([0, 2, 1, 0], dtype=torch.uint8), RuntimeError, [0, 2, 1, 0]),
        ([(0,), 2, 1, (0,)], TypeError, [0, 2, 1, 0]),
    ],
    ids=["an array", "a NumPy integer", "a list of them", "a list of tensors", "uint8", "a mixed list"],
)
def test_integers_of_any_kind(target: Any, expected: type[Exception], same: Any):
    """Targets as arrays, NumPy integers, lists of tensors, uint8 tensors, mixed lists: Captum raises; taken."""
    assert_answered(attributed(target), expected, attributed(same))


def test_a_function_of_the_output():
    """A function as target: Captum raises AssertionError; any function of the output is explained."""
    assert_answered(attributed(lambda output: output[:, 2]), AssertionError, attributed(2))


def test_a_model_that_returns_more_than_a_tensor():
    """A model that returns a dict, a tuple or an object: Captum raises; a function as target chooses from it."""
    for wrap, choose, expected in [
        (lambda y: {"logits": y}, lambda output: output["logits"][:, 1], AttributeError),
        (lambda y: (y, None), lambda output: output[0][:, 1], AttributeError),
    ]:
        wrapped = attributed(choose, model=lambda x, wrap=wrap: wrap(CASE.model(x)))
        assert_answered(wrapped, expected, attributed(1))


def test_an_output_with_logits():
    """A model that returns an object with `logits`: Captum raises AttributeError; the logits are explained."""

    def model(x: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=CASE.model(x))

    assert_answered(attributed(1, model=model), AttributeError, attributed(1))
    assert_answered(attributed([0, 2, 1, 0], model=model), AttributeError, attributed([0, 2, 1, 0]))


def test_the_name_of_a_class():
    """The name of a class as target: Captum raises AssertionError; it is the number that `id2label` has for it."""

    def model(x: torch.Tensor) -> torch.Tensor:
        return CASE.model(x)

    model.id2label = {0: "cat", 1: "dog", 2: "bus"}
    assert_answered(attributed("dog", model=model), AssertionError, attributed(1))
    assert_answered(attributed(["cat", "bus", "dog", "cat"], model=model), AssertionError, attributed([0, 2, 1, 0]))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (torch.tensor([0.0, 1.0, 2.0, 0.0]), RuntimeError),
        (torch.tensor([True, False, True, False]), RuntimeError),
        ([True, False, True, False], RuntimeError),
        ([(0,), (1, 2), (0,), (0,)], IndexError),
    ],
    ids=["floats", "booleans", "a list of booleans", "tuples of two lengths"],
)
def test_what_is_no_target(target: Any, expected: type[Exception]):
    """Floats, booleans, tuples of several lengths: Captum lets torch's RuntimeError through; InvalidArgument."""
    assert_named(attributed(target), expected, "target")


@pytest.mark.parametrize("target", [[0, 1, 2, 3], torch.tensor([0, 1, 2, 3])], ids=["list", "tensor"])
def test_a_list_that_goes_beyond_the_output(target: Any):
    """A list or tensor of targets out of range: Captum raises RuntimeError; OutOfRange, as for a single target."""
    assert_named(attributed(target), RuntimeError, "target")
    assert isinstance(on_pellucid(attributed(target)).error, IndexError)


@pytest.mark.parametrize("output", ["scalar", "None", "number"])
def test_an_output_that_a_target_cannot_choose_from(output: str):
    """A target of a model whose output has no columns: Captum trips over its shape; InvalidArgument says what came."""
    model, expected = {
        "scalar": (lambda x: x.sum(), IndexError),
        "None": (lambda x: None, AttributeError),
        "number": (lambda x: 1.0, AttributeError),
    }[output]
    assert_named(attributed(0, model=model), expected, "target" if output == "scalar" else "forward_func")
