"""Ready-made targets of sequences: values at a position, classes of tokens, ends of spans, next tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias, final

import torch
from torch import Tensor

from pellucid.core.problem.output_target import OutputTarget, chosen, tensor_called
from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument

Indices: TypeAlias = "int | Sequence[int] | Tensor"
"""One number for all examples, or one for each."""


@final
@dataclass(frozen=True, eq=False)
class Position(OutputTarget):
    """The value at a position of a sequence.

    v = y[position], of an output (B, T)

    Args:
        position: The position, one for all examples or one for each; from the end where negative.

    Examples:
        >>> import torch
        >>> from pellucid.targets import Position
        >>> Position(-1)(torch.tensor([[1.0, 2.0, 3.0]]))
        tensor([3.])
    """

    position: Indices

    DIMENSIONS: ClassVar[Mapping[str, int]] = {"position": 0}

    def __call__(self, output: Any) -> Tensor:
        """The values [n] of an output (n, T), or of its `logits`."""
        return chosen(tensor_called(output, "logits"), ("position", self.position))


@final
@dataclass(frozen=True, eq=False)
class TokenClass(OutputTarget):
    """The score of a class for a token, as of named entities or parts of speech.

    v = y[position, label], of an output (B, T, classes)

    Args:
        position: The token's position, one for all examples or one for each.
        label: The class, its number or its name, one for all or one number for each.

    Examples:
        >>> import torch
        >>> from pellucid.targets import TokenClass
        >>> TokenClass(1, 0)(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
        tensor([3.])
    """

    position: Indices
    label: Indices | str

    DIMENSIONS: ClassVar[Mapping[str, int]] = {"position": 0, "label": 0}

    def __call__(self, output: Any) -> Tensor:
        """The values [n] of an output (n, T, classes), or of its `logits`."""
        return chosen(tensor_called(output, "logits"), ("position", self.position), ("label", self.label))


@final
@dataclass(frozen=True, eq=False)
class NextToken(OutputTarget):
    """The logarithm of the probability that a language model gives a token.

    v = log softmax(y[position])[token], of an output (B, T, vocabulary)

    Args:
        token: The token's number, one for all examples or one for each.
        position: The position whose output says what comes next: the last one unless said.

    Examples:
        >>> import torch
        >>> from pellucid.targets import NextToken
        >>> NextToken(1)(torch.tensor([[[0.0, 0.0], [0.0, 0.0]]])).exp()
        tensor([0.5000])
    """

    token: Indices
    position: Indices = -1

    DIMENSIONS: ClassVar[Mapping[str, int]] = {"token": 0, "position": 0}

    def __call__(self, output: Any) -> Tensor:
        """The values [n] of an output (n, T, vocabulary), or of its `logits`."""
        logits = chosen(tensor_called(output, "logits"), ("position", self.position))
        return chosen(torch.log_softmax(logits, -1), ("token", self.token))


@final
@dataclass(frozen=True, eq=False)
class Span(OutputTarget):
    """The score of a position as the start or the end of a span, as of an answer in a text.

    v = y_start[position], or y_end[position], of outputs (B, T)

    Args:
        end: "start" or "end".
        position: The position, one for all examples or one for each.

    Examples:
        >>> import torch
        >>> from pellucid.targets import Span
        >>> answer = {"start_logits": torch.tensor([[1.0, 2.0]]), "end_logits": torch.tensor([[3.0, 4.0]])}
        >>> Span("start", 0)(answer), Span("end", 1)(answer)
        (tensor([1.]), tensor([4.]))
    """

    end: Literal["start", "end"]
    position: Indices

    DIMENSIONS: ClassVar[Mapping[str, int]] = {"position": 0}

    def __post_init__(self) -> None:
        if self.end not in ("start", "end"):
            raise InvalidArgument(f'end must be "start" or "end": got {summary(self.end)}.')

    def __call__(self, output: Any) -> Tensor:
        """The values [n] of the `start_logits` or `end_logits` of an output, or of a tuple of the two, (n, T) each."""
        if isinstance(output, tuple) and not hasattr(output, "start_logits"):
            output = dict(zip(("start_logits", "end_logits"), output, strict=False))
        elif isinstance(output, Tensor):
            output = {"start_logits": output[..., 0], "end_logits": output[..., 1]}
        return chosen(tensor_called(output, f"{self.end}_logits"), ("position", self.position))
