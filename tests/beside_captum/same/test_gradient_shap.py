from typing import Any

import pytest
import torch

from beside_captum.same.compare import assert_same
from zoo.architectures import ARCHITECTURES, Example, example


@pytest.mark.parametrize("stdevs", [0.0, 0.3])
@pytest.mark.parametrize("n_samples", [1, 2, 7])
def test_any_number_of_samples_with_and_without_noise(each: Example, seed: int, n_samples: int, stdevs: float):
    arguments = {"n_samples": n_samples, "stdevs": stdevs, "return_convergence_delta": True}
    assert_same(
        lambda attr: attr.GradientShap(each.model).attribute(each.inputs, each.draw(3), **arguments, **each.explained),
        seed=seed,
        delta=True,
    )


@pytest.mark.parametrize("multiply_by_inputs", [True, False])
@pytest.mark.parametrize("baselines", [1, 4, 9])
def test_any_number_of_baselines(each: Example, seed: int, baselines: int, multiply_by_inputs: bool):
    assert_same(
        lambda attr: attr.GradientShap(each.model, multiply_by_inputs).attribute(
            each.inputs, each.draw(baselines), **each.explained
        ),
        seed=seed,
    )


@pytest.mark.parametrize("stdevs", [0.5, (0.5,)], ids=str)
def test_stdevs_as_a_number_or_a_tuple(stdevs: Any):
    one = example("recurrent")
    arguments = {"baselines": one.draw(5), "stdevs": stdevs, **one.explained}
    assert_same(lambda attr: attr.GradientShap(one.model).attribute(one.inputs, **arguments))


def test_every_input_has_its_own_spread_and_its_own_number_of_baselines(seed: int):
    two = example("two inputs", seed)
    arguments = {"baselines": two.draw(5, 2), "stdevs": (0.1, 0.7), "return_convergence_delta": True}
    assert_same(
        lambda attr: attr.GradientShap(two.model).attribute(two.inputs, **arguments, **two.explained),
        seed=seed,
        delta=True,
    )


def test_a_number_stands_for_the_baselines_of_a_later_input():
    two = example("two inputs")
    arguments = {"baselines": (two.draw(5)[0], 0.5), "stdevs": 0.1, **two.explained}
    assert_same(lambda attr: attr.GradientShap(two.model).attribute(two.inputs, **arguments))


def test_baselines_may_be_a_function_of_nothing_or_of_the_inputs():
    one = example("perceptron")
    for baselines in (lambda: one.draw(3), lambda inputs: inputs[:2] * 0.5):
        assert_same(
            lambda attr, baselines=baselines: attr.GradientShap(one.model).attribute(
                one.inputs, baselines, **one.explained
            )
        )


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_float64_and_training_mode_are_kept(name: str):
    double = example(name, dtype=torch.float64, training=True)
    arguments = {"baselines": double.draw(3), "stdevs": 0.2, "return_convergence_delta": True, **double.explained}
    assert_same(
        lambda attr: attr.GradientShap(double.model).attribute(double.inputs, **arguments),
        delta=True,
    )


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool], ids=str)
def test_integers_and_booleans_are_explained_as_floats(dtype: torch.dtype):
    one = example("perceptron")
    inputs = (one.tensors[0] * 5).clamp(0).to(dtype)
    assert_same(lambda attr: attr.GradientShap(one.model).attribute(inputs, one.draw(3), **one.explained))


def test_a_tuple_of_one_input_comes_back_as_one():
    one = example("convolutional")
    assert_same(lambda attr: attr.GradientShap(one.model).attribute((one.inputs,), (one.draw(3),), **one.explained))
