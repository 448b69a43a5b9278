"""Small random models and inputs, the same for the same seed."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

Tensors = tuple[Tensor, ...]

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.large) for seed in range(1, 9))]
"""Seed 0 is the fast part of a matrix, the others its large part."""


class Recurrent(nn.Module):
    """A sequence, batch first, read by an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.LSTM(4, 5, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.cells(x)[0][:, -1])


class Transformer(nn.Module):
    """A sequence read by two encoder layers and averaged."""

    def __init__(self) -> None:
        super().__init__()
        layers = (nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True) for _ in range(2))
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x).mean(1))


class TwoInputs(nn.Module):
    """A matrix and a vector, a scale per example, and an option."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = nn.Linear(6, 5), nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, a: Tensor, b: Tensor, scale: Tensor, squash: str) -> Tensor:
        hidden = self.left(a.flatten(1)) * self.right(b) * scale[:, None]
        return self.head(getattr(torch, squash)(hidden))


def _perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8), nn.Softplus(), nn.Linear(8, 3))


def _convolutional() -> nn.Module:
    convolutions = (nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 2), nn.Tanh())
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(16, 3))


def _dense() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 6), nn.Unflatten(1, (2, 3)))


@dataclass(frozen=True)
class Architecture:
    """A model, the shapes of an example's inputs, and a target for four examples."""

    build: Any
    shapes: tuple[tuple[int, ...], ...]
    target: Any
    extra: Any = None


ARCHITECTURES = {
    "perceptron": Architecture(_perceptron, ((6,),), [0, 2, 1, 0]),
    "convolutional": Architecture(_convolutional, ((2, 6, 6),), 1),
    "recurrent": Architecture(Recurrent, ((5, 4),), torch.tensor([2, 1, 0, 0])),
    "transformer": Architecture(Transformer, ((3, 8),), -1),
    "two inputs": Architecture(TwoInputs, ((2, 3), (4,)), torch.tensor(2), (torch.tensor([1.0, -2, 0.5, 3]), "tanh")),
    "dense": Architecture(_dense, ((6,),), [(0, 1), (1, 2), (1, 0), (0, 0)]),
}


@dataclass(frozen=True)
class Example:
    """A model with four examples and what belongs to them."""

    model: nn.Module
    given: Tensor | Tensors
    explained: dict[str, Any] = field(repr=False)
    """Target and additional arguments, as keywords of `attribute`."""

    @property
    def inputs(self) -> Tensor | Tensors:
        """A fresh copy for every call, because after an error Captum leaves inputs requiring grad."""
        return tuple(x.clone() for x in self.given) if isinstance(self.given, tuple) else self.given.clone()

    @property
    def tensors(self) -> Tensors:
        """The inputs as a tuple."""
        return self.given if isinstance(self.given, tuple) else (self.given,)

    def draw(self, *counts: int) -> Tensor | Tensors:
        """Random tensors like the inputs, of other numbers of examples: one for all inputs or one for each."""
        each = counts * len(self.tensors) if len(counts) == 1 else counts
        generator = torch.Generator().manual_seed(99)
        drawn = tuple(
            torch.randn(count, *x.shape[1:], generator=generator, dtype=x.dtype)
            for count, x in zip(each, self.tensors, strict=True)
        )
        return drawn if isinstance(self.given, tuple) else drawn[0]


def example(name: str, seed: int = 0, *, dtype: torch.dtype = torch.float32, training: bool = False) -> Example:
    """An architecture of the table with random weights, and four random examples."""
    return made(ARCHITECTURES[name], seed, dtype=dtype, training=training)


def made(
    architecture: Architecture, seed: int = 0, *, dtype: torch.dtype = torch.float32, training: bool = False
) -> Example:
    """An architecture with random weights, and four random examples."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = architecture.build().to(dtype).train(training)
        inputs = tuple(torch.randn(4, *shape, dtype=dtype) for shape in architecture.shapes)
    extra = architecture.extra
    if extra is not None:
        extra = (extra[0].to(dtype), *extra[1:])
    explained = {"target": architecture.target, "additional_forward_args": extra}
    return Example(model, inputs if len(inputs) > 1 else inputs[0], explained)
