"""The methods that play games, with budgets at which they are exact."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from pellucid import attr
from pellucid.methods import Lasso


def alike(*given: Any, **named: Any) -> float:
    return 1.0


GAMES: dict[str, Callable[..., Tensor]] = {
    "FeatureAblation": lambda model, x, **more: attr.FeatureAblation(model).attribute(x, **more),
    "Occlusion": lambda model, x, **more: attr.Occlusion(model).attribute(x, (1,), **more),
    "ShapleyValues": lambda model, x, **more: attr.ShapleyValues(model).attribute(x, **more),
    "ShapleyValueSampling": lambda model, x, **more: attr.ShapleyValueSampling(model).attribute(x, seed=0, **more),
    "KernelShap": lambda model, x, **more: attr.KernelShap(model).attribute(x, seed=0, n_samples=60, **more),
    "KernelShap-auto": lambda model, x, **more: attr.KernelShap(model).attribute(
        x, seed=0, n_samples=60, sampling="auto", **more
    ),
    "Lime": lambda model, x, **more: attr.Lime(model, Lasso(alpha=0.0), alike).attribute(
        x, seed=0, n_samples=60, **more
    ),
}
