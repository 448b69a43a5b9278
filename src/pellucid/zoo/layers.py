"""Models with something inside: experts of which one is asked, and a layer in which a concept is a direction."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.zoo.known_model import CHANGES, KnownModel, leaves_random_state


class Experts(nn.Module):
    """The answer of one of two experts: of x0 and x1 where the gate x4 is positive, else of x2 and x3."""

    def forward(self, x: Tensor) -> Tensor:
        """One number per example, of x (B, 5)."""
        return torch.where(x[:, 4] > 0, 2 * x[:, 0] + x[:, 1], x[:, 2] - 2 * x[:, 3])


@leaves_random_state
def experts() -> KnownModel:
    """A mixture of two experts, of which a gate asks one: what the other one reads does not matter."""
    inputs = torch.tensor([[1.0, 1.5, 2, -1, 1], [2.0, -1, 1, 1.5, -1]])
    asked = torch.tensor([[1.0, 1, 0, 0, 0], [0, 0, 1, 1, 0]])
    gradient = torch.tensor([[2.0, 1, 0, 0, 0], [0, 0, 1, -2, 0]])
    return KnownModel(
        name="experts",
        tests="Two experts of which a gate asks one: what the other reads does not matter.",
        model=Experts().eval(),
        inputs=inputs,
        baselines=torch.tensor([[0.0, 0, 0, 0, 1], [0, 0, 0, 0, -1]]),
        importance=asked,
        values={
            "gradient": gradient,
            "gradient times input": gradient * inputs,
            **dict.fromkeys(CHANGES, gradient * inputs),
        },
        window=(1,),
        paper="Jacobs et al., Adaptive mixtures of local experts, 1991",
    )


class Concepts(nn.Module):
    """Six concepts of the inputs, written into a layer along orthogonal directions, of which the output reads one."""

    def __init__(self, directions: Tensor, planted: int) -> None:
        super().__init__()
        self.concepts = nn.Linear(4, 6, bias=False)
        self.directions = nn.Linear(6, 6, bias=False)
        self.reads = nn.Linear(6, 1, bias=False)
        written = torch.linspace(-1, 1, 24).reshape(6, 4)
        self.concepts.load_state_dict({"weight": written})
        self.directions.load_state_dict({"weight": directions.T})
        self.reads.load_state_dict({"weight": 3 * directions[planted][None]})

    def forward(self, x: Tensor) -> Tensor:
        """Three times the planted concept, rectified, of x (B, 4)."""
        read: Tensor = self.reads(self.directions(self.concepts(x).relu()))
        return read


@leaves_random_state
def concept_direction() -> KnownModel:
    """A layer in which concepts are directions, one of which is read: units matter as far as they lie along it."""
    directions, _ = torch.linalg.qr(torch.sin(torch.arange(36.0).reshape(6, 6) ** 1.5))
    planted = 2
    model = Concepts(directions, planted)
    inputs = torch.tensor([[1.0, 2, -1, 0.5], [0.5, -1, -2, 1]])
    with torch.no_grad():
        layer = model.directions(model.concepts(inputs).relu())
    direction = 3 * directions[planted].expand(2, -1)
    return KnownModel(
        name="concept direction",
        tests="A layer: its units matter as far as they lie along the direction that is read.",
        model=model.eval(),
        inputs=inputs,
        baselines=torch.zeros_like(inputs),
        target=0,
        importance=(direction * layer).abs(),
        values={
            "gradient": direction,
            "gradient times input": direction * layer,
            **dict.fromkeys(CHANGES, direction * layer),
        },
        source="directions",
        source_baselines=torch.zeros_like(layer),
        window=(1,),
        paper="Kim et al., Interpretability beyond feature attribution, 2018",
    )
