"""Models and inputs that Captum cannot explain. Each docstring is a line of `docs/differences.md`."""

from typing import Any

import pytest
import torch

import pellucid.attr
from beside_captum.different.compare import assert_answered
from beside_captum.same.compare import assert_close, on_captum, on_pellucid, value_of
from pellucid.errors import PellucidWarning
from zoo.architectures import example

CASE, TWO = example("perceptron"), example("two inputs")
METHODS = ["Saliency", "InputXGradient", "IntegratedGradients", "GradientShap"]


def attributed(name: str, model: Any, inputs: Any = None, **arguments: Any) -> Any:
    """A call of a method, GradientShap from two baselines of the six features."""
    baselines = {"baselines": CASE.draw(2)} if name == "GradientShap" else {}
    return lambda attr: getattr(attr, name)(model).attribute(
        CASE.inputs if inputs is None else inputs, **baselines, **arguments
    )


@pytest.mark.parametrize("name", METHODS)
def test_one_number_for_the_batch(name: str):
    """A model that returns a tensor of no dimension: Captum raises IndexError; it is the value of the whole batch."""
    right = attributed(name, lambda x: x.sin().sum(1))
    assert_answered(attributed(name, lambda x: x.sin().sum()), IndexError, right)


@pytest.mark.parametrize("name", METHODS[:3])
def test_an_input_that_the_model_does_not_use(name: str):
    """An input that the output does not depend on: Captum raises RuntimeError; zeros, with a PellucidWarning."""
    call = attributed(name, lambda a, b: a.sin().flatten(1).sum(1), TWO.inputs)
    assert type(on_captum(call).error) is RuntimeError
    with pytest.warns(PellucidWarning, match=r"does not depend on inputs\[1\]"):
        used, unused = call(pellucid.attr)
    assert_close(used, value_of(on_captum(attributed(name, lambda a: a.sin().flatten(1).sum(1), TWO.inputs[0]))))
    assert torch.equal(unused, torch.zeros(4, 4))


@pytest.mark.parametrize("name", METHODS)
def test_inside_inference_mode(name: str):
    """Inside `torch.inference_mode`: Captum raises RuntimeError; attributed as outside of it."""
    outside = attributed(name, CASE.model, target=0)

    def inside(attr):
        with torch.inference_mode():
            return outside(attr)

    assert_answered(inside, RuntimeError, outside)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["GradientShap", "NoiseTunnel"])
def test_a_model_in_half_precision(name: str, dtype: torch.dtype):
    """GradientShap and NoiseTunnel on a model in half precision: Captum feeds it float32 and raises; its own dtype."""
    case = example("perceptron", dtype=dtype)

    def call(attr, x):
        if name == "NoiseTunnel":
            return attr.NoiseTunnel(attr.InputXGradient(case.model)).attribute(x, target=0, stdevs=0.5)
        return attr.GradientShap(case.model).attribute(x, torch.zeros_like(x), target=0, stdevs=0.5)

    assert type(on_captum(lambda attr: call(attr, case.inputs)).error) is RuntimeError
    found = value_of(on_pellucid(lambda attr: call(attr, case.inputs)))
    assert found.dtype == dtype
    case.model.float()
    right = value_of(on_captum(lambda attr: call(attr, case.inputs.float())))
    assert_close(found, right, dtypes=False, tolerance=4 * torch.finfo(dtype).eps)


def test_booleans_as_inputs():
    """Booleans as inputs of integrated gradients: Captum raises RuntimeError; explained as floats, like integers."""
    inputs = CASE.inputs > 0
    call, same = (attributed("IntegratedGradients", CASE.model, x, target=0) for x in (inputs, inputs.long()))
    assert_answered(call, RuntimeError, same)


def test_a_users_own_method_in_a_noise_tunnel():
    """A user's own class in a noise tunnel: Captum raises AttributeError without `attribute.__wrapped__`; taken."""

    def call(attr, *, marked=False):
        class Squares(attr.Attribution):
            def attribute(self, inputs):
                return inputs**2

            if marked:
                attribute.__wrapped__ = attribute

        return attr.NoiseTunnel(Squares(CASE.model)).attribute(CASE.inputs)

    assert_answered(call, AttributeError, lambda attr: call(attr, marked=True))
