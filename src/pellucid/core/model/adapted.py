"""A model that is given tensors, and calls another one with what these are arranged into."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from torch import Future

from pellucid.core.futures import then
from pellucid.core.summaries import Summarized

Arrange: TypeAlias = Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]
"""Makes the arguments and keywords of a model of tensors, and of what else it takes."""


@final
@dataclass(frozen=True, eq=False)
class AdaptedModel(Summarized):
    """A user's model as a function of tensors.

    Args:
        model: The user's model.
        arrange: Makes its arguments.
        convert: What is done to its output; None for nothing.
        within: Makes the context that it runs in, of the tensors.
        takes: How the user's model is called with the user's inputs, for errors.
    """

    model: Callable[..., Any]
    arrange: Arrange
    convert: Callable[[Any], Any] | None = None
    within: Callable[..., AbstractContextManager[Any]] = nullcontext
    takes: str = ""

    def __call__(self, *tensors: Any) -> Any:
        """What the user's model returns."""
        arguments, keywords = self.arrange(*tensors)
        with self.within(tensors):
            output = self.model(*arguments, **keywords)
        if self.convert is None:
            return output
        return then(output, self.convert) if isinstance(output, Future) else self.convert(output)
