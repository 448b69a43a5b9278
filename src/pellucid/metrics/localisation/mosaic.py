"""Mosaics of images of two classes, of which one is explained."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument


class Mosaics(NamedTuple):
    """Mosaics of two by two images, two of which show the class that is explained.

    Args:
        inputs: The mosaics, (M, C, 2H, 2W).
        target: The class that is explained of each, int64 [M].
        truth: Where it is shown, bool (M, 1, 2H, 2W).
    """

    inputs: Tensor
    target: Tensor
    truth: Tensor


def mosaics(images: Tensor, classes: Tensor, count: int, *, seed: int = 0) -> Mosaics:
    """Mosaics of two images of one class and two of others, in random places.

    Args:
        images: (B, C, H, W).
        classes: The class of each, int64 [B]; at least one class must have two.
        count: How many mosaics.
        seed: Seeds what is drawn.

    Raises:
        InvalidArgument: There are not enough images, or not one class for each, or classes are no integers.

    Examples:
        >>> import torch
        >>> from pellucid.metrics import mosaics
        >>> made = mosaics(torch.rand(8, 3, 4, 4), torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]), count=5)
        >>> made.inputs.shape, made.truth.float().mean()
        (torch.Size([5, 3, 8, 8]), tensor(0.5000))
    """
    check_count("count", count)
    if images.ndim != 4 or classes.shape != images.shape[:1]:
        raise InvalidArgument(
            f"images must be (B, C, H, W), and classes one for each: got {summary(images)} and {summary(classes)}."
        )
    if classes.is_floating_point() or classes.is_complex():
        raise InvalidArgument(f"classes must be integers: got {summary(classes)}. Hint: classes.long().")
    labels = classes.cpu().long()
    numbers, sizes = (found.tolist() for found in torch.unique(labels, return_counts=True))
    candidates = [number for number, size in zip(numbers, sizes, strict=True) if size >= 2 and len(labels) - size >= 2]
    if not candidates:
        raise InvalidArgument("images must be two of a class at least, and two of others: got fewer.")
    generator = torch.Generator(device="cpu").manual_seed(seed)
    inputs, targets, truths = [], [], []
    for _ in range(count):
        target = candidates[int(torch.randint(len(candidates), (), generator=generator, device="cpu"))]
        shown, others = (
            which[torch.randperm(len(which), generator=generator, device="cpu")[:2]]
            for which in ((labels == target).nonzero().flatten(), (labels != target).nonzero().flatten())
        )
        places = torch.randperm(4, generator=generator, device="cpu")
        tiles = images[torch.cat([shown, others])[places].to(images.device)]
        inside = (places < 2).view(2, 2)
        rows = [torch.cat([tiles[2 * row], tiles[2 * row + 1]], dim=2) for row in range(2)]
        inputs.append(torch.cat(rows, dim=1))
        targets.append(target)
        height, width = images.shape[2:]
        truths.append(inside.repeat_interleave(height, 0).repeat_interleave(width, 1)[None])
    return Mosaics(
        torch.stack(inputs), torch.tensor(targets, device=images.device), torch.stack(truths).to(images.device)
    )
