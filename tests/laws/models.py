"""Small models with data, between them every habit of a model that an engine can stumble over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Tensors = tuple[Tensor, ...]
MOST = 8  # examples: fewer are the first of these


class Reused(nn.Module):
    """Two layers and one activation, each called more than once."""

    def __init__(self):
        super().__init__()
        self.first, self.square, self.last = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.activation = nn.Tanh()

    def forward(self, x):
        hidden = self.activation(self.first(x))
        for _ in range(2):
            hidden = hidden + self.activation(self.square(hidden))
        return self.last(hidden)


class Functional(nn.Module):
    """Functions instead of modules, views that need contiguous memory, an output of shape (B, 1)."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 12) / 3)
        self.last = nn.Linear(8, 1)

    def forward(self, x):
        hidden = functional.relu(functional.linear(x.view(x.shape[0], -1), self.weight)).clamp(max=5)
        return self.last(hidden + torch.sigmoid(hidden) * hidden.exp().log1p())


class InPlace(nn.Module):
    """Writes into its input, into views of hidden tensors and through in-place activations."""

    def __init__(self):
        super().__init__()
        self.first, self.activation, self.last = nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 3)

    def forward(self, x):
        x.mul_(2).add_(0.5)
        hidden = self.first(x)
        hidden[:, 0] *= 2
        hidden = functional.leaky_relu_(hidden) - 0.1
        return self.last(self.activation(hidden))


class Convolutional(nn.Module):
    """An image network as usual, with batch normalisation and dropout."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout(0.3)
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))

    def forward(self, x):
        return self.head(self.features(x))


class Recurrent(nn.Module):
    """An LSTM, batch first, whose output is a dict."""

    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x):
        states, (last, _) = self.lstm(x)
        return {"states": states, "logits": self.head(last[-1])}


class Attentive(nn.Module):
    """A transformer encoder with values for every token, (B, tokens, 3)."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Linear(3, 8), nn.Linear(8, 3)
        layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, dropout=0.2, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=1, enable_nested_tensor=False)

    def forward(self, x):
        return self.head(self.encoder(self.embed(x)))


class TwoInputs(nn.Module):
    """Two inputs of different shapes and four more arguments: by example, for all, a word and a dict; output (B,)."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 5), nn.Linear(6, 5)

    def forward(self, vector, matrix, weights, scale, mode, options):
        both = torch.tanh(self.first(vector)) * torch.tanh(self.second(matrix.flatten(1)))
        return getattr(both * options["gain"][:, None], mode)(1) * weights * scale


def by_example(n: int) -> Tensor:
    """One number for each example, the same for an example in any batch."""
    return 1 + torch.arange(n) / 7


@dataclass(frozen=True)
class Specimen:
    """A model and its data.

    Args:
        name: For the tests' names.
        build: Makes the model.
        shapes: The shapes of one example's inputs.
        target: The target for n examples.
        extra: The additional forward arguments for n examples, in a dtype.
        smooth: Whether the model has derivatives of every order everywhere.
        twice: Whether torch can differentiate it twice.
    """

    name: str
    build: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    target: Callable[[int], Any]
    extra: Callable[[int, torch.dtype], Any] = lambda n, dtype: None
    smooth: bool = True
    twice: bool = True

    def model(self, dtype: torch.dtype = torch.float64, *, training: bool = False) -> nn.Module:
        """The model with its weights, the same at every call."""
        with torch.random.fork_rng():
            torch.manual_seed(1)
            return self.build().to(dtype).train(training)

    def inputs(self, n: int, dtype: torch.dtype = torch.float64, *, seed: int = 0) -> Tensors:
        """The inputs of n examples; those of fewer are the first of those of more."""
        generator = torch.Generator().manual_seed(seed)
        return tuple(
            torch.randn(MOST, *shape, generator=generator, dtype=torch.float64)[:n].to(dtype) for shape in self.shapes
        )

    def arguments(self, n: int, dtype: torch.dtype = torch.float64) -> dict[str, Any]:
        """The target and the additional arguments of n examples."""
        return {"target": self.target(n), "additional_forward_args": self.extra(n, dtype)}


def _two_inputs_extra(n: int, dtype: torch.dtype) -> tuple[Any, ...]:
    return by_example(n).to(dtype), 0.5, "sum", {"gain": by_example(n).to(dtype) ** 2}


SPECIMENS = {
    specimen.name: specimen
    for specimen in (
        Specimen("reused", Reused, ((4,),), lambda n: 1),
        Specimen("functional", Functional, ((3, 4),), lambda n: None, smooth=False),
        Specimen("in-place", InPlace, ((4,),), lambda n: [(i % 3,) for i in range(n)], smooth=False),
        Specimen("cnn", Convolutional, ((2, 6, 6),), lambda n: [i % 3 - 1 for i in range(n)], smooth=False),
        Specimen("lstm", Recurrent, ((4, 3),), lambda n: lambda output: output["logits"][:, 2]),
        Specimen("transformer", Attentive, ((4, 3),), lambda n: (-1, 2), twice=False),
        Specimen("two-inputs", TwoInputs, ((4,), (2, 3)), lambda n: None, _two_inputs_extra),
    )
}


def explained(model: nn.Module, inputs: Tensors, target: Any, additional_forward_args: Any) -> Tensor:
    """The explained value of every example, [n], chosen one by one."""
    extra = () if additional_forward_args is None else additional_forward_args
    output = model(*(each.clone() for each in inputs), *extra)
    if callable(target):
        return target(output)
    if target is None:
        return output.reshape(len(output), -1)[:, 0]
    targets = target if isinstance(target, list) else [target] * len(output)
    return torch.stack([each[index] for each, index in zip(output, targets, strict=True)])
