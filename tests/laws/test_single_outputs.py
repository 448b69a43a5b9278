"""An output (B, 1) holds one value per example, as one (B,) does."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pellucid import attr, methods
from pellucid.methods import Problem

X = torch.rand(3, 2, 4, generator=torch.Generator().manual_seed(1))
MASK = torch.tensor([[[0, 1, 2, 0], [2, 1, 2, 1]]])
GROUPS = torch.tensor([[[0, 1, 0, 0], [0, 1, 0, 1]]])


def alone(x: Tensor) -> Tensor:
    return (x.flatten(1) * torch.arange(8.0)).sum(1) ** 2


def single(x: Tensor) -> Tensor:
    return alone(x)[:, None]


GAMES = {
    "FeatureAblation": methods.FeatureAblation(),
    "ShapleyValues": methods.ShapleyValues(),
    "ShapleyValueSampling": methods.ShapleyValueSampling(seed=1),
    "ShapleyValueSampling to a tolerance": methods.ShapleyValueSampling(n_samples="auto", tolerance=50.0, seed=1),
    "BanzhafValues": methods.BanzhafValues(),
    "BanzhafValueSampling": methods.BanzhafValueSampling(seed=1),
    "OwenValues": methods.OwenValues(groups=GROUPS),
    "OwenValueSampling": methods.OwenValueSampling(groups=GROUPS, seed=1),
    "ShapleyInteractions": methods.ShapleyInteractions(),
    "ShapleyInteractionSampling": methods.ShapleyInteractionSampling(seed=1),
    "KernelShap": methods.KernelShap(seed=1),
    "Lime": methods.Lime(seed=1),
}


@pytest.mark.parametrize("method", GAMES.values(), ids=GAMES)
def test_methods_take_it_for_one_value(method: Any):
    one, other = (method(Problem(model, X), feature_mask=MASK) for model in (single, alone))
    for name in ("values", "stderr"):
        left, right = getattr(one, name, None), getattr(other, name, None)
        assert type(left) is type(right)
        if left is not None:
            for a, b in zip(*(each if isinstance(each, tuple) else (each,) for each in (left, right)), strict=True):
                assert a.shape == b.shape
                torch.testing.assert_close(a, b)


@pytest.mark.parametrize("name", ["ShapleyValues", "ShapleyValueSampling"])
def test_captums_shapley_values_keep_the_dimension(name: str):
    more = {} if name == "ShapleyValues" else {"seed": 1}
    found, expected = (getattr(attr, name)(model).attribute(X, feature_mask=MASK, **more) for model in (single, alone))
    assert found.shape == (3, 1, 2, 4)
    torch.testing.assert_close(found[:, 0], expected)
    pair = getattr(attr, name)(lambda x, y: single(x + y)).attribute((X, X), feature_mask=(MASK, MASK + 3), **more)
    assert [each.shape for each in pair] == [(3, 1, 2, 4)] * 2
    assert getattr(attr, name)(single).attribute(X, target=0, feature_mask=MASK, **more).shape == (3, 2, 4)
