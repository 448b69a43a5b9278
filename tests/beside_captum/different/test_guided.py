"""Where Captum's guided backpropagation and deconvolution are gradients, and pellucid's are not."""

from collections.abc import Callable

import captum.attr
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import pellucid.attr
from laws.registry import close

pytestmark = [
    pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU activations"),
    pytest.mark.filterwarnings("ignore:Input Tensor . did not already require gradients"),
]

METHODS = pytest.mark.parametrize("method", ["GuidedBackprop", "Deconvolution"])
X = torch.linspace(-2, 2, 24, dtype=torch.float64).reshape(4, 6)


class Net(nn.Module):
    """A rectifier between two layers."""

    def __init__(self, rectify: Callable[[Tensor], Tensor]):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 2)
        self.rectify = rectify
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.rectify(self.first(x)))


def found(attr: object, method: str, model: nn.Module, **more: object) -> Tensor:
    return getattr(attr, method)(model).attribute(X.clone(), target=1, **more).detach()


def gradient(model: nn.Module) -> Tensor:
    return pellucid.attr.Saliency(model).attribute(X, target=1, abs=False)


FUNCTIONS = {"F.relu": functional.relu, "torch.relu": torch.relu, "x.relu()": Tensor.relu}


@METHODS
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(method: str, name: str):
    """The same as of a module; Captum's is the plain gradient."""
    model = Net(FUNCTIONS[name])
    close((found(captum.attr, method, model),), (gradient(model),))
    close((found(pellucid.attr, method, model),), (found(captum.attr, method, Net(nn.ReLU())),))


@METHODS
@pytest.mark.parametrize("make", [nn.ReLU6, nn.LeakyReLU])
def test_other_rectifiers(method: str, make: Callable[[], nn.Module]):
    model = Net(make())
    close((found(captum.attr, method, model),), (gradient(model),))
    guided = found(pellucid.attr, method, model)
    hidden = model.first(X).detach().requires_grad_()
    (slope,) = torch.autograd.grad(model.rectify(hidden).sum(), hidden)
    passed = model.last.weight[1].expand(4, 8)
    expected = (passed * slope).clamp(min=0) if method == "GuidedBackprop" else passed.clamp(min=0)
    close((guided,), (expected @ model.first.weight,))


@METHODS
def test_one_module_called_twice(method: str):
    relu = nn.ReLU()
    twice, apart = Net(lambda x: relu(relu(x) - 1)), Net(lambda x: functional.relu(functional.relu(x) - 1))
    close((found(pellucid.attr, method, twice),), (found(pellucid.attr, method, apart),))


@METHODS
def test_in_place(method: str):
    close(
        (found(pellucid.attr, method, Net(nn.ReLU(inplace=True))),),
        (found(captum.attr, method, Net(nn.ReLU())),),
    )


@METHODS
def test_smooth_activations_by_choice(method: str):
    model = Net(functional.gelu)
    close((found(pellucid.attr, method, model),), (gradient(model),))
    chosen = found(pellucid.attr, method, model, activations=("gelu",))
    assert (chosen - gradient(model)).abs().max() > 0.01
