"""Baselines that Captum does not take. Each docstring is a line of `docs/differences.md`."""

from typing import Any

import pytest
import torch

from beside_captum.different.compare import assert_answered, both
from beside_captum.same.compare import Call, assert_close, on_captum, on_pellucid, value_of
from zoo.architectures import example

CASE = example("perceptron")
BASELINES = CASE.draw(4)


def integrated(baselines: Any) -> Call:
    """The attributions of IntegratedGradients, asked for with deltas: without, Captum takes some more baselines."""
    return lambda attr: attr.IntegratedGradients(CASE.model).attribute(
        CASE.inputs, baselines, target=0, return_convergence_delta=True
    )[0]


def shap(baselines: Any, **arguments: Any) -> Call:
    """The attributions of GradientShap, likewise."""
    return lambda attr: attr.GradientShap(CASE.model).attribute(
        CASE.inputs, baselines, target=0, return_convergence_delta=True, **arguments
    )[0]


def tunnel(baselines: Any, **arguments: Any) -> Call:
    """A call of NoiseTunnel around GradientShap."""
    return lambda attr: attr.NoiseTunnel(attr.GradientShap(CASE.model)).attribute(
        CASE.inputs, target=0, baselines=baselines, **arguments
    )


@pytest.mark.parametrize(
    ("baselines", "expected", "same"),
    [
        (BASELINES[:, :1], AssertionError, BASELINES[:, :1].expand(4, 6)),
        (torch.ones(1, 1), AssertionError, 1),
        ((None,), AssertionError, None),
        (BASELINES.double(), RuntimeError, BASELINES),
        ((BASELINES * 3).long(), RuntimeError, (BASELINES * 3).trunc()),
        (True, RuntimeError, 1),
    ],
    ids=["one feature", "one number", "None in a tuple", "float64", "integers", "a truth value"],
)
def test_baselines_that_can_be_made_to_fit(baselines: Any, expected: type[Exception], same: Any):
    """Baselines that broadcast over features, of another dtype, or None in a tuple: Captum raises; made to fit."""
    assert_answered(integrated(baselines), expected, integrated(same))


def test_baselines_do_not_set_the_dtype_of_the_result():
    """float64 baselines of float32 inputs, if the model takes them: Captum returns float64; float32, as the inputs."""

    def call(attr):
        return attr.IntegratedGradients(lambda x: x.sin().sum(1)).attribute(CASE.inputs, BASELINES.double())

    captums, ours = both(call)
    assert captums.dtype == torch.float64
    assert ours.dtype == torch.float32
    assert_close(ours, captums, dtypes=False)


@pytest.mark.parametrize("dtype", [torch.float64, torch.int64], ids=str)
def test_a_distribution_of_another_dtype(dtype: torch.dtype):
    """A distribution of another dtype than the inputs: Captum raises RuntimeError; it is converted."""
    whole = (BASELINES * 3).round()
    assert_answered(shap(whole.to(dtype)), RuntimeError, shap(whole))


@pytest.mark.parametrize("count", [2, 3, 9])
def test_a_distribution_of_any_size_in_a_noise_tunnel(count: int):
    """A noise tunnel around GradientShap: Captum raises unless there are 1 or B baselines; any distribution."""
    baselines = CASE.draw(count)
    assert type(on_captum(tunnel(baselines)).error) is AssertionError
    found = value_of(on_pellucid(tunnel(baselines, stdevs=0.0, nt_samples=400)))
    right = value_of(on_captum(shap(baselines, n_samples=2000)))
    assert (found - right).abs().max() < 0.05 * right.abs().max()


def test_a_function_as_distribution_in_a_noise_tunnel():
    """The same with a function as baselines: Captum raises AssertionError; it is asked."""
    assert_answered(tunnel(lambda: BASELINES[:1]), AssertionError, tunnel(BASELINES[:1]))
