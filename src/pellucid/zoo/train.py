"""Train the models of the zoo that are trained, and store their weights: `python -m pellucid.zoo.train`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pellucid.zoo import planted

Data = Callable[[int, torch.Generator], tuple[Tensor, Tensor]]


def train(model: nn.Module, data: Data, steps: int) -> nn.Module:
    """Minimise the cross-entropy on batches of new examples."""
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.01)
    for _ in range(steps):
        inputs, classes = data(64, generator)
        optimiser.zero_grad()
        torch.autograd.backward(cross_entropy(model(inputs), classes))
        optimiser.step()
    return model


def main() -> None:
    """Train both and store them."""
    torch.manual_seed(0)
    for name, model, data in (
        ("planted_feature", planted.classifier(), planted.feature_data),
        ("planted_shortcut", planted.image_classifier(), planted.image_data),
    ):
        state = train(model, data, steps=400).state_dict()
        np.savez_compressed(planted.WEIGHTS / f"{name}.npz", **{key: value.numpy() for key, value in state.items()})


if __name__ == "__main__":
    main()
