"""Tutorials: five worked ones and the first steps, from the data to the attributions, as a user pastes them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
from captum.attr import (
    DeepLift,
    DeepLiftShap,
    FeatureAblation,
    GradientShap,
    IntegratedGradients,
    LayerConductance,
    LayerFeatureAblation,
    LayerIntegratedGradients,
    NeuronConductance,
    NeuronFeatureAblation,
    NeuronIntegratedGradients,
    NoiseTunnel,
)
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional

from clients import data_sets
from clients.case import Case

Attributions = dict[str, Tensor | tuple[Tensor, Tensor]]


def getting_started() -> Attributions:
    """A network of two layers with given weights."""
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    net[0].weight = nn.Parameter(torch.arange(-4.0, 5.0).view(3, 3))
    net[0].bias = nn.Parameter(torch.zeros(1, 3))
    net[2].weight = nn.Parameter(torch.arange(-3.0, 3.0).view(2, 3))
    net[2].bias = nn.Parameter(torch.ones(1, 2))
    net.eval()
    torch.manual_seed(123)
    np.random.seed(123)
    input = torch.rand(2, 3)
    baseline = torch.zeros(2, 3)

    ig = IntegratedGradients(net)
    shown = {"ig": ig.attribute(input, baseline, target=0, return_convergence_delta=True)}
    baseline_dist = torch.randn(10, 3) * 0.001
    shown["gs"] = GradientShap(net).attribute(
        input, stdevs=0.09, n_samples=4, baselines=baseline_dist, target=0, return_convergence_delta=True
    )
    shown["dl"] = DeepLift(net).attribute(input, baseline, target=0, return_convergence_delta=True)
    shown["dls"] = DeepLiftShap(net).attribute(input, baseline_dist, target=0, return_convergence_delta=True)
    shown["nt"] = NoiseTunnel(ig).attribute(
        input,
        nt_type="smoothgrad",
        stdevs=0.02,
        nt_samples=4,
        baselines=baseline,
        target=0,
        return_convergence_delta=True,
    )
    shown["nc"] = NeuronConductance(net, net[0]).attribute(input, neuron_selector=1, target=0)
    shown["lc"] = LayerConductance(net, net[0]).attribute(
        input, baselines=baseline, target=0, return_convergence_delta=True
    )
    return shown


def titanic() -> Attributions:
    """Who survived: 12 features, two hidden layers of sigmoids."""
    data, labels = data_sets.titanic()
    np.random.seed(131254)
    train_indices = np.random.choice(len(labels), int(0.7 * len(labels)), replace=False)
    test_indices = list(set(range(len(labels))) - set(train_indices))
    train_features, train_labels = data[train_indices], labels[train_indices]
    test_features = data[test_indices]

    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Linear(12, 12), nn.Sigmoid(), nn.Linear(12, 8), nn.Sigmoid(), nn.Linear(8, 2), nn.Softmax(dim=1)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        nn.CrossEntropyLoss()(net(train_features), train_labels).backward()
        optimizer.step()

    test_features.requires_grad_()
    shown = {"ig": IntegratedGradients(net).attribute(test_features, target=1, return_convergence_delta=True)}
    shown["conductance"] = LayerConductance(net, net[1]).attribute(test_features, target=1)
    neuron_conductance = NeuronConductance(net, net[1])
    shown["neuron 0"] = neuron_conductance.attribute(test_features, neuron_selector=0, target=1)
    shown["neuron 10"] = neuron_conductance.attribute(test_features, neuron_selector=10, target=1)
    return shown


def boston() -> Attributions:
    """Prices of houses: 13 features, three hidden layers of rectifiers."""
    x, y = data_sets.boston()
    x_train, x_test, y_train, _ = train_test_split(x, y, test_size=0.3, random_state=0)
    torch.manual_seed(1234)
    np.random.seed(1234)
    model = nn.Sequential(
        nn.Linear(13, 100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10), nn.ReLU(), nn.Linear(10, 1)
    )
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-4)
    for _ in range(200):
        for rows in torch.randperm(len(x_train)).split(10):
            optimizer.zero_grad()
            nn.MSELoss(reduction="sum")(model(x_train[rows]).flatten(), y_train[rows]).backward()
            optimizer.step()

    ig = IntegratedGradients(model)
    shown = {"ig": ig.attribute(x_test, n_steps=50)}
    shown["ig_nt"] = NoiseTunnel(ig).attribute(x_test)
    shown["dl"] = DeepLift(model).attribute(x_test)
    shown["gs"] = GradientShap(model).attribute(x_test, x_train)
    shown["fa"] = FeatureAblation(model).attribute(x_test)
    shown["lc"] = LayerConductance(model, model[6]).attribute(x_test, n_steps=100, attribute_to_layer_input=True)
    return shown


class Small(nn.Module):
    """Three hidden layers with functions for rectifiers."""

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(features, 5)
        self.lin2 = nn.Linear(5, 10)
        self.lin3 = nn.Linear(10, 15)
        self.lin4 = nn.Linear(15, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.lin1(x))
        x = functional.relu(self.lin2(x))
        x = functional.relu(self.lin3(x))
        return self.lin4(x)


class Prices(Small):
    """One price for each example, (B,)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).flatten()


