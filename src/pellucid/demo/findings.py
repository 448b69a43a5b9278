"""The attributions of the Titanic network, by feature and by neuron: numbers only, nothing is printed or drawn."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.attr import IntegratedGradients
from pellucid.demo.neurons import NeuronFindings, explain_neurons
from pellucid.demo.summary import Summary, summaries
from pellucid.demo.titanic import FEATURES, SURVIVED, Passengers, accuracy, load_passengers, split, trained_network


@dataclass(frozen=True)
class ValueSummary:
    """The passengers who share one value of a feature, and the mean of that feature's attributions to them."""

    value: int
    count: int
    mean: float


@dataclass(frozen=True)
class Findings:
    """The accuracy of the network, and the attributions of features and neurons for each test passenger."""

    training: Passengers
    test: Passengers
    training_accuracy: float
    test_accuracy: float
    baseline_prediction: float  # the predicted probability of survival where all features are zero
    mean_prediction: float  # the same, averaged over the test passengers
    attributions: Tensor  # [passengers, features]
    delta: Tensor  # [passengers], the sum of the attributions less the change of the prediction
    neurons: NeuronFindings

    def of(self, feature: str) -> Tensor:
        """Return one feature's attributions."""
        return self.attributions[:, FEATURES.index(feature)]

    def change(self) -> float:
        """Return the change of the prediction from the baseline, averaged over the test passengers."""
        return self.mean_prediction - self.baseline_prediction

    def by_feature(self) -> list[Summary]:
        """Summarise each feature's attributions, from the one most in favour of survival to the one most against."""
        return summaries(FEATURES, self.attributions)

    def by_value(self, feature: str) -> list[ValueSummary]:
        """Average a feature's attributions over the passengers who share a value of it, in the order of the values."""
        values, attributions = self.test.features[:, FEATURES.index(feature)], self.of(feature)
        return [
            ValueSummary(int(value), int((values == value).sum()), attributions[values == value].mean().item())
            for value in sorted(set(values.tolist()))
        ]


def explain() -> Findings:
    """Load the passengers and the trained network, and explain the network's predictions for the test passengers."""
    training, test = split(load_passengers())
    net = trained_network()
    with torch.no_grad():
        baseline_prediction = net(torch.zeros(1, len(FEATURES)))[0, SURVIVED].item()
        mean_prediction = net(test.features)[:, SURVIVED].mean().item()
    integrated_gradients = IntegratedGradients(net)
    attributions, delta = integrated_gradients.attribute(test.features, target=SURVIVED, return_convergence_delta=True)
    return Findings(
        training=training,
        test=test,
        training_accuracy=accuracy(net, training),
        test_accuracy=accuracy(net, test),
        baseline_prediction=baseline_prediction,
        mean_prediction=mean_prediction,
        attributions=attributions,
        delta=delta,
        neurons=explain_neurons(net, test.features),
    )
