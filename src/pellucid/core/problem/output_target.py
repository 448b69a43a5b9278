"""The base of ready-made targets: functions of the output with settings that may differ from example to example."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from pellucid.core.summaries import Summarized
from pellucid.core.tensors import describe, format_names
from pellucid.errors import InvalidArgument

AnOutputTarget = TypeVar("AnOutputTarget", bound="OutputTarget")


@dataclass(frozen=True, eq=False)
class OutputTarget(Summarized, ABC):
    """A function of a model's output that returns one value per example.

    A setting is one for all examples, or holds one for each, in a first dimension.
    """

    DIMENSIONS: ClassVar[Mapping[str, int]] = {}
    """The settings that may differ from example to example, and how many dimensions one of them has."""

    @abstractmethod
    def __call__(self, output: Any) -> Tensor:
        """The values [n] of an output for n examples."""

    @property
    def settings_per_example(self) -> dict[str, Tensor]:
        """The settings of which there is one for each example, (B, ...) each."""
        given = ((name, getattr(self, name), dimensions) for name, dimensions in self.DIMENSIONS.items())
        tensors = (
            (name, torch.as_tensor(value), dimensions)
            for name, value, dimensions in given
            if value is not None and not isinstance(value, str)
        )
        return {name: tensor for name, tensor, dimensions in tensors if tensor.ndim > dimensions}

    def select(self: AnOutputTarget, examples: Tensor) -> AnOutputTarget:
        """The same for these examples, int64 [n]."""
        settings = self.settings_per_example
        return replace(self, **{name: tensor[examples.to(tensor.device)] for name, tensor in settings.items()})


def tensor_called(output: Any, *names: str) -> Tensor:
    """A tensor of an output: the output itself, or what it has under the first of these names.

    Args:
        output: A tensor, a mapping, or an object with attributes.
        names: The names under which models return it.

    Raises:
        InvalidArgument: There is no such tensor.
    """
    if isinstance(output, Tensor):
        return output
    found = (output.get(name) if isinstance(output, Mapping) else getattr(output, name, None) for name in names)
    tensor = next((value for value in found if isinstance(value, Tensor)), None)
    if tensor is None:
        came = format_names(output) if isinstance(output, Mapping) else describe(output)
        raise InvalidArgument(
            f"model must return a tensor, or one as {' or '.join(names)}: got {came}. "
            f"Hint: target=lambda output: ..., a function of what it returns."
        )
    return tensor


def picked(values: Tensor, *index: Any) -> Tensor:
    """One value for each row of a tensor (n, ...), at an index that is the same for all rows or one per row, [n]."""
    rows = torch.arange(len(values), device=values.device)
    return values[(rows, *(torch.as_tensor(position, device=values.device) for position in index))]
