"""time_interpret: methods that subclass Captum's, or call its internals."""

from __future__ import annotations

from functools import partial
from typing import Any

import captum.attr
import torch
from tint import attr
from torch import Tensor, nn

from clients.case import Case
from clients.regressions import ROUNDED, UNFINISHED, surrogate

SERIES = torch.rand(4, 5, 3, generator=torch.Generator().manual_seed(1))
DATA = torch.rand(20, 5, 3, generator=torch.Generator().manual_seed(2))
BASELINES = torch.rand(4, 5, 3, generator=torch.Generator().manual_seed(3))


class Network(nn.Module):
    """A network of a whole series, (B, 5, 3) to (B, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(15, 8), nn.Tanh(), nn.Linear(8, 2), nn.Softmax(-1))

    def forward(self, series: Tensor) -> Tensor:
        return self.layers(series)


class Recurrent(nn.Module):
    """A network of series of any length, (B, T, 3) to (B, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRU(3, 8, batch_first=True)
        self.classes = nn.Linear(8, 2)

    def forward(self, series: Tensor) -> Tensor:
        return self.classes(self.cell(series)[0][:, -1])


class Pooled(nn.Module):
    """A network of series of any length, (B, T, 3) to (B, 2), in which time is averaged."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.Sequential(nn.Linear(3, 8), nn.Tanh())
        self.classes = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, series: Tensor) -> Tensor:
        return self.classes(self.steps(series).mean(1))


def explained(method: str, model: type[nn.Module] = Network, of: dict[str, Any] | None = None, **arguments: Any) -> Any:
    """What one of the methods answers; `of` goes to its constructor."""
    explainer = getattr(attr, method)(model().eval(), **(of or {}))
    return explainer.attribute(SERIES, target=1, **arguments)


def through_time(method: str) -> Any:
    """The attributions of a method of Captum's at all times, by `TimeForwardTunnel`."""
    tunnel = attr.TimeForwardTunnel(getattr(captum.attr, method)(Pooled().eval()))
    return tunnel.attribute(SERIES, target=1)


NEIGHBOURS = {"data": DATA, "n_neighbors": 5}
OUTLIERS = {"embeddings": DATA, "n_neighbors": 5}
DATUM = {"data": DATA, "n_sampling": 3}

CASES = {
    "LofLime": surrogate(partial(explained, "LofLime", of=OUTLIERS, n_samples=40), UNFINISHED),
    "LofKernelShap": surrogate(partial(explained, "LofKernelShap", of=OUTLIERS, n_samples=40), ROUNDED),
    "BayesLime": Case(partial(explained, "BayesLime", n_samples=40)),
    "BayesLime, baselines": Case(partial(explained, "BayesLime", n_samples=40, baselines=BASELINES)),
    "BayesKernelShap": Case(partial(explained, "BayesKernelShap", n_samples=40)),
    "Geodesic IG": Case(partial(explained, "GeodesicIntegratedGradients", of=NEIGHBOURS, baselines=BASELINES)),
    "Geodesic IG, delta": Case(
        partial(
            explained,
            "GeodesicIntegratedGradients",
            of=NEIGHBOURS,
            baselines=BASELINES,
            return_convergence_delta=True,
            internal_batch_size=7,
        )
    ),
    "Sequential IG": Case(partial(explained, "SequentialIntegratedGradients", baselines=BASELINES)),
    "Temporal IG": Case(partial(explained, "TemporalIntegratedGradients", Recurrent)),
    "Temporal IG, delta": Case(
        partial(explained, "TemporalIntegratedGradients", Recurrent, return_convergence_delta=True)
    ),
    "FeatureAblation": Case(partial(explained, "FeatureAblation")),
    "Occlusion": Case(partial(explained, "Occlusion", sliding_window_shapes=(1, 2))),
    "AugmentedOcclusion": Case(partial(explained, "AugmentedOcclusion", of=DATUM, sliding_window_shapes=(1, 1))),
    "TemporalOcclusion": Case(partial(explained, "TemporalOcclusion", Recurrent, sliding_window_shapes=(1,))),
}
CASES |= {
    f"TimeForwardTunnel, {method}": Case(partial(through_time, method))
    for method in ("Saliency", "InputXGradient", "IntegratedGradients", "FeatureAblation", "DeepLift")
}
