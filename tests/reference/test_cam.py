"""Class activation maps and attention rollout are what the papers' formulas say, in plain loops."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid import methods
from pellucid.methods import AttentionRollout, EigenCam, Problem, ScoreCam
from reference import cam

SEEDS = pytest.mark.parametrize("seed", range(4))


def network(seed: int) -> tuple[nn.Sequential, nn.Module, nn.Module, Tensor]:
    """A model, its layers up to the third and those behind it, and images."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        before = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Tanh(), nn.Conv2d(5, 4, 2))
        after = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(80, 6), nn.Tanh(), nn.Linear(6, 3))
        model = nn.Sequential(*before, *after).double().eval().requires_grad_(False)
        return model, before, after, torch.randn(3, 3, 7, 8).double()


def close(found: Tensor, expected: Tensor, atol: float = 1e-10) -> None:
    assert expected.any()
    torch.testing.assert_close(found, expected[:, None], rtol=1e-9, atol=atol)


@SEEDS
@pytest.mark.parametrize("layer", [1, 3])
@pytest.mark.parametrize("name", cam.OF_GRADIENTS)
def test_of_gradients(name: str, layer: int, seed: int):
    model, *_, x = network(seed)
    (found,) = getattr(methods, name)()(Problem(model, x, target=1, gradient_at=str(layer))).values
    close(found, cam.of_gradients(name, model[: layer + 1], model[layer + 1 :], x, 1))


@SEEDS
@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_score_cam(baseline: float, seed: int):
    model, before, after, x = network(seed)
    (found,) = ScoreCam()(Problem(model, x, target=1, gradient_at="2"), baseline).values
    close(found, cam.score_cam(before, after, x, 1, baseline))


@SEEDS
@pytest.mark.parametrize("layer", [2, 3])
def test_eigen_cam(layer: int, seed: int):
    model, *_, x = network(seed)
    (found,) = EigenCam()(Problem(model, x, gradient_at=str(layer))).values
    close(found, cam.eigen_cam(model[: layer + 1], x), atol=1e-6)


class Attending(nn.Module):
    """Three layers of attention, whose weights anybody may look at."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.MultiheadAttention(8, 2, batch_first=True) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x)[0].sum((1, 2))

    def run(self, x: Tensor, *, looked_at: bool = False) -> tuple[Tensor, list[Tensor]]:
        weights = []
        for layer in self.layers:
            attended, each = layer(x, x, x, need_weights=looked_at, average_attn_weights=False)
            x, weights = x + attended, [*weights, each]
        return x, weights


@SEEDS
def test_rollout(seed: int):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model, x = Attending().double().eval(), torch.randn(3, 6, 8).double() * 3
    (found,) = AttentionRollout()(Problem(model, x)).values
    with torch.no_grad():
        expected = cam.rollout(model.run(x, looked_at=True)[1])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
