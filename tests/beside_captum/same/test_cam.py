"""Class activation maps are Captum's where channels come second, in one, two and three dimensions of space."""

import itertools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from beside_captum.same.compare import assert_same, assert_same_exception
from matrices import in_turn


class Pair(nn.Module):
    """Returns two tensors, or one in a tuple."""

    def __init__(self, alone: bool = False):
        super().__init__()
        self.alone = alone

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (torch.tanh(x),) if self.alone else (torch.tanh(x), torch.sigmoid(x))


class WithPair(nn.Module):
    def __init__(self, alone: bool = False):
        super().__init__()
        self.first, self.pair, self.last = nn.Conv2d(2, 4, 3), Pair(alone), nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        found = self.pair(self.first(x))
        return self.last((found[0] * found[-1]).flatten(1))


class TwoImages(nn.Module):
    """Two images of different sizes and a number for each example."""

    def __init__(self):
        super().__init__()
        self.first, self.relu, self.last = nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Linear(4, 3)

    def forward(self, x: Tensor, y: Tensor, factor: Tensor) -> Tensor:
        both = self.relu(self.first(x)).mean((2, 3)) + self.relu(self.first(y)).amax((2, 3))
        return self.last(both) * factor[:, None]


def convolutional(conv: Any, pool: Any, norm: Any, size: int) -> nn.Module:
    return nn.Sequential(
        conv(2, 4, 3, padding=1), norm(4), nn.ReLU(), pool(2), conv(4, 6, 2), nn.ReLU(), nn.Flatten(),
        nn.Linear(size, 3),
    )  # fmt: skip


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "1d": (lambda: convolutional(nn.Conv1d, nn.MaxPool1d, nn.BatchNorm1d, 18), (2, 8)),
    "2d": (lambda: convolutional(nn.Conv2d, nn.AvgPool2d, nn.BatchNorm2d, 24), (2, 6, 7)),
    "3d": (lambda: convolutional(nn.Conv3d, nn.MaxPool3d, nn.BatchNorm3d, 12), (2, 4, 4, 6)),
    "linear": (lambda: nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)), (5,)),
}
PLACES = [(name, layer) for name in ("1d", "2d", "3d") for layer in range(6)] + [("linear", i) for i in range(4)]


def seeded(name: str, seed: int) -> tuple[nn.Module, Tensor]:
    make, shape = MODELS[name]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make().double().eval(), torch.randn(3, *shape).double()


@pytest.mark.parametrize(
    ("name", "layer", "seed", "of_input"), in_turn(PLACES, itertools.product([0, 1], [False, True]), quick=2)
)
@pytest.mark.parametrize(
    "settings", [{}, {"relu_attributions": True}, {"attr_dim_summation": False}], ids=["", "relu", "channels"]
)
def test_of_a_layer(settings: dict[str, bool], name: str, layer: int, seed: int, of_input: bool):
    model, x = seeded(name, seed)

    def call(attr: ModuleType) -> Tensor:
        cam = attr.LayerGradCam(model, model[layer])
        return cam.attribute(x.clone(), [2, 0, 1], attribute_to_layer_input=of_input, **settings).detach()

    assert_same(call)


@pytest.mark.parametrize("target", [0, [2, 0, 1], torch.tensor([1, 1, 0]), torch.tensor(2)], ids=str)
@pytest.mark.parametrize("method", ["LayerGradCam", "GuidedGradCam"])
def test_targets(method: str, target: Any):
    model, x = seeded("2d", 5)
    assert_same(lambda attr: getattr(attr, method)(model, model[4]).attribute(x.clone(), target).detach())


@pytest.mark.parametrize("of_input", [False, True])
@pytest.mark.parametrize(("name", "layer"), [place for place in PLACES if place[0] != "linear"])
@pytest.mark.parametrize("seed", range(2))
def test_guided(name: str, layer: int, seed: int, of_input: bool):
    model, x = seeded(name, seed)

    def call(attr: ModuleType) -> Tensor:
        cam = attr.GuidedGradCam(model, model[layer])
        return cam.attribute(x.clone(), [2, 0, 1], attribute_to_layer_input=of_input).detach()

    assert_same(call)


MODES = {
    "1d": ["nearest", "linear", "area"],
    "2d": ["nearest", "bilinear", "bicubic", "area", "nearest-exact"],
    "3d": ["nearest", "trilinear", "area"],
}


@pytest.mark.parametrize(("name", "mode"), [(name, mode) for name, modes in MODES.items() for mode in modes])
def test_interpolation(name: str, mode: str):
    model, x = seeded(name, 3)
    assert_same(lambda attr: attr.GuidedGradCam(model, model[3]).attribute(x.clone(), 1, None, mode).detach())


def with_pair(alone: bool) -> tuple[nn.Module, Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return WithPair(alone).double().eval(), torch.randn(3, 2, 6, 6).double()


@pytest.mark.parametrize("alone", [False, True])
def test_a_layer_of_tuples(alone: bool):
    model, x = with_pair(alone)

    def call(attr: ModuleType) -> Any:
        found = attr.LayerGradCam(model, model.pair).attribute(x.clone(), 1)
        return found.detach() if alone else tuple(each.detach() for each in found)

    assert_same(call)


def test_guided_by_a_layer_of_tuples():
    model, x = with_pair(alone=True)
    assert_same(lambda attr: attr.GuidedGradCam(model, model.pair).attribute(x.clone(), 1).detach())
    model, x = with_pair(alone=False)
    assert_same_exception(lambda attr: attr.GuidedGradCam(model, model.pair).attribute(x.clone(), 1), AssertionError)


@pytest.mark.parametrize("method", ["LayerGradCam", "GuidedGradCam"])
def test_several_inputs_and_more_arguments(method: str):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, factor = TwoImages().double().eval(), torch.randn(3).double()
        inputs = torch.randn(3, 2, 6, 6).double(), torch.randn(3, 2, 9, 5).double()

    def call(attr: ModuleType) -> Any:
        found = getattr(attr, method)(model, model.first).attribute(
            tuple(each.clone() for each in inputs), 1, additional_forward_args=factor
        )
        return tuple(each.detach() for each in found) if isinstance(found, tuple) else found.detach()

    assert_same(call)


def test_float32_and_a_tuple_of_one():
    model, x = seeded("2d", 1)
    model, x = model.float(), x.float()
    assert_same(lambda attr: attr.LayerGradCam(model, model[0]).attribute((x.clone(),), 1).detach())
    assert_same(lambda attr: tuple(e.detach() for e in attr.GuidedGradCam(model, model[0]).attribute((x.clone(),), 1)))


def test_resized_maps():
    model, x = seeded("2d", 1)

    def call(attr: ModuleType) -> Tensor:
        found = attr.LayerGradCam(model, model[4]).attribute(x.clone(), 1)
        return attr.LayerAttribution.interpolate(found, (6, 7), "bilinear").detach()

    assert_same(call)
