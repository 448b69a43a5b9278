"""LIME, Kernel SHAP and Shapley values agree with their slow and obvious versions, at inputs and inside models."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from laws.baselines import by_example
from laws.registry import close
from pellucid import attr, methods
from pellucid.attr.lime import get_exp_kernel_similarity_function
from pellucid.methods import Lasso, Layer, Problem
from reference.by_example import EXAMPLES, examples, together
from reference.games import bare, masks_of, one_by_one
from reference.shapley import all_orders, shapley
from reference.slow import Inputs
from reference.surrogates import all_coalitions, captum_coalitions, coins, exponential_kernel, kernel_shap, lime
from zoo.specimens import SPECIMENS, Specimen

FEATURES = 4
on_every_model = pytest.mark.parametrize("specimen", SPECIMENS.values(), ids=lambda specimen: specimen.name)
on_some_models = pytest.mark.parametrize(
    "specimen", [SPECIMENS[name] for name in ("cnn", "lstm", "two-inputs")], ids=lambda specimen: specimen.name
)
masked = pytest.mark.parametrize("each_its_own", [False, True], ids=["one mask", "a mask for each example"])


def mask_of(specimen: Specimen, each_its_own: bool) -> tuple[Any, Any]:
    """A mask with every feature in every example: as it is given, and for all examples."""
    masks = masks_of(specimen, FEATURES, each_its_own=each_its_own)
    for row in range(EXAMPLES):  # so that all numbers are there
        masks[0][row].view(-1)[:FEATURES] = torch.arange(FEATURES)
    return bare(masks if each_its_own else tuple(each[:1] for each in masks)), masks


def found_by(attribution: Any, specimen: Specimen, given: Any, **more: Any) -> tuple[Tensor, ...]:
    inputs = specimen.inputs(EXAMPLES)
    found = attribution.attribute(
        bare(inputs), bare(by_example(inputs)), feature_mask=given, **specimen.arguments(EXAMPLES), **more
    )
    return found if isinstance(found, tuple) else (found,)


@on_every_model
@masked
def test_kernel_shap_of_all_coalitions(specimen: Specimen, each_its_own: bool):
    given, masks = mask_of(specimen, each_its_own)
    every = all_coalitions(range(FEATURES))
    expected = one_by_one(specimen, lambda *part: kernel_shap(*part, FEATURES, every), masks)
    found = found_by(attr.KernelShap(specimen.model()), specimen, given, n_samples=16, sampling="auto")
    close(found, expected, rtol=1e-8, atol=1e-9)
    close(one_by_one(specimen, lambda *part: shapley(*part, all_orders(part[-1])), masks), expected, atol=1e-9)


@on_some_models
@masked
@pytest.mark.parametrize("samples", [25, 40])
def test_kernel_shap_of_captum_s_coalitions(specimen: Specimen, each_its_own: bool, samples: int):
    given, masks = mask_of(specimen, each_its_own)
    torch.manual_seed(3)
    expected = one_by_one(
        specimen, lambda *part: kernel_shap(*part, FEATURES, captum_coalitions(FEATURES, samples)), masks
    )
    torch.manual_seed(3)
    found = found_by(attr.KernelShap(specimen.model()), specimen, given, n_samples=samples)
    close(found, expected, rtol=1e-8, atol=1e-9)


@on_every_model
@masked
def test_lime_with_a_seed(specimen: Specimen, each_its_own: bool):
    given, masks = mask_of(specimen, each_its_own)
    drawn = coins(FEATURES, 20, torch.Generator().manual_seed(6))
    weigh = exponential_kernel("cosine", 1.0)
    expected = one_by_one(specimen, lambda *part: lime(*part, FEATURES, drawn, weigh, 0.001), masks)
    found = found_by(attr.Lime(specimen.model(), Lasso(alpha=0.001)), specimen, given, n_samples=20, seed=6)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)


@on_some_models
@masked
@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_lime_with_a_global_seed(specimen: Specimen, each_its_own: bool, distance: Any):
    given, masks = mask_of(specimen, each_its_own)
    weigh = exponential_kernel(distance, 2.0)
    torch.manual_seed(4)
    expected = one_by_one(specimen, lambda *part: lime(*part, FEATURES, coins(FEATURES, 15), weigh, 0.01), masks)
    torch.manual_seed(4)
    similarity = get_exp_kernel_similarity_function(distance, 2.0)
    found = found_by(attr.Lime(specimen.model(), Lasso(), similarity), specimen, given, n_samples=15)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)


def test_lime_of_a_loss_is_that_of_the_batch_as_one_example():
    (x,) = SPECIMENS["reused"].inputs(EXAMPLES)
    model = SPECIMENS["reused"].model()
    mask = [torch.arange(4).expand(EXAMPLES, 4)]

    def loss(x: Tensor) -> Tensor:
        return model(x)[:, 1].square().mean()

    drawn = coins(4, 30, torch.Generator().manual_seed(2))
    (expected,) = lime(
        lambda point: loss(*point), [x], [x * 0], mask, 4, drawn, exponential_kernel("cosine", 1.0), 0.002
    )
    found = attr.Lime(loss, Lasso(alpha=0.002)).attribute(x, n_samples=30, seed=2)
    torch.testing.assert_close(found, expected[:1], rtol=1e-6, atol=1e-8)


class Heads(nn.Module):
    """Attention whose heads lie side by side in what `mix` takes."""

    def __init__(self) -> None:
        super().__init__()
        self.keys, self.queries, self.values = (nn.Linear(6, 8) for _ in range(3))
        self.mix, self.last = nn.Linear(8, 6), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        k, q, v = (layer(x).unflatten(2, (4, 2)).transpose(1, 2) for layer in (self.keys, self.queries, self.values))
        heads = (q @ k.mT / 2**0.5).softmax(3) @ v
        return self.behind(heads.transpose(1, 2).flatten(2))

    def behind(self, heads: Tensor) -> Tensor:
        return self.last(torch.tanh(self.mix(heads)).mean(1))[:, 0]


class Pictures(nn.Module):
    """A convolution, and what comes after it."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.last = nn.Conv2d(1, 4, 2), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.behind(self.features(x))

    def behind(self, features: Tensor) -> Tensor:
        return torch.tanh(self.last(features.relu().flatten(1)))[:, 0]


