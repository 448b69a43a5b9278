"""Which dimension of a tensor holds the examples, which the channels, and which are space: pixels, steps or tokens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.model.channels import CHANNELS_SECOND, channels_last
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, format_shapes
from pellucid.errors import InvalidArgument

MAX_PREFIX_TOKENS = 16
"""The most tokens (class, distillation, registers) that are taken to come before the patches of an image."""


@final
@dataclass(frozen=True)
class ChannelLayout(Summarized):
    """How a tensor becomes one of shape (B, C, *spatial).

    Args:
        last: Whether the channels are the last dimension, not the second.
        grid: Where tokens are the patches of an image, its height and width in patches; else None.

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
        """The layout of a tensor, inferred from the sizes of weights: those of the layer, or else of the whole model.

        See [channels_last][pellucid.core.model.channels.channels_last].

        Args:
            tensor: An input, or a tensor at a layer.
            f: The function.
            modules: The layer, for a tensor there.
        """
        if tensor.ndim < 3:
            return cls()
        last = channels_last(tensor, modules, f.session.info.modules)
        return cls(last, patch_grid(tensor.shape[1], f) if last and tensor.ndim == 3 else None)

    def __call__(self, tensor: Tensor) -> Tensor:
        """The tensor as (B, C, *spatial); of tokens only those of the image's patches."""
        if tensor.ndim < 3:
            return tensor.reshape(len(tensor), -1)
        channels = tensor.movedim(-1, 1) if self.last else tensor
        return channels if self.grid is None else tokens_to_grid(channels, self.grid)

    def restore(self, channels: Tensor) -> Tensor:
        """A tensor (B, C, *spatial) in the order of dimensions that this layout is of; without a grid."""
        return channels.movedim(1, -1) if self.last else channels


def examples_second(f: ModelFunction, tensors: Tensors) -> list[bool]:
    """For each tensor at a layer, whether the examples are its second dimension, as in recurrent layers.

    Where the sizes leave that open, as with as many time steps as examples, a forward of one example tells.

    Args:
        f: The function, with gradients at the layer.
        tensors: The tensors there for its own points.

    Raises:
        InvalidArgument: The sizes leave it open, and the model takes its whole batch alone.
    """
    site, n = f.evaluator.gradient_at, len(f)
    if any(isinstance(module, CHANNELS_SECOND) for module in site.modules):
        return [False] * len(tensors)
    may_be = [tensor.ndim == 3 and tensor.shape[1] == n and tensor.shape[:2] != (1, 1) for tensor in tensors]
    unsure = [maybe and n > 1 and len(tensor) % n == 0 for maybe, tensor in zip(may_be, tensors, strict=True)]
    if not any(unsure):
        return may_be
    if f.session.whole_batch:
        raise InvalidArgument(
            f"reshape_transform must say which dimension of the layer's {format_shapes(tensors)} counts the {n} "
            "examples. Hint: lambda h: h.movedim(-1, 1) for the first, lambda h: h.permute(1, 2, 0) for the second."
        )
    shapes = f.evaluator.shapes_at(f.points[:1], site)
    return [maybe and shape[1] == 1 for maybe, shape in zip(may_be, shapes, strict=True)]


def tokens_to_grid(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Tokens (..., T) as a grid of patches, (..., height, width); without the tokens that come before the patches."""
    height, width = grid
    return tokens[..., -height * width :].reshape(*tokens.shape[:-1], height, width)


def patch_grid(tokens: int, f: ModelFunction) -> tuple[int, int] | None:
    """The height and width of images in square patches, if there is a token for each patch and few tokens before them.

    One token before the patches, the class token, is always admitted. More of them, such as a distillation token and
    registers, are admitted where weights of the model have the size of a patch, as a patch embedding's have.

    Args:
        tokens: The number of tokens, T.
        f: The function, whose first input with four dimensions is the images.

    Returns:
        The grid with the fewest tokens before the patches; None where no grid fits.
    """
    image = _image(f)
    if image is None:
        return None
    channels, height, width = image.shape[1:]
    weights = (weight for module in f.session.info.modules for weight in module.parameters(recurse=False))
    input_sizes = {weight.shape[1:].numel() for weight in weights if weight.ndim > 1}
    grids = []
    for size in range(1, min(height, width) + 1):
        if height % size == 0 == width % size:
            rows, columns = height // size, width // size
            prefix, most = tokens - rows * columns, MAX_PREFIX_TOKENS if channels * size**2 in input_sizes else 1
            if 0 <= prefix <= most:
                grids.append((prefix, (rows, columns)))
    return min(grids)[1] if grids else None


def _image(f: ModelFunction) -> Tensor | None:
    """The first input that holds images, as (B, C, H, W)."""
    image = next((x for x in f.problem.inputs if x.ndim == 4), None)
    return None if image is None else ChannelLayout.of(image, f)(image)
