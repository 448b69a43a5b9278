"""Models that are formulas of a few numbers: what methods of any definition must return follows with pen and paper."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.zoo.known_model import KnownModel, leaves_random_state
from pellucid.zoo.quantity import CHANGES, SHARES, SLOPES


class Additive(nn.Module):
    """2 sin(x0) + x1^2 + exp(x2) / 2 + relu(x3) / 4; the fifth feature is not used."""

    def forward(self, x: Tensor) -> Tensor:
        """One number per example, of x (B, 5)."""
        return 2 * x[:, 0].sin() + x[:, 1] ** 2 + x[:, 2].exp() / 2 + x[:, 3].relu() / 4


class Pairwise(nn.Module):
    """A sum of features and of products of pairs: a x + 1/2 x B x, with B symmetric and zero on its diagonal."""

    single: Tensor
    pairs: Tensor

    def __init__(self, single: Tensor, pairs: Tensor) -> None:
        super().__init__()
        self.register_buffer("single", single)
        self.register_buffer("pairs", pairs)

    def forward(self, x: Tensor) -> Tensor:
        """One number per example, of x (B, n)."""
        return x @ self.single + ((x @ self.pairs) * x).sum(1) / 2


def threshold_network(first: Tensor, first_bias: Tensor, second: Tensor, second_bias: float) -> nn.Module:
    """A rectified layer and a sum, with given weights: of modules, as some methods know no functions."""
    units, features = first.shape
    model = nn.Sequential(nn.Linear(features, units), nn.ReLU(), nn.Linear(units, 1))
    model.load_state_dict(
        {"0.weight": first, "0.bias": first_bias, "2.weight": second[None], "2.bias": torch.tensor([second_bias])}
    )
    return model.eval()


@leaves_random_state
def linear() -> KnownModel:
    """Weights times the change from the baseline: what every method that adds up must return."""
    model = nn.Sequential(nn.Linear(5, 3))
    weight = torch.tensor([[1.0, -2, 0.5, 3, 1], [2, -1, 0.5, 0, -3], [-1, 1, 2, -2, 0.25]])
    model.load_state_dict({"0.weight": weight, "0.bias": torch.tensor([0.5, -1, 2])})
    inputs = torch.tensor([[1.0, 3, -1, 2, 0.5], [-2, 1, 3, 4, 1]])
    baselines = torch.tensor([[0.5, 0, 1, -1, 0.25]]).expand(2, -1).clone()
    changes = weight[1] * (inputs - baselines)
    return KnownModel(
        name="linear",
        tests="A linear model: each feature makes its weight times its change from the baseline.",
        model=model.eval(),
        inputs=inputs,
        baselines=baselines,
        target=1,
        importance=changes.abs(),
        values={
            **dict.fromkeys(SLOPES, weight[1].expand(2, -1)),
            "gradient times input": weight[1] * inputs,
            "relevance": weight[1] * inputs,
            **dict.fromkeys(CHANGES, changes),
            "Shapley interactions": torch.diag_embed(changes),
        },
        neuron=("0", 1),
        window=(1,),
    )


@leaves_random_state
def additive() -> KnownModel:
    """A sum of functions of one feature each, and a feature that is not used."""
    inputs = torch.tensor([[1.0, 2, 1.5, 0.5, 3], [-1, 1, -2, 2, -3]])
    sine, square, exponential, rectified, _ = inputs.T
    zero = torch.zeros(2)
    changes = torch.stack([2 * sine.sin(), square**2, (exponential.exp() - 1) / 2, rectified / 4, zero], 1)
    gradient = torch.stack([2 * sine.cos(), 2 * square, exponential.exp() / 2, zero + 0.25, zero], 1)
    made = torch.stack([2 * sine.sin(), square**2, exponential.exp() / 2, rectified / 4, zero], 1)
    return KnownModel(
        name="additive",
        tests="Functions of one feature each, added up: each makes the change of its function, an unused one nothing.",
        model=Additive().eval(),
        inputs=inputs,
        baselines=torch.zeros(2, 5),
        importance=changes.abs(),
        values={
            **dict.fromkeys(SLOPES, gradient),
            "gradient times input": gradient * inputs,
            "relevance": made,
            **dict.fromkeys(CHANGES, changes),
            "Shapley interactions": torch.diag_embed(changes),
        },
        window=(1,),
    )


@leaves_random_state
def pairwise() -> KnownModel:
    """A sum of features and of products of pairs, with interactions that are known."""
    single = torch.tensor([1.0, -2, 0, 0.5, 0])
    pairs = torch.zeros(5, 5)
    pairs[0, 1], pairs[1, 2], pairs[2, 3] = 2, -1, 4
    pairs = pairs + pairs.T
    inputs = torch.tensor([[-2, 0.5, 1, -2, 1], [-1.5, 1, 0.5, 1, -1]])  # nothing cancels
    joint = inputs * (inputs @ pairs)
    shared = single * inputs + joint / 2
    interactions = inputs[:, :, None] * pairs * inputs[:, None] + torch.diag_embed(shared)
    return KnownModel(
        name="pairwise",
        tests="Products of two features: the two share what they make together, and only an interaction shows that.",
        model=Pairwise(single, pairs).eval(),
        inputs=inputs,
        baselines=torch.zeros(2, 5),
        importance=shared.abs(),
        values={
            **dict.fromkeys(SLOPES, single + inputs @ pairs),
            "gradient times input": single * inputs + joint,
            "removal": single * inputs + joint,
            **dict.fromkeys(SHARES, shared),
            "relevance": shared,
            "Shapley interactions": interactions,
        },
        window=(1,),
        paper="Grabisch and Roubens, An axiomatic approach to the concept of interaction among players in cooperative "
        "games, 1999",
    )


@leaves_random_state
def exclusive_or() -> KnownModel:
    """Exclusive or of two features, and a little of a third: relu(x0 + x1) - 2 relu(x0 + x1 - 1) + 0.1 x2.

    Either of the two makes 1, both together make 0. The third goes through a unit that always fires, for x2 > -2.
    """
    first = torch.tensor([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0]])
    model = threshold_network(first, torch.tensor([0.0, -1, 2]), torch.tensor([1, -2, 0.1]), -0.2)
    inputs = torch.tensor([[1.0, 1, 1, 1], [1, 1, -1, 2]])
    alone = 0.1 * inputs[:, 2]
    none = torch.zeros(2)
    single = torch.stack([none, none, alone, none], 1)
    interactions = torch.diag_embed(single)
    interactions[:, 0, 1] = interactions[:, 1, 0] = -2
    effects = torch.stack([none - 1, none - 1, alone, none], 1)
    return KnownModel(
        name="exclusive or",
        tests="Exclusive or of two features: either makes the output 1, and both make it 0 again.",
        model=model,
        inputs=inputs,
        baselines=torch.zeros(2, 4),
        target=0,
        importance=torch.tensor([2.0, 2, 1, 0]).expand(2, -1),
        values={
            "gradient": torch.tensor([-1.0, -1, 0.1, 0]).expand(2, -1),
            **dict.fromkeys(SLOPES[1:], torch.tensor([1.0, 1, 0.1, 0]).expand(2, -1)),
            "gradient times input": effects,
            "relevance": effects,
            "removal": effects,
            **dict.fromkeys(SHARES, single),
            "Shapley interactions": interactions,
        },
        window=(1,),
        paper="Minsky and Papert, Perceptrons, 1969",
    )


@leaves_random_state
def saturated() -> KnownModel:
    """Two features, either of which is enough, and a little of a third: 1 - relu(1 - x0 - x1) + 0.1 x2.

    The third goes through a unit that always fires, for x2 > -2.
    """
    first = torch.tensor([[-1.0, -1, 0, 0], [0, 0, 1, 0]])
    model = threshold_network(first, torch.tensor([1.0, 2]), torch.tensor([-1, 0.1]), 0.8)
    inputs = torch.tensor([[1.0, 1, 1, 1], [1, 1, -1, 2]])
    alone = 0.1 * inputs[:, 2]
    none, half = torch.zeros(2), torch.full((2,), 0.5)
    shared = torch.stack([half, half, alone, none], 1)
    flat = torch.stack([none, none, alone, none], 1)
    interactions = torch.diag_embed(shared)
    interactions[:, 0, 1] = interactions[:, 1, 0] = -1
    return KnownModel(
        name="saturated",
        tests="Two features, either of which is enough: nothing changes near the input, or where one is removed.",
        model=model,
        inputs=inputs,
        baselines=torch.zeros(2, 4),
        target=0,
        importance=torch.tensor([2.0, 2, 1, 0]).expand(2, -1),
        values={
            **dict.fromkeys(SLOPES, torch.tensor([0.0, 0, 0.1, 0]).expand(2, -1)),
            "gradient times input": flat,
            "relevance": flat,
            "removal": flat,
            **dict.fromkeys(SHARES, shared),
            "Shapley interactions": interactions,
        },
        window=(1,),
        paper="Shrikumar et al., Learning important features through propagating activation differences, 2017",
    )


@leaves_random_state
def correlated() -> KnownModel:
    """Two features that are nearly equal in all examples, of which the model uses one."""
    model = nn.Linear(3, 1)
    model.load_state_dict({"weight": torch.tensor([[2.0, 0, 1]]), "bias": torch.zeros(1)})
    first = torch.tensor([1.0, -2, 3, -1.5, 2.5, -3, 2, -1])
    inputs = torch.stack([first, first + 0.01 * torch.arange(8), torch.tensor([0.5, 1, -1, 0.5, 1, -1, 0.5, 1])], 1)
    changes = torch.tensor([2.0, 0, 1]) * inputs
    return KnownModel(
        name="correlated",
        tests="Two features that are nearly equal, of which the model uses one: the other gets nothing.",
        model=model.eval(),
        inputs=inputs,
        baselines=torch.zeros(8, 3),
        target=0,
        importance=torch.tensor([2.0, 0, 1]).expand(8, -1),
        values={
            **dict.fromkeys(SLOPES, torch.tensor([2.0, 0, 1]).expand(8, -1)),
            "gradient times input": changes,
            "relevance": changes,
            **dict.fromkeys(CHANGES, changes),
            "Shapley interactions": torch.diag_embed(changes),
        },
        window=(1,),
        paper="Janzing et al., Feature relevance quantification in explainable AI: a causal problem, 2020",
    )
