"""Arguments that Captum refuses, or changes. Each docstring is a line of `docs/differences.md`."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from beside_captum.different.compare import assert_answered, assert_named, both
from beside_captum.same.compare import Call, on_captum, on_pellucid, value_of
from zoo.architectures import example

CASE = example("perceptron")


def integrated(**arguments: Any) -> Call:
    """A call of IntegratedGradients."""
    return lambda attr: attr.IntegratedGradients(CASE.model).attribute(CASE.inputs, target=0, **arguments)


def shap(**arguments: Any) -> Call:
    """A call of GradientShap."""
    return lambda attr: attr.GradientShap(CASE.model).attribute(CASE.inputs, CASE.draw(3), target=0, **arguments)


def tunnel(**arguments: Any) -> Call:
    """A call of NoiseTunnel."""
    return lambda attr: attr.NoiseTunnel(attr.Saliency(CASE.model)).attribute(CASE.inputs, target=0, **arguments)


def with_extra(model: Any, *extra: Any, name: str = "IntegratedGradients") -> Call:
    """A call of a method on a model that takes additional arguments."""
    return lambda attr: getattr(attr, name)(model).attribute(
        CASE.inputs, torch.zeros(1, 6), additional_forward_args=extra
    )


@pytest.mark.parametrize(("method", "node"), [("riemann_left", 0.0), ("riemann_right", 1.0), ("riemann_middle", 0.5)])
def test_one_step_of_a_riemann_rule(method: str, node: float):
    """`n_steps=1` of a Riemann rule: Captum raises AssertionError; the gradient at its one node."""

    def by_hand(attr):
        return attr.Saliency(CASE.model).attribute(CASE.inputs * node, target=0, abs=False) * CASE.inputs

    assert_answered(integrated(method=method, n_steps=1), AssertionError, by_hand)


@pytest.mark.parametrize("internal_batch_size", [1, 3, 5])
def test_internal_batches_smaller_than_the_batch(internal_batch_size: int):
    """`internal_batch_size` below the batch: Captum raises it to the batch, with a warning; no forward takes more."""
    sizes: list[int] = []

    def model(x: Tensor) -> Tensor:
        sizes.append(len(x))
        return CASE.model(x)

    def call(attr):
        explain = attr.IntegratedGradients(model)
        return explain.attribute(CASE.inputs, target=0, internal_batch_size=internal_batch_size, n_steps=5)

    value_of(on_captum(call))
    assert max(sizes) == 4
    sizes.clear()
    value_of(on_pellucid(call))
    assert max(sizes) <= internal_batch_size


@pytest.mark.parametrize("internal_batch_size", [0, -1])
def test_internal_batches_of_nothing(internal_batch_size: int):
    """`internal_batch_size` below 1: Captum raises it to the batch, with a warning; InvalidArgument."""
    assert_named(integrated(internal_batch_size=internal_batch_size), None, "internal_batch_size")


def test_an_additional_tensor_that_is_not_of_the_examples():
    """Additional tensors of another first dimension: Captum repeats them, silently or not; they pass as they are."""
    weights = torch.linspace(-1, 1, 12).reshape(2, 6)
    captums, ours = both(with_extra(lambda x, w: (x @ w.T).sum(1), weights))
    torch.testing.assert_close(ours, CASE.inputs * weights.sum(0))
    torch.testing.assert_close(
        captums.detach(), 50 * CASE.inputs * weights.sum(0)
    )  # the weights came once for every step


@pytest.mark.parametrize("name", ["IntegratedGradients", "GradientShap"])
def test_an_additional_tensor_of_one_row(name: str):
    """Additional tensors of one row for all examples: Captum raises RuntimeError; they pass as they are."""
    row = torch.linspace(-1, 1, 6)[None]
    right = with_extra(lambda x: (x * row).sin().sum(1), name=name)
    assert_answered(with_extra(lambda x, w: (x * w).sin().sum(1), row, name=name), RuntimeError, right)


@pytest.mark.parametrize("name", ["IntegratedGradients", "GradientShap"])
@pytest.mark.parametrize("wrap", [lambda t: {0: t}, lambda t: [t]], ids=["dict", "list"])
def test_additional_tensors_in_a_dict_or_a_list(wrap: Any, name: str):
    """Additional tensors in dicts and lists: Captum leaves them and raises RuntimeError; they follow their examples."""
    scale = torch.tensor([1.0, -2.0, 0.5, 3.0])
    call = with_extra(lambda x, wrapped: x.sin().sum(1) * wrapped[0], wrap(scale), name=name)
    assert_answered(call, RuntimeError, with_extra(lambda x, s: x.sin().sum(1) * s, scale, name=name))


@pytest.mark.parametrize(
    ("stdevs", "expected"),
    [
        (1, AssertionError),
        ((1,), NotImplementedError),
        (np.float64(1), RuntimeError),
        (torch.tensor(1.0), AssertionError),
    ],
    ids=["int", "a tuple of an int", "a NumPy number", "a tensor"],
)
@pytest.mark.parametrize("call", [shap, tunnel])
def test_spreads_that_are_not_a_python_float(call: Any, stdevs: Any, expected: type[Exception]):
    """`stdevs` as an int, a NumPy number or a tensor: Captum raises; any number will do."""
    assert_answered(call(stdevs=stdevs), expected, call(stdevs=1.0))


@pytest.mark.parametrize(
    ("call", "expected", "argument"),
    [
        (shap(n_samples=0), ZeroDivisionError, "n_samples"),
        (tunnel(nt_samples=0), ZeroDivisionError, "nt_samples"),
        (tunnel(nt_samples=-1), RuntimeError, "nt_samples"),
        (tunnel(nt_samples_batch_size=0), ZeroDivisionError, "nt_samples_batch_size"),
        (shap(stdevs=-1.0), RuntimeError, "stdevs"),
        (tunnel(stdevs=-1.0), RuntimeError, "stdevs"),
        (lambda attr: attr.Saliency(CASE.model).attribute(CASE.inputs[:0], target=0), IndexError, "inputs"),
        (lambda attr: attr.IntegratedGradients(CASE.model).attribute(None), TypeError, "inputs"),
        (lambda attr: attr.IntegratedGradients(CASE.model).attribute(()), TypeError, "inputs"),
        (lambda attr: attr.IntegratedGradients(CASE.model).attribute(torch.tensor(1.0)), RuntimeError, "inputs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arguments_over_which_captum_trips(call: Call, expected: type[Exception], argument: str):
    """Counts below 1, negative spreads, empty batches, what is no tensor: Captum trips somewhere; InvalidArgument."""
    assert_named(call, expected, argument)
