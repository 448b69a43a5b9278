"""pnpxai: those of its explainers that are Captum's, of images and of a model of two inputs."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from pnpxai import explainers
from pnpxai.explainers.utils.feature_masks import Slic
from torch import Tensor, nn

from clients.case import Case
from clients.regressions import ROUNDED, UNFINISHED, surrogate

BLOCKS = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
IMAGES = BLOCKS.repeat_interleave(4, 2).repeat_interleave(4, 3)  # which have superpixels
WORDS = torch.tensor([[1, 4, 2, 0], [3, 3, 5, 1]])
CLASSES = torch.tensor([2, 0])


class Images(nn.Module):
    """A convolutional network."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classes = nn.Linear(8, 3)
        nn.init.normal_(self.classes.weight, std=5.0)  # large enough for Lime's lasso not to give zeros

    def forward(self, images: Tensor) -> Tensor:
        return self.classes(self.pool(self.features(images)).flatten(1))


class Questions(nn.Module):
    """A network of images and of questions about them."""

    def __init__(self) -> None:
        super().__init__()
        self.images = Images()
        self.words = nn.Embedding(6, 4)
        self.classes = nn.Linear(4, 3)

    def forward(self, images: Tensor, words: Tensor) -> Tensor:
        return self.images(images) * self.classes(self.words(words).mean(1)).sigmoid()


def of_images(explainer: str, **arguments: Any) -> Tensor:
    """The attributions of images."""
    return getattr(explainers, explainer)(Images().eval(), **arguments).attribute(IMAGES, CLASSES)


def of_questions(explainer: str, **arguments: Any) -> Any:
    """The attributions of images and questions, at layers: an input's name, or the embedding."""
    model = Questions().eval()
    arguments = {"layer": ["images", model.words], **arguments}
    return getattr(explainers, explainer)(model, **arguments).attribute((IMAGES, WORDS), CLASSES)


CASES = {
    name: Case(partial(of_images, name, **arguments))
    for name, arguments in {
        "GradCam": {},
        "GuidedGradCam": {},
        "GradientXInput": {},
        "IntegratedGradients": {"n_steps": 20},
    }.items()
}
CASES |= {
    "IntegratedGradients, a function's baselines": Case(
        partial(of_images, "IntegratedGradients", baseline_fn=lambda images: images.flip(3))
    ),
    "GradCam, bicubic": Case(partial(of_images, "GradCam", interpolate_mode="bicubic")),
    "KernelShap": surrogate(partial(of_images, "KernelShap", n_samples=100), ROUNDED),
    "KernelShap, another segmentation": surrogate(
        partial(of_images, "KernelShap", n_samples=100, feature_mask_fn=Slic(n_segments=8)), ROUNDED
    ),
    "Lime": surrogate(partial(of_images, "Lime", n_samples=100), UNFINISHED),
    "IntegratedGradients, two inputs": Case(
        partial(of_questions, "IntegratedGradients", baseline_fn=(torch.zeros_like, torch.zeros_like))
    ),
    "GradientXInput, two inputs": Case(partial(of_questions, "GradientXInput")),
}
