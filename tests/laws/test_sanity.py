"""Maps and gradients depend on what a network has learnt; guided backpropagation hardly does.

Adebayo et al., "Sanity checks for saliency maps", 2018, https://arxiv.org/abs/1810.03292: the upper layers of a
trained network are randomised, and the ranks of attributions compared.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid import attr
from pellucid.methods import GradCam, HiResCam, Problem

SIZE, CLASSES = 12, 4


def images(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noise with a pattern somewhere: one of two diagonals, a cross, a ring."""
    generator = torch.Generator().manual_seed(seed)
    one = torch.eye(4)
    ring = torch.ones(4, 4)
    ring[1:3, 1:3] = 0
    patterns = torch.stack([one, one.flip(1), (one + one.flip(1)).clamp(max=1), ring])
    x, labels = torch.randn(count, 1, SIZE, SIZE, generator=generator) / 2, torch.arange(count) % CLASSES
    corners = torch.randint(0, SIZE - 3, (count, 2), generator=generator).tolist()
    for image, label, (row, column) in zip(x, labels, corners, strict=True):
        image[0, row : row + 4, column : column + 4] += 3 * patterns[label]
    return x, labels


@functools.cache
def trained() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 16, 3, padding=1), nn.ReLU(), nn.Flatten(),
            nn.Linear(16 * 36, 24), nn.ReLU(), nn.Linear(24, CLASSES),
        )  # fmt: skip
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        for step in range(120):
            x, labels = images(64, seed=step)
            optimizer.zero_grad()
            functional.cross_entropy(model(x), labels).backward()
            optimizer.step()
        return model.eval()


def randomised(layers: tuple[int, ...], seed: int) -> nn.Sequential:
    """The network with some layers as they are before training, from another seed."""
    model = copy.deepcopy(trained())
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for layer in layers:
            model[layer].reset_parameters()
    return model


def ranks(values: Tensor) -> Tensor:
    return values.flatten(1).argsort(1).argsort(1).double()


def rank_correlation(one: Tensor, other: Tensor) -> float:
    """Spearman's, example by example, and their mean."""
    first, second = (each - each.mean(1, keepdim=True) for each in map(ranks, (one, other)))
    return float(((first * second).sum(1) / (first.norm(dim=1) * second.norm(dim=1))).mean())


METHODS: dict[str, Callable[[nn.Module, Tensor, Tensor], Tensor]] = {
    "gradients": lambda model, x, y: attr.Saliency(model).attribute(x, y),
    "GradCam": lambda model, x, y: GradCam(relu_attributions=False)(
        Problem(model, x, target=y, gradient_at="6")
    ).values[0],
    "HiResCam": lambda model, x, y: HiResCam(relu_attributions=False)(
        Problem(model, x, target=y, gradient_at="6")
    ).values[0],
    "GuidedBackprop": lambda model, x, y: attr.GuidedBackprop(model).attribute(x, y).abs(),
}
DENSE = (8, 10)
"""The layers behind the convolutions."""


def kept(method: str) -> float:
    """How much is left of a method's ranks when the top of the network is random, the mean over networks."""
    x, labels = images(64, seed=999)
    before = METHODS[method](trained(), x, labels)
    after = [METHODS[method](randomised(DENSE, seed), x, labels) for seed in range(1, 6)]
    return sum(rank_correlation(before, each) for each in after) / len(after)


def test_the_network_has_learnt():
    x, labels = images(256, seed=999)
    assert (trained()(x).argmax(1) == labels).float().mean() > 0.95


@pytest.mark.parametrize("method", ["gradients", "GradCam", "HiResCam"])
def test_what_depends_on_what_was_learnt(method: str):
    assert kept(method) < 0.6


def test_guided_backpropagation_hardly_does():
    assert kept("GuidedBackprop") > max(0.65, kept("gradients") + 0.15)


def test_the_same_network_gives_the_same_map():
    x, labels = images(64, seed=999)
    for method in METHODS.values():
        found = method(trained(), x, labels)
        assert rank_correlation(found, found) == pytest.approx(1)
