"""Models and inputs of which explanations are known."""

from __future__ import annotations

from typing import Any

import pandas
import torch
from torch import Tensor, nn

import pellucid

NAMES = ("age", "fare", "female", "male")
WEIGHTS = torch.tensor([[2.0, -1.0, 0.5, -0.5], [0.0, 3.0, 0.0, 1.0], [-1.0, 0.0, 0.0, 0.0]])


def linear() -> nn.Linear:
    """Three outputs, each a weighted sum of four features."""
    model = nn.Linear(4, 3)
    with torch.no_grad():
        model.weight.copy_(WEIGHTS)
        model.bias.copy_(torch.tensor([0.5, 0.0, 0.0]))
    return model


def inputs(examples: int = 5, seed: int = 0) -> Tensor:
    return torch.randn(examples, 4, generator=torch.Generator().manual_seed(seed))


def frame(examples: int = 5) -> pandas.DataFrame:
    return pandas.DataFrame(
        inputs(examples).double().numpy(), columns=NAMES, index=[f"row {n}" for n in range(examples)]
    )


def explained(examples: int = 5, **arguments: Any) -> pellucid.Explanation:
    """An explanation of the first output, whose attributions are inputs times weights."""
    return pellucid.explain(
        linear(),
        inputs(examples),
        **{"target": 0, "feature_names": NAMES, "method": "integrated_gradients", **arguments},
    )


class Words(nn.Module):
    """The sum over tokens of what each is worth, through a tanh."""

    def __init__(self, vocabulary: int = 20, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.embedding = nn.Embedding(vocabulary, 6)
        self.head = nn.Linear(6, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        vectors = torch.tanh(self.embedding(input_ids))
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        return self.head((vectors * mask[..., None]).sum(1))


class Pictures(nn.Module):
    """A convolution and a linear head, on pictures of 8 x 8."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Conv2d(channels, 4, 3, padding=1)
        self.head = nn.Linear(4 * 64, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.features(x)).flatten(1))


def pictures(examples: int = 2, channels: int = 3) -> Tensor:
    return torch.rand(examples, channels, 8, 8, generator=torch.Generator().manual_seed(1))
