"""Where in a tensor the channels are, and where the space: pixels, time steps or tokens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from pellucid.core.evaluation.model_function import ModelFunction

CHANNELS_SECOND = (_ConvNd, _NormBase, nn.GroupNorm)
"""Modules whose channels come right after the examples; those of any other with weights come last."""

MOST_BEFORE = 16
"""Before the patches of an image come no more tokens than these."""


@final
@dataclass(frozen=True)
class ChannelLayout:
    """How a tensor becomes one of shape (B, C, *spatial).

    Args:
        last: Whether the channels are last, not second.
        grid: The height and the width in patches of the image whose patches the tokens are; None for no image.

    Examples:
        >>> import torch
        >>> from pellucid.methods.cam.channels import ChannelLayout
        >>> ChannelLayout(last=True, grid=(2, 3))(torch.zeros(1, 7, 5)).shape
        torch.Size([1, 5, 2, 3])
    """

    last: bool = False
    grid: tuple[int, int] | None = None

    @classmethod
    def of(cls, tensor: Tensor, f: ModelFunction, modules: Iterable[nn.Module] = ()) -> ChannelLayout:
        """The layout of a tensor, by the sizes of weights.

        First those of the modules around it are asked, then those of the whole model. A convolution or batch norm with
        as many channels as the second dimension, and as many dimensions of space, says that these are the channels; any
        other weights of the size of the last dimension, such as those of a linear layer or layer norm, that the last
        one is. If nobody says anything, channels are second.

        Args:
            tensor: An input, or a tensor at a layer.
            f: The function.
            modules: The layer.
        """
        if tensor.ndim < 3:
            return cls()
        around = [each for module in modules for each in module.modules()]
        answers = (_channels_last(tensor, each) for each in (around, f.session.info.modules))
        last = next((answer for answer in answers if answer is not None), False)
        return cls(last, patch_grid(tensor.shape[1], f) if last and tensor.ndim == 3 else None)

    def __call__(self, tensor: Tensor) -> Tensor:
        """A tensor as (B, C, *spatial); of tokens, those of the image."""
        if tensor.ndim < 3:
            return tensor.reshape(len(tensor), -1)
        arranged = tensor.movedim(-1, 1) if self.last else tensor
        return arranged if self.grid is None else tokens_to_grid(arranged, self.grid)

    def back(self, arranged: Tensor) -> Tensor:
        """What was made of an input for one (B, C, *spatial), for the input as it is."""
        return arranged.movedim(1, -1) if self.last else arranged


def tokens_to_grid(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Tokens (..., T) where their patches are, (..., height, width); without those that come before them."""
    height, width = grid
    return tokens[..., -height * width :].reshape(*tokens.shape[:-1], height, width)


def patch_grid(tokens: int, f: ModelFunction) -> tuple[int, int] | None:
    """How many square patches high and wide the images are, if there is a token for each and few more before them.

    One more is a class. Several, such as that of a distillation and registers, are believed where weights of the model
    have the size of such a patch, as an embedding of patches has.
    """
    image = _image(f)
    if image is None:
        return None
    channels, height, width = image.shape[1:]
    weights = (weight for module in f.session.info.modules for weight in module.parameters(recurse=False))
    embedded = {weight.shape[1:].numel() for weight in weights if weight.ndim > 1}
    grids = {}
    for size in range(1, min(height, width) + 1):
        if height % size == 0 == width % size:
            high, wide = height // size, width // size
            grids[tokens - high * wide] = high, wide, MOST_BEFORE if channels * size**2 in embedded else 1
    fitting = [(before, (high, wide)) for before, (high, wide, most) in grids.items() if 0 <= before <= most]
    return min(fitting)[1] if fitting else None


def _image(f: ModelFunction) -> Tensor | None:
    """The first input that is an image, (B, C, H, W)."""
    image = next((each for each in f.problem.inputs if each.ndim == 4), None)
    return None if image is None else ChannelLayout.of(image, f)(image)


def _channels_last(tensor: Tensor, modules: Iterable[nn.Module]) -> bool | None:
    """Whether the channels are last; None where nobody knows."""
    last = False
    for module in modules:
        weights = list(module.parameters(recurse=False))
        if not isinstance(module, CHANNELS_SECOND):
            last |= any(tensor.shape[-1] in each.shape for each in weights if each.ndim < 3)
        elif weights and weights[0].ndim in (1, tensor.ndim) and tensor.shape[1] in weights[0].shape[:2]:
            return False
    return last or None
