"""Where Captum's maps are not of places, are none, or are made of plain gradients, and pellucid's are what they say."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import captum.attr
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import pellucid.attr
from beside_captum.different.compare import assert_named, both
from laws.registry import close

X = torch.randn(2, 2, 6, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def seeded(make: Callable[[], nn.Module]) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make().double().eval()


class Tokens(nn.Module):
    """An image's four patches, seven channels each, and a class token before them or none; or a grid of them."""

    def __init__(self, form: str):
        super().__init__()
        self.form, self.embed = form, nn.Conv2d(2, 7, 3, stride=3)
        self.layer, self.head = nn.Linear(7, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.embed(x).permute(0, 2, 3, 1)
        if self.form != "grid":
            patches = patches.flatten(1, 2)
        if self.form == "class token":
            patches = torch.cat([patches.mean(1, keepdim=True), patches], 1)
        return self.head(self.layer(patches).tanh().flatten(1, -2).sum(1))


@pytest.mark.parametrize(
    ("form", "theirs"), [("tokens", (2, 1, 5)), ("class token", (2, 1, 5)), ("grid", (2, 1, 2, 5))]
)
def test_tokens_and_channels_last(form: str, theirs: tuple[int, ...]):
    """Captum averages over channels and adds up tokens, or rows; the map has as many places as there are channels."""
    model = seeded(lambda: Tokens(form))
    found, ours = both(lambda attr: attr.LayerGradCam(model, model.layer).attribute(X.clone(), 1))
    assert found.shape == theirs
    assert ours.shape == (2, 1, 2, 2)
    activation = model.layer(model.embed(X).permute(0, 2, 3, 1)).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model.head(activation.tanh().sum((1, 2)))[:, 1].sum(), activation)
    if form != "class token":
        close((ours[:, 0],), ((activation.detach() * gradient.mean((1, 2), keepdim=True)).sum(3),))


class Net(nn.Module):
    def __init__(self, first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor]):
        super().__init__()
        self.conv, self.first, self.layer, self.second = nn.Conv2d(2, 4, 3), first, nn.Conv2d(4, 4, 3), second
        self.head = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.layer(self.first(self.conv(x)))).flatten(1))


def guided(attr: ModuleType, model: nn.Module) -> Tensor:
    return attr.GuidedGradCam(model, model.layer).attribute(X.clone(), 1).detach()


captum_warns = [
    pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU activations"),
    pytest.mark.filterwarnings("ignore:Input Tensor . did not already require gradients"),
]


class TestGuided:
    pytestmark = captum_warns

    def test_rectifiers_that_are_functions(self):
        modules, functions = seeded(lambda: Net(nn.ReLU(), nn.ReLU())), seeded(lambda: Net(functional.relu, torch.relu))
        assert (guided(captum.attr, functions) - guided(captum.attr, modules)).abs().max() > 1e-5
        close((guided(pellucid.attr, functions),), (guided(captum.attr, modules),))

    def test_other_rectifiers(self):
        model = seeded(lambda: Net(nn.LeakyReLU(), nn.LeakyReLU()))
        plain = pellucid.attr.Saliency(model).attribute(X, 1, abs=False)
        sharp = pellucid.attr.GuidedBackprop(model).attribute(X, 1)
        cam = pellucid.attr.LayerGradCam(model, model.layer).attribute(X, 1, relu_attributions=True)
        resized = functional.interpolate(cam, X.shape[2:])
        close((guided(captum.attr, model),), (plain * resized,))
        close((guided(pellucid.attr, model),), (sharp * resized,))


def net() -> Any:
    return seeded(lambda: Net(nn.ReLU(), nn.ReLU()))


def test_a_function_as_model():
    model = net()
    with pytest.raises(AssertionError):
        captum.attr.GuidedGradCam(lambda x: model(x), model.layer)
    found = pellucid.attr.GuidedGradCam(lambda x: model(x), model.layer).attribute(X, 1)
    close((found,), (guided(pellucid.attr, model),))


def test_layers_without_space_have_no_guided_map():
    model = net()
    found = both(lambda attr: attr.LayerGradCam(model, model.head).attribute(X.clone(), 1))
    close((found[1],), (found[0].detach(),))
    assert_named(lambda attr: attr.GuidedGradCam(model, model.head).attribute(X.clone(), 1), None, "layer must have")


def test_an_interpolation_that_there_is_not():
    model = net()

    def call(attr: ModuleType) -> Any:
        return attr.GuidedGradCam(model, model.layer).attribute(X.clone(), 1, interpolate_mode="linear")

    assert_named(call, None, "interpolate_mode")


class Shaped(nn.Module):
    def __init__(self, form: Callable[[Tensor], Any]):
        super().__init__()
        self.form = form

    def forward(self, x: Tensor) -> Any:
        return self.form(x)


class WithLayer(nn.Module):
    def __init__(self, form: Callable[[Tensor], Any], back: Callable[[Any], Tensor]):
        super().__init__()
        self.conv, self.layer, self.back = nn.Conv2d(2, 4, 3), Shaped(form), back

    def forward(self, x: Tensor) -> Tensor:
        return self.back(self.layer(self.conv(x).tanh())).flatten(1).square()[:, :3]


def test_layers_of_dicts_and_lists_of_layers():
    plain = seeded(lambda: WithLayer(lambda x: x, lambda x: x))
    named = seeded(lambda: WithLayer(lambda x: {"x": x, "n": 3}, lambda found: found["x"]))
    expected = captum.attr.LayerGradCam(plain, plain.layer).attribute(X.clone(), 1).detach()
    with pytest.raises(AssertionError):
        captum.attr.LayerGradCam(named, named.layer).attribute(X.clone(), 1)
    found = pellucid.attr.LayerGradCam(named, named.layer).attribute(X, 1)
    close((found["x"],), (expected,))
    assert found["n"] is None
    model = net()
    layers = [model.layer, model.second]
    with pytest.raises(AttributeError):
        captum.attr.LayerGradCam(model, layers).attribute(X.clone(), 1)
    both_maps = pellucid.attr.LayerGradCam(model, layers).attribute(X, 1)
    assert [each.shape for each in both_maps] == [(2, 1, 2, 2)] * 2


def test_a_layer_of_one_number_for_each_example():
    model = seeded(lambda: WithLayer(lambda x: x.sum((1, 2, 3)), lambda x: x[:, None].expand(-1, 3)))
    with pytest.raises(IndexError):
        captum.attr.LayerGradCam(model, model.layer).attribute(X.clone(), 1)
    assert pellucid.attr.LayerGradCam(model, model.layer).attribute(X, 1).shape == (2, 1)
