"""Models with something inside: experts of which one is asked, and a layer in which a concept is a direction."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.zoo.known_model import KnownModel, leaves_random_state
from pellucid.zoo.quantity import CHANGES, SLOPES

OPEN = torch.nan
"""The importance of a feature of which it is open how much it matters."""


class Experts(nn.Module):
    """The answer of one of two experts: of x0 and x1 where the gate x4 is positive, else of x2 and x3."""

    def forward(self, x: Tensor) -> Tensor:
        """One number per example, of x (B, 5)."""
        return torch.where(x[:, 4] > 0, 2 * x[:, 0] + x[:, 1], x[:, 2] - 2 * x[:, 3])


@leaves_random_state
def experts() -> KnownModel:
    """A mixture of two experts, of which a gate asks one: what the other one reads does not matter."""
    inputs = torch.tensor([[1.0, 1.5, 2, -1, 1], [2.0, -1, 1, 1.5, -1]])
    asked = torch.tensor([[1.0, 1, 0, 0, OPEN], [0, 0, 1, 1, OPEN]])
    gradient = torch.tensor([[2.0, 1, 0, 0, 0], [0, 0, 1, -2, 0]])
    return KnownModel(
        name="experts",
        tests="Two experts, of which a gate asks one: what the other reads does not matter. How much the gate does is "
        "open: the baselines have the same gate.",
        model=Experts().eval(),
        inputs=inputs,
        baselines=torch.tensor([[0.0, 0, 0, 0, 1], [0, 0, 0, 0, -1]]),
        importance=asked,
        values={
            **dict.fromkeys(SLOPES, gradient),
            "gradient times input": gradient * inputs,
            "relevance": gradient * inputs,
            **dict.fromkeys(CHANGES, gradient * inputs),
            "Shapley interactions": torch.diag_embed(gradient * inputs),
        },
        window=(1,),
        paper="Jacobs et al., Adaptive mixtures of local experts, 1991",
    )


class Concepts(nn.Module):
    """Six concepts of the inputs, written into a layer along orthogonal directions, of which the output reads one."""

    def __init__(self, directions: Tensor, planted: int) -> None:
        super().__init__()
        self.concepts = nn.Linear(4, 6, bias=False)
        self.threshold = nn.ReLU()
        self.directions = nn.Linear(6, 6, bias=False)
        self.reads = nn.Linear(6, 1, bias=False)
        written = torch.linspace(-1, 1, 24).reshape(6, 4)
        self.concepts.load_state_dict({"weight": written})
        self.directions.load_state_dict({"weight": directions.T})
        self.reads.load_state_dict({"weight": 3 * directions[planted][None]})

    def forward(self, x: Tensor) -> Tensor:
        """Three times the planted concept, rectified, of x (B, 4)."""
        read: Tensor = self.reads(self.directions(self.threshold(self.concepts(x))))
        return read


@leaves_random_state
def concept_direction() -> KnownModel:
    """A layer in which concepts are directions, one of which is read: units matter by how much of it they carry."""
    directions, _ = torch.linalg.qr(torch.sin(torch.arange(36.0).reshape(6, 6) ** 1.5))
    planted = 2
    model = Concepts(directions, planted)
    inputs = torch.tensor([[-1.0, -2, -1, 0.5], [0.5, -1, -2, 1]])  # the concept that is read is there in both
    with torch.no_grad():
        layer = model.directions(model.threshold(model.concepts(inputs)))
    direction = 3 * directions[planted].expand(2, -1)
    return KnownModel(
        name="concept direction",
        tests="A layer: a unit makes its activation times the weight that it has in the direction that is read.",
        model=model.eval(),
        inputs=inputs,
        baselines=torch.zeros_like(inputs),
        target=0,
        importance=(direction * layer).abs(),
        values={
            **dict.fromkeys(SLOPES, direction),
            "gradient times input": direction * layer,
            "relevance": direction * layer,
            **dict.fromkeys(CHANGES, direction * layer),
            "Shapley interactions": torch.diag_embed(direction * layer),
            "activation": layer,
        },
        source="directions",
        source_baselines=torch.zeros_like(layer),
        window=(1,),
        paper="Kim et al., Interpretability beyond feature attribution: quantitative testing with concept activation "
        "vectors (TCAV), 2018",
    )