class Diagnoses(Small):
    """Probabilities of classes."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.softmax(super().forward(x), dim=1)


def six_methods(model: Small, x_test: Tensor, target: Tensor | None) -> Attributions:
    """Inputs, a layer and one of its neurons, each by integrated gradients and by ablation."""
    return {
        "ig": IntegratedGradients(model).attribute(x_test, target=target),
        "fa": FeatureAblation(model).attribute(x_test, target=target),
        "layer ig": LayerIntegratedGradients(model, model.lin2).attribute(x_test, target=target),
        "layer fa": LayerFeatureAblation(model, model.lin2).attribute(x_test, target=target),
        "neuron ig": NeuronIntegratedGradients(model, model.lin2).attribute(x_test, neuron_selector=5),
        "neuron fa": NeuronFeatureAblation(model, model.lin2).attribute(x_test, neuron_selector=5),
    }


def housing() -> Attributions:
    """Values of houses in California: 8 standardised features."""
    x, y = data_sets.california()
    x_train, x_test, y_train, _ = train_test_split(x, y, test_size=0.2, random_state=123)
    x_train, x_test = (x_train - x_train.mean(0)) / x_train.std(0), (x_test - x_train.mean(0)) / x_train.std(0)
    torch.manual_seed(42)
    model = Prices(8, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(2500):
        optimizer.zero_grad()
        functional.mse_loss(model(x_train), y_train).backward()
        optimizer.step()
    return six_methods(model, x_test, None)


def cancer() -> Attributions:
    """Tumours: 30 raw features, a target for each example."""
    x, y = data_sets.cancer()
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.1, stratify=y, random_state=123)
    torch.manual_seed(42)
    model = Diagnoses(30, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(2000):
        optimizer.zero_grad()
        functional.cross_entropy(model(x_train), y_train).backward()
        optimizer.step()
    return six_methods(model, x_test, y_test)


def diabetes() -> Attributions:
    """Who has diabetes: 8 features, two hidden layers of sigmoids."""
    x, y = data_sets.diabetes()
    x_train, x_test, y_train, _ = train_test_split(x, y, test_size=0.3, random_state=1)
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Linear(8, 8), nn.Sigmoid(), nn.Linear(8, 8), nn.Sigmoid(), nn.Linear(8, 2), nn.Softmax(dim=1)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        functional.cross_entropy(net(x_train), y_train).backward()
        optimizer.step()

    shown = {"ig": IntegratedGradients(net).attribute(x_test, target=1, return_convergence_delta=True)}
    shown["conductance"] = LayerConductance(net, net[1]).attribute(x_test, target=1)
    for neuron in (2, 6):
        shown[f"neuron {neuron}"] = NeuronConductance(net, net[1]).attribute(x_test, neuron_selector=neuron, target=1)
    return shown


SHOWN = {
    getting_started: ("ig", "gs", "dl", "dls", "nt", "nc", "lc"),
    titanic: ("ig", "conductance", "neuron 0", "neuron 10"),
    boston: ("ig", "ig_nt", "dl", "gs", "fa", "lc"),
    housing: ("ig", "fa", "layer ig", "layer fa", "neuron ig", "neuron fa"),
    cancer: ("ig", "fa", "layer ig", "layer fa", "neuron ig", "neuron fa"),
    diabetes: ("ig", "conductance", "neuron 2", "neuron 6"),
}


@cache
def pasted(tutorial: Callable[[], Attributions]) -> Attributions:
    """What a tutorial shows; it is run once."""
    return tutorial()


def shown(tutorial: Callable[[], Attributions], name: str) -> Tensor | tuple[Tensor, Tensor]:
    """One of the attributions that a tutorial shows."""
    return pasted(tutorial)[name]


CASES = {
    f"{tutorial.__name__.replace('_', ' ')}, {name}": Case(partial(shown, tutorial, name))
    for tutorial, names in SHOWN.items()
    for name in names
}
