"""Layers that are called for several things: which of their calls is explained, and all of them together."""

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from laws.registry import close
from pellucid import attr
from pellucid.core.problem.target import TargetLike
from pellucid.errors import InvalidArgument, NotSupported, OutOfRange
from pellucid.methods import Layer, Problem, Saliency

pytestmark = pytest.mark.filterwarnings("error")


class Siamese(nn.Module):
    """One encoder for two things."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv1d(2, 3, 2), nn.ReLU())
        self.head = nn.Linear(6, 2)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        codes = [self.encoder(each).mean(2) for each in (first, second)]
        return torch.tanh(self.head(torch.cat(codes, 1)))


BASELINES = {"baselines": (torch.zeros(3, 2, 5), torch.zeros(3, 2, 5))}
READING: dict[str, dict[str, Any]] = {
    "LayerActivation": {},
    "LayerGradientXActivation": {"target": 1},
    "LayerGradCam": {"target": 1},
    "LayerConductance": {"target": 1},
    "InternalInfluence": {"target": 1},
    "LayerGradientShap": {"target": 1, **BASELINES, "seed": 0},
    "LayerDeepLift": {"target": 1},
    "LayerDeepLiftShap": {"target": 1, **BASELINES},
    "LayerLRP": {"target": 1},
}
PUTTING_BACK: dict[str, dict[str, Any]] = {
    "LayerIntegratedGradients": {"target": 1},
    "LayerFeatureAblation": {"target": 1},
    "LayerFeaturePermutation": {"target": 1},
}
NEURONS = {
    "NeuronGradient": {},
    "NeuronIntegratedGradients": {},
    "NeuronConductance": {"target": 1},
    "NeuronDeepLift": {},
    "NeuronDeepLiftShap": BASELINES,
    "NeuronGradientShap": BASELINES | {"seed": 0},
    "NeuronGuidedBackprop": {},
    "NeuronDeconvolution": {},
    "NeuronFeatureAblation": {},
}


@pytest.fixture
def model() -> Siamese:
    torch.manual_seed(0)
    return Siamese()


@pytest.fixture
def inputs() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(3, 2, 5), torch.randn(3, 2, 5)


def explained(name: str, model: Siamese, inputs: Any, neuron_selector: TargetLike = (1, 2), **made: Any) -> Any:
    torch.manual_seed(2)
    method = getattr(attr, name)(model, "encoder", **made)
    if name in NEURONS:
        return method.attribute(inputs, neuron_selector=neuron_selector, **NEURONS[name])
    return method.attribute(inputs, **(READING | PUTTING_BACK)[name])


@pytest.mark.parametrize("name", READING)
def test_all_calls_are_each_of_them(name: str, model: Siamese, inputs: Any):
    each = tuple(explained(name, model, inputs, call=call) for call in (0, 1))
    every = explained(name, model, inputs, call="all")
    assert isinstance(every, tuple)
    close(every, each, rtol=1e-5, atol=1e-6)
    assert not torch.equal(*each)


@pytest.mark.parametrize("name", [*READING, *PUTTING_BACK, *NEURONS])
def test_who_does_not_choose_is_told_once_that_it_is_the_last(name: str, model: Siamese, inputs: Any):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        last = [explained(name, model, inputs) for _ in range(2)]
    assert ["is called 2 times" in str(each.message) for each in told].count(True) == 1
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "no gradient reaches")  # what the call does not see
        chosen = explained(name, model, inputs, call=1)
    close(last[1] if isinstance(chosen, tuple) else (last[1],), chosen if isinstance(chosen, tuple) else (chosen,))


@pytest.mark.parametrize("name", [*READING, *PUTTING_BACK])
def test_who_chooses_is_told_nothing(name: str, model: Siamese, inputs: Any):
    explained(name, model, inputs, call=0)
    explained(name, model, inputs, call=1)


@pytest.mark.parametrize("name", PUTTING_BACK)
def test_nothing_is_put_in_the_place_of_all_calls(name: str, model: Siamese, inputs: Any):
    with pytest.raises(NotSupported, match=r"call must be one call.*Hint: call=0"):
        explained(name, model, inputs, call="all")


@pytest.mark.parametrize("selector", [(1, 2), lambda output: output[:, 1, 2]], ids=["index", "callable"])
@pytest.mark.parametrize("name", NEURONS)
def test_a_neuron_is_of_one_call(name: str, selector: TargetLike, model: Siamese, inputs: Any):
    with pytest.raises(InvalidArgument, match=r"call must be one call.*Hint: call=0"):
        explained(name, model, inputs, selector, call="all")


@pytest.mark.parametrize("name", [*READING, *PUTTING_BACK, *NEURONS])
def test_there_are_only_so_many_calls(name: str, model: Siamese, inputs: Any):
    with pytest.raises(OutOfRange, match=r"call must be below the number of calls of 'encoder'.*2: got 2"):
        explained(name, model, inputs, call=2)


def test_all_calls_of_one_layer(model: Siamese, inputs: Any):
    with pytest.raises(InvalidArgument, match='call must be an integer where layer is a list: got "all"'):
        attr.LayerActivation(model, [model.encoder, model.head], call="all").attribute(inputs)


def test_deltas_of_all_calls(model: Siamese, inputs: Any):
    found, delta = attr.LayerDeepLift(model, "encoder", call="all").attribute(
        inputs, target=0, return_convergence_delta=True
    )
    assert [each.shape for each in found] == [(3, 3, 4), (3, 3, 4)]
    close(delta, torch.zeros(3), atol=1e-5)


def test_all_calls_cost_one_forward(model: Siamese, inputs: Any):
    forwards = []
    model.head.register_forward_pre_hook(lambda *_: forwards.append(1))
    problem = Problem(model, inputs, target=0, source=Layer("encoder", call="all"))
    assert len(Saliency()(problem).values) == 2
    assert len(forwards) == 1


def test_guided_grad_cam_of_a_call(inputs: Any):
    torch.manual_seed(0)
    layer = nn.Conv1d(2, 2, 1)
    model = nn.Sequential(layer, nn.ReLU(), layer, nn.Flatten(), nn.Linear(10, 2))
    first, last = (attr.GuidedGradCam(model, layer, call=call).attribute(inputs[0], target=0) for call in (0, 1))
    assert not torch.equal(first, last)
