"""Texts and images, as models take them: through a tokenizer, or a processor of images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pellucid.core.model.inspection import root_modules
from pellucid.errors import InvalidArgument


def is_image(value: object) -> bool:
    """Whether a value is an image of Pillow."""
    return type(value).__module__.startswith("PIL.")


def processed(inputs: Any, model: Any, tokenizer: Any = None, processor: Any = None) -> Any:
    """Texts and images as what the model takes; any other inputs unchanged.

    Args:
        inputs: A text or an image, or a list of these; or anything else.
        model: The user's model, which may have a `processor` of its own.
        tokenizer: What makes ids of texts.
        processor: What makes tensors of images: a processor of transformers, or a function of one image.

    Raises:
        InvalidArgument: There is nothing that makes tensors of them.
    """
    several = inputs if isinstance(inputs, list | tuple) and inputs else (inputs,)
    if all(isinstance(value, str) for value in several):
        if tokenizer is None:
            raise InvalidArgument("inputs must be tensors: got text. Hint: tokenizer=...")
        return _beside(model, tokenizer(list(several), return_tensors="pt", padding=True))
    if not all(map(is_image, several)):
        return inputs
    names = ("processor", "image_processor")
    own = (getattr(root, name, None) for root in root_modules(model) for name in names)
    chosen: Callable[..., Any] | None = next(filter(None, (processor, *own)), None)
    if chosen is None:
        raise InvalidArgument("inputs must be tensors: got images. Hint: processor=..., what makes tensors of images.")
    if hasattr(chosen, "model_input_names"):
        return _beside(model, chosen(images=list(several), return_tensors="pt"))
    tensors = [torch.as_tensor(chosen(image)) for image in several]
    return _beside(model, torch.stack([_without_batch(tensor) for tensor in tensors]))


def _beside(model: Any, made: Any) -> Any:
    """Tensors, or an encoding of them, on the device of the model."""
    parameters = (parameter for root in root_modules(model) for parameter in root.parameters())
    first = next(parameters, None)
    return made if first is None or not hasattr(made, "to") else made.to(first.device)


def _without_batch(tensor: Tensor) -> Tensor:
    """An image (C, H, W), also of a function that makes a batch of one."""
    return tensor[0] if tensor.ndim == 4 and len(tensor) == 1 else tensor
