"""What was learnt of a model is not held against what it has become, and models come in forms that cannot be known."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid import attr


def data() -> Tensor:
    return torch.randn(3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4, bias=False)
        self.dim = -1
        with torch.no_grad():
            self.first.weight.copy_(torch.eye(4))
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.first(x).softmax(self.dim) * x
        return found


class Plain:
    """A model that is no module."""

    centred = False

    def __call__(self, x: Tensor) -> Tensor:
        return ((x - x.mean(0).square()) if self.centred else x) ** 3


def turn(model: Any) -> None:
    model.dim = -2


def register(model: Any) -> None:
    model.first.register_forward_hook(lambda module, arguments, output: output - output.mean(0).square())


def centre(model: Any) -> None:
    model.centred = True


@pytest.mark.parametrize(("make", "change"), [(Net, turn), (Net, register), (Plain, centre)])
def test_rows_come_to_meet(make: Callable[[], Any], change: Callable[[Any], None]):
    found = []
    for before in (True, False):
        model = make()
        if before:
            attr.IntegratedGradients(model).attribute(data(), target=0)
        change(model)
        found.append(attr.IntegratedGradients(model).attribute(data(), target=0))
    torch.testing.assert_close(*found)


@dataclasses.dataclass(frozen=True)
class Holding:
    """A model that has no hash, as it holds a list."""

    weights: list[Tensor]

    def __call__(self, x: Tensor) -> Tensor:
        return (x @ self.weights[0]).square()


def recursive() -> Callable[[Tensor], Tensor]:
    """A function that closes over what is not there yet."""

    def model(x: Tensor) -> Tensor:
        return x.square() if len(x) else later(x)

    if not model:
        later = model
    return model


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyLinear(3), nn.Tanh(), nn.LazyLinear(2)).double()


@pytest.mark.parametrize("make", [lambda: Holding([torch.eye(4).double()]), recursive, lazy])
def test_models_of_which_little_can_be_known(make: Callable[[], Any]):
    model, x = make(), data()
    found = attr.IntegratedGradients(model).attribute(x, target=0)
    difference = (model(x) - model(torch.zeros_like(x)))[:, 0]
    torch.testing.assert_close(found.sum(1), difference.detach())
    attr.ShapleyValues(model).attribute(x, target=0)
