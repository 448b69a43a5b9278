"""Models that are formulas of a few numbers: what methods of any definition must return follows with pen and paper."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.zoo.known_model import CHANGES, KnownModel, leaves_random_state


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


class ExclusiveOr(nn.Module):
    """x0 xor x1, for zeros and ones, and a little of x2: relu(x0 + x1) - 2 relu(x0 + x1 - 1) + 0.1 x2."""

    def forward(self, x: Tensor) -> Tensor:
        """One number per example, of x (B, 4)."""
        both = x[:, 0] + x[:, 1]
        return both.relu() - 2 * (both - 1).relu() + 0.1 * x[:, 2]


class Saturated(nn.Module):
    """min(x0 + x1, 1) and a little of x2: 1 - relu(1 - x0 - x1) + 0.1 x2."""

    def forward(self, x: Tensor) -> Tensor:
        """One number per example, of x (B, 4)."""
        return 1 - (1 - x[:, 0] - x[:, 1]).relu() + 0.1 * x[:, 2]


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
        tests="Weights: what every method that adds up must return is one product.",
        model=model.eval(),
        inputs=inputs,
        baselines=baselines,
        target=1,
        importance=changes.abs(),
        values={
            "gradient": weight[1].expand(2, -1),
            "gradient times input": weight[1] * inputs,
            **dict.fromkeys(CHANGES, changes),
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
    return KnownModel(
        name="additive",
        tests="Functions of one feature each: the change of each is its attribution; an unused feature gets nothing.",
        model=Additive().eval(),
        inputs=inputs,
        baselines=torch.zeros(2, 5),
        importance=changes.abs(),
        values={
            "gradient": gradient,
            "gradient times input": gradient * inputs,
            **dict.fromkeys(CHANGES, changes),
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
    inputs = torch.tensor([[1.0, 2, -1, 0.5, 1], [0.5, -1, 2, 1, -1]])
    joint = inputs * (inputs @ pairs)
    interactions = inputs[:, :, None] * pairs * inputs[:, None]
    shared = single * inputs + joint / 2
    return KnownModel(
        name="pairwise",
        tests="Products of two features: each gets half of it, and the pair all of it.",
        model=Pairwise(single, pairs).eval(),
        inputs=inputs,
        baselines=torch.zeros(2, 5),
        importance=shared.abs(),
        values={
            "gradient": single + inputs @ pairs,
            "gradient times input": single * inputs + joint,
            "removal": single * inputs + joint,
            "integrated gradients": shared,
            "contributions to the difference": shared,
            "Shapley values": shared,
            "Banzhaf values": shared,
            "Shapley interactions": interactions,
        },
        window=(1,),
        paper="Grabisch and Roubens, An axiomatic approach to the concept of interaction, 1999",
    )


@leaves_random_state
def exclusive_or() -> KnownModel:
    """Two features that matter only together: either alone makes 1, both make 0."""
    inputs = torch.tensor([[1.0, 1, 1, 1], [1, 1, -1, 2]])
    alone = 0.1 * inputs[:, 2]
    none = torch.zeros(2)
    single = torch.stack([none, none, alone, none], 1)
    interactions = torch.zeros(2, 4, 4)
    interactions[:, 0, 1] = interactions[:, 1, 0] = -2
    effects = torch.stack([none - 1, none - 1, alone, none], 1)
    return KnownModel(
        name="exclusive or",
        tests="Two features that matter only together: values of single features cancel, interactions do not.",
        model=ExclusiveOr().eval(),
        inputs=inputs,
        baselines=torch.zeros(2, 4),
        importance=torch.tensor([2.0, 2, 1, 0]).expand(2, -1),
        values={
            "gradient": torch.tensor([-1.0, -1, 0.1, 0]).expand(2, -1),
            "gradient times input": effects,
            "removal": effects,
            "integrated gradients": single,
            "contributions to the difference": single,
            "Shapley values": single,
            "Banzhaf values": single,
            "Shapley interactions": interactions,
        },
        window=(1,),
        paper="Ribeiro et al., Anchors: high-precision model-agnostic explanations, 2018",
    )


@leaves_random_state
def saturated() -> KnownModel:
    """Two features, either of which is enough: at the input the output no longer depends on either."""
    inputs = torch.tensor([[1.0, 1, 1, 1], [1, 1, -1, 2]])
    alone = 0.1 * inputs[:, 2]
    none, half = torch.zeros(2), torch.full((2,), 0.5)
    shared = torch.stack([half, half, alone, none], 1)
    flat = torch.stack([none, none, alone, none], 1)
    interactions = torch.zeros(2, 4, 4)
    interactions[:, 0, 1] = interactions[:, 1, 0] = -1
    return KnownModel(
        name="saturated",
        tests="Two features, either of which is enough: nothing changes near the input, or where one is removed.",
        model=Saturated().eval(),
        inputs=inputs,
        baselines=torch.zeros(2, 4),
        importance=torch.tensor([2.0, 2, 1, 0]).expand(2, -1),
        values={
            "gradient": torch.tensor([0.0, 0, 0.1, 0]).expand(2, -1),
            "gradient times input": flat,
            "removal": flat,
            "integrated gradients": shared,
            "contributions to the difference": shared,
            "Shapley values": shared,
            "Banzhaf values": shared,
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
            "gradient": torch.tensor([2.0, 0, 1]).expand(8, -1),
            "gradient times input": changes,
            **dict.fromkeys(CHANGES, changes),
        },
        window=(1,),
        paper="Janzing et al., Feature relevance quantification in explainable AI: a causal problem, 2020",
    )
