"""A model of images: a detector whose template is known."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.zoo.known_model import KnownModel, leaves_random_state
from pellucid.zoo.quantity import SLOPES

BLOCKS = torch.arange(16).reshape(4, 4).repeat_interleave(3, 0).repeat_interleave(3, 1)[None, None]
"""Patches of 3 x 3 of images of 12 x 12, as features."""

TEMPLATE = torch.tensor([[1.0, -1, 1], [-1, 1, -1], [1, -1, 1]])


class Detector(nn.Module):
    """How well the best of 4 x 4 patches matches a template of 3 x 3: a convolution, a threshold, the maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.match = nn.Conv2d(1, 1, 3, stride=3)
        self.match.load_state_dict({"weight": TEMPLATE[None, None], "bias": torch.tensor([-4.0])})
        self.threshold = nn.ReLU()

    def forward(self, images: Tensor) -> Tensor:
        """One number per image, of images (B, 1, 12, 12)."""
        matches: Tensor = self.threshold(self.match(images))
        return matches.amax((1, 2, 3))


@leaves_random_state
def template_detector() -> KnownModel:
    """A detector whose template lies in one patch of the image, amid noise, and beside a patch that is brighter."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 1, 12, 12, generator=generator) * 0.2
    mask = torch.zeros(2, 1, 12, 12)
    for image, (row, column) in enumerate([(3, 6), (6, 0)]):
        patch = (image, 0, slice(row, row + 3), slice(column, column + 3))
        images[patch] += TEMPLATE
        images[image, 0, 9:, 3:6] += 2  # a brighter patch, which does not match
        mask[patch] = 1
    gradient = mask * TEMPLATE.tile(4, 4)
    match = (gradient * images).sum((1, 2, 3), keepdim=True)
    output = match - 4
    return KnownModel(
        name="template detector",
        tests="A convolution: the patch that matches its template matters, and not noise, or a brighter patch.",
        model=Detector().eval(),
        inputs=images,
        baselines=torch.zeros_like(images),
        importance=mask,
        values={
            **dict.fromkeys(SLOPES, gradient),
            "gradient times input": gradient * images,
            "contributions to the difference": gradient * images * output / match,
            **dict.fromkeys(("removal", "Shapley values", "Banzhaf values", "Owen values"), mask * output),
            "Shapley interactions": torch.diag_embed((mask * output)[:, 0, ::3, ::3].flatten(1)),
        },
        feature_mask=BLOCKS,
        layer="threshold",
        window=(1, 3, 3),
    )
