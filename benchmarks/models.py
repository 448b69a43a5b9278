"""The networks, and what each is fed: `Scene`s, the same on every call."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn


class Scene(NamedTuple):
    """A model in evaluation mode and a batch of inputs for it."""

    model: nn.Module
    inputs: Tensor


WORDS = 1000
"""The tokens that the reader knows."""

Stage: TypeAlias = Callable[[], Scene]
"""Sets a scene; a function of a module or a `partial` of one, so that it can be sent to another process."""


def scene_of(make: Callable[[], nn.Module], *shape: int, words: int | None = None) -> Scene:
    """A model with its first weights, and what it is fed: numbers of a shape, or words."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = make().eval()
        return Scene(model, torch.randn(shape) if words is None else torch.randint(words, shape))


def tiny(batch: int) -> Scene:
    """The smallest network worth the name, 3-3-2: what a call costs besides the model."""
    return scene_of(lambda: nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2)), batch, 3)


def titanic(batch: int) -> Scene:
    """12-12-8-2 with sigmoids, the size of Captum's first tutorial and of `pellucid demo`."""

    def make() -> nn.Module:
        hidden = (nn.Linear(12, 12), nn.Sigmoid(), nn.Linear(12, 8), nn.Sigmoid())
        return nn.Sequential(*hidden, nn.Linear(8, 2), nn.Softmax(dim=1))

    return scene_of(make, batch, 12)


def perceptron(batch: int = 64, features: int = 100) -> Scene:
    """A table's network: two hidden layers of 128."""

    def make() -> nn.Module:
        hidden = (nn.Linear(features, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU())
        return nn.Sequential(*hidden, nn.Linear(128, 10))

    return scene_of(make, batch, features)


def convolutional(batch: int = 8) -> Scene:
    """A small CNN on 3x32x32: two convolutions, each pooled, and a linear layer."""

    def make() -> nn.Module:
        first = (nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        second = (nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(64 * 8 * 8, 10))

    return scene_of(make, batch, 3, 32, 32)


def pooled(batch: int = 4, size: int = 64) -> Scene:
    """One convolution, pooled, and a linear layer: little to compute for what moves through memory."""

    def make() -> nn.Module:
        first = (nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2))
        return nn.Sequential(*first, nn.Flatten(), nn.Linear(8 * ((size - 2) // 2) ** 2, 10))

    return scene_of(make, batch, 3, size, size)


def recurrent(batch: int = 16, tokens: int = 32) -> Scene:
    """An LSTM of width 64, fed embeddings."""
    return scene_of(Recurrent, batch, tokens, 32)


def encoder(batch: int = 4, tokens: int = 64) -> Scene:
    """A transformer encoder of 6 layers and width 256, fed embeddings."""
    return scene_of(Encoder, batch, tokens, 256)


def reader(batch: int = 4, tokens: int = 64) -> Scene:
    """The same encoder, fed the ids of tokens."""
    return scene_of(Reader, batch, tokens, words=WORDS)


def resnet(batch: int = 4, size: int = 64) -> Scene:
    """A network of ResNet-18's layout and size."""
    return scene_of(ResNet, batch, 3, size, size)


class Recurrent(nn.Module):
    """An LSTM, the mean over the tokens, ten classes."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.LSTM(32, 64, batch_first=True)
        self.head = nn.Linear(64, 10)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Scores of the classes, (n, 10), of embeddings (n, tokens, 32)."""
        scores: Tensor = self.head(self.layers(embeddings)[0].mean(1))
        return scores


class Encoder(nn.Module):
    """Six layers of self-attention, the mean over the tokens, ten classes."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(256, nhead=8, dim_feedforward=1024, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, num_layers=6, enable_nested_tensor=False)
        self.head = nn.Linear(256, 10)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Scores of the classes, (n, 10), of embeddings (n, tokens, 256)."""
        scores: Tensor = self.head(self.layers(embeddings).mean(1))
        return scores


class Reader(nn.Module):
    """An embedding of each token, and the encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 256)
        self.encoder = Encoder()

    def forward(self, ids: Tensor) -> Tensor:
        """Scores of the classes, (n, 10), of ids (n, tokens)."""
        scores: Tensor = self.encoder(self.embedding(ids))
        return scores


class ResNet(nn.Sequential):
    """A stem, four stages of two residual blocks, the mean over the image, a thousand classes."""

    def __init__(self) -> None:
        stem = (*_convolution(3, 64, size=7, stride=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2, padding=1))
        widths = (64, 64, 128, 256, 512)
        stages = [
            Residual(wide if block else narrow, wide, stride=2 if wide > narrow and not block else 1)
            for narrow, wide in pairwise(widths)
            for block in range(2)
        ]
        super().__init__(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))


class Residual(nn.Module):
    """Two convolutions, added to their input."""

    def __init__(self, narrow: int, wide: int, stride: int) -> None:
        super().__init__()
        first = _convolution(narrow, wide, size=3, stride=stride)
        self.body = nn.Sequential(*first, nn.ReLU(inplace=True), *_convolution(wide, wide, size=3))
        same = stride == 1 and narrow == wide
        self.shortcut = nn.Sequential(*(() if same else _convolution(narrow, wide, size=1, stride=stride)))
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Features (n, wide, ...) of features (n, narrow, ...)."""
        out: Tensor = self.activation(self.body(x) + self.shortcut(x))
        return out


def _convolution(narrow: int, wide: int, size: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(narrow, wide, size, stride, padding=size // 2, bias=False), nn.BatchNorm2d(wide)
