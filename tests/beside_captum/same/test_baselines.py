from typing import Any

import pytest
import torch
from torch import Tensor

from beside_captum.same.compare import assert_same
from zoo.architectures import Example, example

pytestmark = pytest.mark.filterwarnings("ignore:attributions do not add up")  # at steep places 50 steps are few

ONE, TWO = example("convolutional"), example("two inputs")
FOR_ONE_INPUT = {
    "none": None,
    "an int": 0,
    "a float": 1.5,
    "one for all": ONE.draw(1),
    "one for each": ONE.draw(4),
    "a tuple of one": (ONE.draw(4),),
    "a tuple of a number": (0.5,),
}
FOR_TWO_INPUTS = {
    "none": None,
    "numbers": (0, 1.5),
    "one for all": TWO.draw(1),
    "one for each": TWO.draw(4),
    "one for all and one for each": TWO.draw(1, 4),
    "a tensor and a number": (TWO.draw(4)[0], 0),
}
CASES = [
    *(pytest.param(ONE, baselines, id=f"one input, {form}") for form, baselines in FOR_ONE_INPUT.items()),
    *(pytest.param(TWO, baselines, id=f"two inputs, {form}") for form, baselines in FOR_TWO_INPUTS.items()),
]


@pytest.mark.parametrize("internal_batch_size", [None, 7])
@pytest.mark.parametrize(("case", "baselines"), CASES)
def test_integrated_gradients_starts_where_captums_does(case: Example, baselines: Any, internal_batch_size: int | None):
    arguments = {"baselines": baselines, "internal_batch_size": internal_batch_size, "return_convergence_delta": True}
    assert_same(
        lambda attr: attr.IntegratedGradients(case.model).attribute(case.inputs, **arguments, **case.explained),
        delta=True,
    )


@pytest.mark.parametrize(
    "baselines", [ONE.draw(4).long(), ONE.draw(1).sign().int(), torch.ones(1, 1, 1, 1)], ids=["int64", "int32", "one"]
)
def test_baselines_that_captum_takes_only_without_deltas(baselines: Tensor):
    assert_same(lambda attr: attr.IntegratedGradients(ONE.model).attribute(ONE.inputs, baselines, **ONE.explained))


def test_an_integer_distribution():
    baselines = (ONE.draw(3) * 2).long()
    assert_same(lambda attr: attr.GradientShap(ONE.model).attribute(ONE.inputs, baselines, **ONE.explained))


@pytest.mark.parametrize(("case", "baselines"), CASES)
def test_in_a_noise_tunnel_the_noise_leaves_baselines_alone(case: Example, baselines: Any):
    assert_same(
        lambda attr: attr.NoiseTunnel(attr.IntegratedGradients(case.model)).attribute(
            case.inputs, baselines=baselines, stdevs=0.2, nt_samples=3, **case.explained
        )
    )


@pytest.mark.parametrize(("case", "baselines"), CASES)
def test_convergence_deltas_of_any_attributions(case: Example, baselines: Any):
    attributions = case.draw(4)

    def delta(attr):
        method = attr.IntegratedGradients(case.model)
        return method.compute_convergence_delta(attributions, baselines, case.inputs, **case.explained)[:, None]

    assert_same(delta)
