"""torchattacks' numbers, where definitions agree; it is optional: `pip install --no-deps torchattacks`."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pellucid.robust import FGSM, PGD

torchattacks = pytest.importorskip("torchattacks")

TARGETS = torch.tensor([0, 2, 1, 2])


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 36, 3)).eval()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def loss(output: Tensor, target: Tensor) -> Tensor:
    return cross_entropy(output, target, reduction="none")


def test_one_step_along_the_sign(model: nn.Module, images: Tensor):
    ours = FGSM(model, loss, lower_bound=0.0, upper_bound=1.0).perturb(images, epsilon=0.05, target=TARGETS)
    torch.testing.assert_close(ours, torchattacks.FGSM(model, eps=0.05)(images, TARGETS))


@pytest.mark.parametrize(("radius", "step_size", "steps"), [(0.05, 0.02, 7), (0.2, 0.01, 3)])
def test_steps_in_a_box(model: nn.Module, images: Tensor, radius: float, step_size: float, steps: int):
    attack = PGD(model, loss, lower_bound=0.0, upper_bound=1.0)
    ours = attack.perturb(images, radius=radius, step_size=step_size, step_num=steps, target=TARGETS)
    theirs = torchattacks.PGD(model, eps=radius, alpha=step_size, steps=steps, random_start=False)
    torch.testing.assert_close(ours, theirs(images, TARGETS))


@pytest.mark.parametrize(("radius", "step_size", "steps"), [(0.5, 0.2, 7), (2.0, 0.1, 3)])
def test_steps_in_a_ball_go_along_the_gradient(
    model: nn.Module, images: Tensor, radius: float, step_size: float, steps: int
):
    attack = PGD(model, loss, lower_bound=0.0, upper_bound=1.0)
    ours = attack.perturb(images, radius=radius, step_size=step_size, step_num=steps, target=TARGETS, norm="L2")
    theirs = torchattacks.PGDL2(model, eps=radius, alpha=step_size, steps=steps, random_start=False)
    torch.testing.assert_close(ours, theirs(images, TARGETS), rtol=1e-4, atol=1e-5)
