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
from pellucid.errors import InvalidArgument, OutOfRange

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
        settings = {name: getattr(self, name) for name in self.DIMENSIONS}
        tensors = {
            name: torch.as_tensor(value)
            for name, value in settings.items()
            if value is not None and not isinstance(value, str)
        }
        return {name: tensor for name, tensor in tensors.items() if tensor.ndim > self.DIMENSIONS[name]}

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
    values = (output.get(name) if isinstance(output, Mapping) else getattr(output, name, None) for name in names)
    tensor = next((value for value in values if isinstance(value, Tensor)), None)
    if tensor is None:
        came = format_names(output) if isinstance(output, Mapping) else describe(output)
        raise InvalidArgument(
            f"model must return a tensor, or one as {' or '.join(names)}: got {came}. "
            f"Hint: target=lambda output: ..., a function of what it returns."
        )
    return tensor


def chosen(values: Tensor, *settings: tuple[str, Any]) -> Tensor:
    """What each row of a tensor (n, ...) holds at an index.

    Args:
        values: The tensor.
        settings: The name and the value of the index in each dimension after the first: one number, or one per row.

    Raises:
        InvalidArgument: The tensor has too few dimensions.
        OutOfRange: An index is beyond it.
    """
    if values.ndim <= len(settings):
        names = " and ".join(name for name, _ in settings)
        raise InvalidArgument(
            f"model must return an output of {len(settings) + 1} dimensions, with the examples first, for {names}: "
            f"got {describe(values)}."
        )
    index = [torch.as_tensor(value, device=values.device) for _, value in settings]
    for (name, _), numbers, size in zip(settings, index, values.shape[1:], strict=False):
        beyond = (numbers < -size) | (numbers >= size)
        if beyond.any():
            raise OutOfRange(
                f"{name} {int(numbers[beyond].flatten()[0])} is beyond the output's {size} values "
                f"(0 to {size - 1}), of {describe(values)}."
            )
    all_rows = (torch.arange(len(values), device=values.device),)
    return values[all_rows + tuple(index)]
