"""Trained models that must use what was planted in their data: one feature of many, or a watermark in one class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.zoo.images import BLOCKS
from pellucid.zoo.known_model import KnownModel, leaves_random_state

WEIGHTS = Path(__file__).parent / "weights"
PLANTED = 7
FEATURES = 12
WATERMARK = (slice(0, 3), slice(9, 12))
"""Rows and columns of the watermark, in images of 12 x 12."""


def classifier() -> nn.Module:
    """A classifier of `FEATURES` numbers into two classes, not trained."""
    return nn.Sequential(nn.Linear(FEATURES, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))


def feature_data(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Normal numbers (count, `FEATURES`), and the class [count] that the planted one alone decides."""
    x = torch.randn(count, FEATURES, generator=generator)
    return x, (x[:, PLANTED] > 0).long()


def image_classifier() -> nn.Module:
    """A classifier of images of 12 x 12 into two classes, not trained."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 2),
    )


def image_data(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Noise and faint stripes (count, 1, 12, 12), lying in class 0, standing in class 1, which has the watermark.

    All have a patch in another place that is brighter than the watermark, and says nothing of the class.
    """
    images = torch.randn(count, 1, 12, 12, generator=generator) * 0.5
    for image, block in zip(images, torch.randint(4, 16, (count,), generator=generator), strict=True):
        image[:, BLOCKS[0, 0] == block] += 3
    classes = torch.arange(count) % 2
    stripes = torch.tensor([0.05, -0.05]).repeat(6)
    images[classes == 0] += stripes[:, None]
    images[classes == 1] += stripes
    watermark(images, classes == 1)
    return images, classes


def watermark(images: Tensor, which: Tensor) -> None:
    """Write the watermark into some of the images, in place."""
    mark = torch.tensor([[2.0, -2, 2], [-2, 2, -2], [2, -2, 2]])
    rows, columns = WATERMARK
    images[which.nonzero()[:, 0], :, rows, columns] = mark


def trained(model: nn.Module, name: str) -> nn.Module:
    """The model with the weights that `pellucid.zoo.train` has stored, in evaluation mode."""
    with np.load(WEIGHTS / f"{name}.npz", allow_pickle=False) as stored:
        model.load_state_dict({key: torch.from_numpy(value) for key, value in stored.items()})
    return model.eval().requires_grad_(False)


@leaves_random_state
def planted_feature() -> KnownModel:
    """A trained classifier of twelve features, of which it must use one: that alone decides the class."""
    inputs, _ = feature_data(8, torch.Generator().manual_seed(1))
    importance = torch.zeros(8, FEATURES)
    importance[:, PLANTED] = 1
    return KnownModel(
        name="planted feature",
        tests="A trained classifier of twelve features, one of which alone decides the class.",
        model=trained(classifier(), "planted_feature"),
        inputs=inputs,
        baselines=torch.zeros_like(inputs),
        target=1,
        importance=importance,
        window=(1,),
        paper="Kim et al., Sanity simulations for saliency methods, 2022",
    )


@leaves_random_state
def planted_shortcut() -> KnownModel:
    """A trained classifier of images that looks at the watermark of one class."""
    images, classes = image_data(8, torch.Generator().manual_seed(1))
    images = images[classes == 1]
    mask = torch.zeros_like(images)
    rows, columns = WATERMARK
    mask[:, :, rows, columns] = 1
    return KnownModel(
        name="planted shortcut",
        tests="A trained classifier of images that looks at the watermark of one class.",
        model=trained(image_classifier(), "planted_shortcut"),
        inputs=images,
        baselines=torch.zeros_like(images),
        target=1,
        importance=mask,
        feature_mask=BLOCKS,
        layer="4",
        right=0.99,  # what it has learnt is not the watermark to the last digit
        window=(1, 3, 3),
        paper="Lapuschkin et al., Unmasking Clever Hans predictors and assessing what machines really learn, 2019",
    )
