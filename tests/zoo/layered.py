"""Models with something inside, and the places that attributions can be of."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.architectures import ARCHITECTURES, Architecture, Example, Tensors, made


class Pictures(nn.Module):
    """Two pictures, convolved apart, joined, rectified in place by functions and by one module twice."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(2, 3, 3), nn.Conv2d(1, 3, 3)
        self.rectify, self.pool = nn.LeakyReLU(0.3, inplace=True), nn.AvgPool2d(2)
        self.middle, self.head = nn.Linear(12, 6), nn.Linear(6, 3)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        joined = functional.leaky_relu(self.left(a) * self.right(b), inplace=True)
        hidden = self.middle(self.rectify(self.pool(joined)).flatten(1))
        return self.head(self.rectify(hidden))


class Block(nn.Module):
    """A residual block."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(6), nn.Linear(6, 8), nn.Linear(8, 6)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(functional.gelu(self.up(self.norm(x))))


class Split(nn.Module):
    """Two views of a vector: it returns a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(6, 4), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensors:
        return self.one(x).tanh(), self.other(x).sin()


class Joined(nn.Module):
    """It takes two tensors and an option."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.cat([a * b[:, :4], b], 1)


class Forked(nn.Module):
    """A way that parts in two and comes together, with a scale per example."""

    def __init__(self) -> None:
        super().__init__()
        self.split, self.join, self.head = Split(), Joined(), nn.Linear(9, 3)

    def forward(self, x: Tensor, scale: Tensor) -> Tensor:
        return self.head(self.join(*self.split(x))) * scale[:, None]


class Words(nn.Module):
    """Token ids, embedded and averaged with their places."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(10, 4), nn.Embedding(5, 4)
        self.mix, self.head = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, ids: Tensor, places: Tensor) -> Tensor:
        embedded = self.words(ids) + self.places(places)
        return self.head(torch.tanh(self.mix(embedded)).mean(1))


def _residual() -> nn.Module:
    return nn.Sequential(Block(), Block(), nn.Linear(6, 3))


INSIDE = {
    **ARCHITECTURES,
    "pictures": Architecture(Pictures, ((2, 6, 6), (1, 6, 6)), 1),
    "residual": Architecture(_residual, ((6,),), [0, 2, 1, 0]),
    "forked": Architecture(Forked, ((6,),), 2, (torch.tensor([1.0, -2, 0.5, 3]),)),
}


@dataclass(frozen=True)
class Place:
    """What a module of a model takes or returns."""

    name: str
    layer: str
    of_input: bool

    def __str__(self) -> str:
        return f"{self.name}, {'into' if self.of_input else 'out of'} {self.layer}"


def _captum_reads(place: Place) -> bool:
    """Captum reads no nested outputs, as of attention and LSTMs; attention does not call its last module."""
    nested = place.layer.endswith(("self_attn", "cells")) and not place.of_input
    return not nested and not place.layer.endswith("out_proj")


def _places() -> list[Place]:
    modules = {name: [layer for layer, _ in layered(name).model.named_modules() if layer] for name in INSIDE}
    every = [Place(name, layer, side) for name in INSIDE for layer in modules[name] for side in (False, True)]
    return [place for place in every if _captum_reads(place)]


def layered(name: str, seed: int = 0, *, dtype: torch.dtype = torch.float32) -> Example:
    """An architecture of the table with random weights, and four random examples."""
    return made(INSIDE[name], seed, dtype=dtype)


def of_words(seed: int = 0) -> Example:
    """Four sentences of five words, as integers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, ids = Words().eval(), torch.randint(10, (4, 5))
    return Example(model, ids, {"target": [0, 2, 1, 0], "additional_forward_args": torch.arange(5).expand(4, 5)})


PLACES = _places()