class Hidden(nn.Module):
    """A hidden layer of four units, and what comes after it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(5, 4), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.behind(self.first(x))

    def behind(self, hidden: Tensor) -> Tensor:
        return self.last(hidden.sigmoid() * hidden)[:, 0].exp()


INSIDE = {
    "channels of a convolution": (Pictures, (1, 3, 3), Layer("features"), torch.arange(4).view(1, 4, 1, 1)),
    "attention heads": (Heads, (5, 6), Layer("mix", "input"), torch.arange(8).view(1, 1, 8) // 2),
    "hidden units": (Hidden, (5,), Layer("first"), torch.arange(4).view(1, 4)),
}
inside_models = pytest.mark.parametrize(("make", "shape", "place", "mask"), INSIDE.values(), ids=INSIDE)

SLOW: dict[str, tuple[Any, Callable[..., Inputs]]] = {
    "Shapley values": (methods.ShapleyValues(), lambda *part: shapley(*part, all_orders(part[-1]))),
    "KernelShap": (methods.KernelShap(), lambda *part: kernel_shap(*part, 4, all_coalitions(range(4)))),
    "Lime": (
        methods.Lime(
            n_samples=24,
            interpretable_model=Lasso(alpha=1e-3),
            similarity_func=methods.ExponentialKernel("euclidean", 3),
            seed=5,
        ),
        lambda *part: lime(
            *part, 4, coins(4, 24, torch.Generator().manual_seed(5)), exponential_kernel("euclidean", 3), 1e-3
        ),
    ),
}


@inside_models
@pytest.mark.parametrize("name", SLOW)
def test_inside_models(make: Any, shape: Any, place: Layer, mask: Tensor, name: str):
    torch.manual_seed(0)
    model, x = make().double().eval(), torch.randn(EXAMPLES, *shape, dtype=torch.float64)
    method, slowly = SLOW[name]
    found = method(Problem(model, x, source=place), feature_mask=mask).values[0]
    there = attr.LayerActivation(model, place.module).attribute(x, attribute_to_layer_input=place.side == "input")
    masks = mask.expand_as(there[:1]).contiguous()
    parts = [slowly(lambda p: model.behind(*p)[0], [e], [e * 0], [masks]) for (e,) in examples((there,))]
    (expected,) = together(parts)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)
