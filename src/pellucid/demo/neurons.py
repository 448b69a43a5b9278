"""Conductances of the first hidden layer of the Titanic network: numbers only, nothing is printed or drawn."""

from dataclasses import dataclass

from torch import Tensor, nn

from pellucid.attr import LayerConductance, NeuronConductance
from pellucid.demo.summary import Summary, summaries
from pellucid.demo.titanic import FEATURES, SURVIVED

STRONGEST = 2  # how many neurons have their conductance divided among the features
STEPS = 1000  # the delta of the layer's conductance is inversely proportional to them


@dataclass(frozen=True)
class NeuronFindings:
    """The conductance of each neuron for each test passenger, and that of the strongest neurons by feature."""

    conductances: Tensor  # [passengers, neurons]
    delta: Tensor  # [passengers], the sum of the conductances less the change of the prediction
    shares: dict[int, Tensor]  # strongest neuron first: its conductance by feature, [passengers, features]

    def by_neuron(self) -> list[Summary]:
        """Summarise each neuron's conductances, from the neuron most in favour of survival to the one most against."""
        return summaries(map(neuron_name, range(self.conductances.shape[1])), self.conductances)

    def ranked(self) -> list[int]:
        """Return the neurons from the strongest to the weakest."""
        return rank(self.conductances)

    def total(self) -> float:
        """Return the sum of a passenger's conductances, averaged over the passengers."""
        return self.conductances.sum(dim=1).mean().item()

    def by_feature(self, neuron: int) -> list[Summary]:
        """Summarise the conductance of one of the strongest neurons by feature, as `by_neuron` does."""
        return summaries(FEATURES, self.shares[neuron])

    def looks_at(self, neuron: int) -> list[Summary]:
        """Return the fewest features that together carry more than half of a neuron's conductance, in size."""
        features = sorted(self.by_feature(neuron), key=lambda feature: feature.mean_absolute, reverse=True)
        half, carried, strongest = sum(feature.mean_absolute for feature in features) / 2, 0.0, []
        for feature in features:
            if carried > half:
                break
            strongest.append(feature)
            carried += feature.mean_absolute
        return strongest

    def gap(self) -> float:
        """Return the largest difference of a strong neuron's conductance from the sum over its features."""
        return max(
            (shares.sum(dim=1) - self.conductances[:, neuron]).abs().max().item()
            for neuron, shares in self.shares.items()
        )


def neuron_name(neuron: int) -> str:
    """Name a neuron by its index."""
    return f"neuron {neuron}"


def rank(conductances: Tensor) -> list[int]:
    """Order the neurons of `[passengers, neurons]` by the mean size of their conductances, the largest first."""
    order: list[int] = conductances.abs().mean(dim=0).argsort(descending=True).tolist()
    return order


def explain_neurons(net: nn.Sequential, features: Tensor) -> NeuronFindings:
    """Compute the conductances of the first hidden layer for the predicted probability of survival."""
    hidden = net[1]  # the sigmoids
    conductances, delta = LayerConductance(net, hidden).attribute(
        features, target=SURVIVED, n_steps=STEPS, method="riemann_trapezoid", return_convergence_delta=True
    )
    neuron_conductance = NeuronConductance(net, hidden)
    shares = {
        neuron: neuron_conductance.attribute(features, neuron, target=SURVIVED, method="gausslegendre")
        for neuron in rank(conductances)[:STRONGEST]
    }
    return NeuronFindings(conductances, delta, shares)
