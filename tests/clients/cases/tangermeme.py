"""tangermeme: DeepLiftShap of DNA by Captum, with a custom attribution function and a generator of references."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from tangermeme.deep_lift_shap import _captum_deep_lift_shap, deep_lift_shap
from tangermeme.utils import random_one_hot
from torch import Tensor, nn

from clients.case import Case

DNA = random_one_hot((3, 4, 40), random_state=0).float()
REFERENCES = torch.stack([random_one_hot((6, 4, 40), random_state=seed).float() for seed in range(3)])


class Network(nn.Module):
    """A convolutional network of DNA, with a further argument of one number per sequence."""

    def __init__(self, activation: type[nn.Module] = nn.ReLU, pooled: bool = False) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(4, 8, 7),
            activation(),
            nn.MaxPool1d(2) if pooled else nn.Identity(),
            nn.Flatten(),
            nn.LazyLinear(6),
            activation(),
            nn.Linear(6, 2),
        )
        self.layers(DNA)

    def forward(self, dna: Tensor, offset: Tensor | None = None) -> Tensor:
        outputs = self.layers(dna)
        return outputs if offset is None else outputs + offset


def explained(model: type[nn.Module] | partial[nn.Module], **arguments: Any) -> Tensor:
    """The attributions of DNA."""
    return _captum_deep_lift_shap(model().eval(), DNA, device="cpu", random_state=0, **arguments)


CASES = {
    "references": Case(partial(explained, Network, references=REFERENCES)),
    "shuffled references": Case(partial(explained, Network, n_shuffles=5)),
    "hypothetical": Case(partial(explained, Network, references=REFERENCES, hypothetical=True, target=1)),
    "a further argument": Case(partial(explained, Network, references=REFERENCES, args=(torch.rand(3, 2),))),
    "max pooling": Case(
        partial(explained, partial(Network, pooled=True), references=REFERENCES),
        differs="A max pool after an activation misses some of the change in Captum, not in tangermeme's DeepLIFT",
        instead=lambda: deep_lift_shap(Network(pooled=True).eval(), DNA, references=REFERENCES, device="cpu"),
    ),
}
CASES |= {
    activation.__name__: Case(partial(explained, partial(Network, activation), references=REFERENCES))
    for activation in (nn.ELU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh, nn.Softplus)
}
