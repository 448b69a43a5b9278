"""Ready-made targets of policies and of embeddings: the action taken, the similarity of two things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import torch
from torch import Tensor
from torch.distributions import Distribution

from pellucid.core.problem.output_target import OutputTarget, chosen, tensor_called
from pellucid.core.problem.sequences import Indices
from pellucid.core.summaries import summary
from pellucid.core.tensors import describe
from pellucid.errors import InvalidArgument


@final
@dataclass(frozen=True, eq=False)
class Action(OutputTarget):
    """The logarithm of the probability that a policy gives an action.

    v = log pi(action | x)

    Args:
        action: The action: its number, one for all examples or one for each; for a policy that returns a distribution
            also what its `log_prob` takes, with the examples first.

    Examples:
        >>> import torch
        >>> from pellucid.targets import Action
        >>> Action(0)(torch.tensor([[0.0, 0.0]])).exp()
        tensor([0.5000])
        >>> Action(1.0)(torch.distributions.Normal(torch.zeros(1), torch.ones(1)))
        tensor([-1.4189])
    """

    action: Indices | float

    DIMENSIONS: ClassVar[Mapping[str, int]] = {"action": 0}

    def __call__(self, output: Any) -> Tensor:
        """The values [n] of logits (n, actions), or of a distribution of n actions."""
        if not isinstance(output, Distribution):
            return chosen(torch.log_softmax(tensor_called(output, "logits"), -1), ("action", self.action))
        action = torch.as_tensor(self.action)
        log_probability: Tensor = output.log_prob(action)
        return log_probability.flatten(1).sum(1) if log_probability.ndim > 1 else log_probability


@final
@dataclass(frozen=True, eq=False)
class EmbeddingSimilarity(OutputTarget):
    """The similarity of two embeddings: of both that a model returns, or of one with a given one.

    v = u . w / (|u| |w|), or u . w

    Args:
        embedding: What the model's embedding is compared with, (D,) or (B, D); None for a model that returns both.
        measure: "cosine" or "dot".

    Examples:
        >>> import torch
        >>> from pellucid.targets import EmbeddingSimilarity
        >>> pair = torch.tensor([[3.0, 4.0]]), torch.tensor([[4.0, 3.0]])
        >>> EmbeddingSimilarity()(pair), EmbeddingSimilarity(pair[1], "dot")(pair[0])
        (tensor([0.9600]), tensor([24.]))
    """

    embedding: Tensor | None = None
    measure: Literal["cosine", "dot"] = "cosine"

    DIMENSIONS: ClassVar[Mapping[str, int]] = {"embedding": 1}

    def __post_init__(self) -> None:
        if self.measure not in ("cosine", "dot"):
            raise InvalidArgument(f'measure must be "cosine" or "dot": got {summary(self.measure)}.')

    def __call__(self, output: Any) -> Tensor:
        """The values [n] of embeddings (n, D), or of a pair of these."""
        first, second = self._pair(output)
        if first.shape[1:] != second.shape[-1:]:
            raise InvalidArgument(
                "embeddings must be vectors of one size: "
                f"got {tuple(first.shape[1:])} and {tuple(second.shape[1:] or second.shape)}."
            )
        similarity = torch.linalg.vecdot if self.measure == "dot" else torch.cosine_similarity
        return similarity(first, second.to(first).expand_as(first), dim=-1)

    def _pair(self, output: Any) -> tuple[Tensor, Tensor]:
        """Both embeddings."""
        if self.embedding is not None:
            return tensor_called(output, "embedding", "pooler_output"), torch.as_tensor(self.embedding)
        if isinstance(output, tuple | list) and len(output) == 2:
            return output[0], output[1]
        raise InvalidArgument(
            f"model must return two embeddings: got {describe(output)}. Hint: EmbeddingSimilarity(embedding) for one."
        )
