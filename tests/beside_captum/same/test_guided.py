"""Guided backpropagation and deconvolution give Captum's numbers where rectifiers are modules, each used once."""

from collections.abc import Callable
from typing import Any

import captum.attr
import pytest
import torch
from torch import Tensor, nn

import pellucid.attr
from laws.registry import close

pytestmark = [
    pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU activations"),
    pytest.mark.filterwarnings("ignore:Input Tensor . did not already require gradients"),
]

METHODS = pytest.mark.parametrize("method", ["GuidedBackprop", "Deconvolution"])


def seeded(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make().double().eval()


def perceptron() -> nn.Module:
    return nn.Sequential(
        nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3)
    )


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 2), nn.ReLU(),
        nn.Flatten(), nn.Linear(16, 3),
    )  # fmt: skip


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], tuple[int, ...]]] = {
    "perceptron": (perceptron, (5,), (2,)),
    "convolutional": (convolutional, (2, 8, 8), (1, 0, 1)),
}
models = pytest.mark.parametrize("name", MODELS)


def both(call: Callable[[Any], Tensor]) -> None:
    close((call(pellucid.attr),), (call(captum.attr).detach(),), rtol=1e-10, atol=1e-12)


@METHODS
@models
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("target", [0, [2, 0, 1], torch.tensor([1, 1, 0])], ids=["one", "list", "tensor"])
def test_of_inputs(method: str, name: str, seed: int, target: Any):
    make, shape, _ = MODELS[name]
    model, x = seeded(make, seed), torch.randn(3, *shape, generator=torch.Generator().manual_seed(seed)).double()
    both(lambda attr: getattr(attr, method)(model).attribute(x.clone(), target=target))


@METHODS
@models
@pytest.mark.parametrize("of_input", [False, True])
@pytest.mark.parametrize("layer", [2, 4])
def test_of_neurons(method: str, name: str, of_input: bool, layer: int):
    make, shape, neuron = MODELS[name]
    model, x = seeded(make, 7), torch.randn(3, *shape, generator=torch.Generator().manual_seed(7)).double()
    both(
        lambda attr: getattr(attr, f"Neuron{method}")(model, model[layer]).attribute(
            x.clone(), neuron, attribute_to_neuron_input=of_input
        )
    )


@METHODS
def test_of_several_inputs_and_more_arguments(method: str):
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.relu, self.last = nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)

        def forward(self, x: Tensor, y: Tensor, factor: float) -> Tensor:
            return self.last(self.relu(self.first(x) * y))

    model = seeded(Pair, 1)
    x, y = torch.randn(3, 4).double(), torch.randn(3, 6).double()

    def call(attr: Any) -> tuple[Tensor, ...]:
        return getattr(attr, method)(model).attribute((x.clone(), y.clone()), 1, additional_forward_args=2.0)

    close(call(pellucid.attr), tuple(each.detach() for each in call(captum.attr)), rtol=1e-10, atol=1e-12)
