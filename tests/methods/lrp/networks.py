"""Models of which relevance keeps its sum."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from zoo.transformers import TINY, Headed


def network() -> nn.Module:
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3),
        nn.Sigmoid(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(), nn.Linear(16, 3),
    )  # fmt: skip
    nn.init.normal_(model[1].running_mean)
    nn.init.uniform_(model[1].running_var, 0.5, 2)
    nn.init.normal_(model[1].bias)
    return model


class Tokens(nn.Module):
    """A class token, positions, attention whose examples come second, and code between the modules."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.places = nn.Parameter(torch.randn(1, 1, 8)), nn.Parameter(torch.randn(6, 8))
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, norm_first=True, activation="gelu")
        self.last = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.places
        y = self.encoder(x.transpose(0, 1)).transpose(0, 1)
        y = y.masked_fill(torch.arange(6)[:, None] == 3, 0.7) * (1 + y.tanh())
        y = y.clone()
        y[:, 4, 2:] = 0.5
        return self.last(torch.where(torch.arange(8) > 5, y, 0.3)[:, :5].mean(1))


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "convolutions": (network, (2, 8, 8)),
    "tokens": (Tokens, (5, 8)),
    "LSTM": (lambda: Recurrent(), (5, 4)),
    "BERT": (lambda: Headed(BertModel(BertConfig(**TINY, attn_implementation="sdpa")), "inputs_embeds"), (4, 16)),
}


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.last = nn.LSTM(4, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.layer(x.transpose(0, 1))[0][-1])
