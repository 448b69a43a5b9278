"""Random networks: two of them have nothing in common but their inputs, and neither should their attributions."""

from __future__ import annotations

import torch
from torch import nn

from pellucid.zoo.known_model import KnownModel, leaves_random_state

WIDTH = 1024


def random_network(features: int, seed: int) -> nn.Module:
    """A network of one wide hidden layer, with weights drawn from a normal distribution."""
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Linear(features, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 1))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5, generator=generator)
    return model.eval().requires_grad_(False)


@leaves_random_state
def randomised() -> KnownModel:
    """A network with random weights: what it attends to is not what another one does."""
    generator = torch.Generator().manual_seed(0)
    sizes = torch.linspace(0.6, 1.4, 12)
    inputs = torch.stack([sizes[torch.randperm(12, generator=generator)] for _ in range(8)])
    inputs = inputs * torch.randn(8, 12, generator=generator).sign()
    return KnownModel(
        name="randomised",
        tests="Random weights: what another random network attends to must look different.",
        model=random_network(12, seed=3),
        inputs=inputs,
        baselines=torch.zeros_like(inputs),
        target=0,
        importance=torch.ones_like(inputs),
        unlike=random_network(12, seed=0),
        right=0.7,
        window=(1,),
        paper="Adebayo et al., Sanity checks for saliency maps, 2018; "
        "Nie et al., A theoretical explanation for perplexing behaviors of backpropagation-based visualizations, 2018",
    )
