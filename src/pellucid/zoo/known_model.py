"""A model with a known answer: what is asked of it, and what is right."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid.summaries import Summarized

Quantity = Literal[
    "gradient",
    "gradient times input",
    "integrated gradients",
    "contributions to the difference",
    "removal",
    "Shapley values",
    "Banzhaf values",
    "Shapley interactions",
]
"""What a method computes by its definition, where that has a closed form."""

CHANGES: tuple[Quantity, ...] = (
    "integrated gradients",
    "contributions to the difference",
    "removal",
    "Shapley values",
    "Banzhaf values",
)
"""What agrees on a sum of functions of one feature each: the change of each function from its baseline."""


@dataclass(frozen=True, eq=False, kw_only=True)
class KnownModel(Summarized):
    """A small model, what is asked of it, and what is right.

    Args:
        name: What it is called.
        tests: What it tests, in one sentence.
        model: The model, in evaluation mode.
        inputs: The examples, of shape (B, ...).
        baselines: Baselines of the same shape.
        target: The element of the output that is explained, or None where the output is one number per example.
        importance: How much each feature matters, of shape (B, ...): larger is more, and the order of equal ones is
            open. A mask of ones and zeros where only the place is known.
        values: What methods of a given [Quantity][pellucid.zoo.known_model.Quantity] must return, where that is known
            in closed form, each of shape (B, ...); of interactions (B, features, features).
        source: The layer whose tensors are attributed to, if not the inputs.
        source_baselines: The baselines there, of the layer's shape.
        embedding: The layer that makes vectors of ids, where the inputs are ids: the source of methods that take
            gradients.
        layer: The layer of maps, for class activation maps.
        neuron: The layer, and the unit of it, through which all flows that decides, if there is one.
        token: The position from which attention is followed, if the model attends.
        feature_mask: Which elements are one feature, of a shape that broadcasts to the inputs'.
        unlike: A model whose attributions these must not resemble; of `importance`, the shape alone then counts.
        right: The score from which an answer is right; see [concordance][pellucid.zoo.scores.concordance].
        window: The window of [Occlusion][pellucid.methods.Occlusion], without the batch.
        paper: Where the model, or what it shows, was first written about.
    """

    name: str
    tests: str
    model: nn.Module
    inputs: Tensor
    baselines: Tensor
    importance: Tensor
    target: int | None = None
    values: Mapping[Quantity, Tensor] = field(default_factory=lambda: MappingProxyType({}))
    source: str | None = None
    source_baselines: Tensor | None = None
    embedding: str | None = None
    layer: str | None = None
    neuron: tuple[str, int] | None = None
    token: int | None = None
    unlike: nn.Module | None = None
    right: float = 1.0
    feature_mask: Tensor | None = None
    window: tuple[int, ...] | None = None
    paper: str | None = None

    def copied(self) -> KnownModel:
        """The same with a model, inputs and baselines of its own, which a method may write into."""
        model, inputs, baselines = deepcopy((self.model, self.inputs, self.baselines))
        return replace(self, model=model, inputs=inputs, baselines=baselines)


def leaves_random_state(make: Callable[[], KnownModel]) -> Callable[[], KnownModel]:
    """Have a function that makes a model put back the random state that initial weights are drawn from."""

    @functools.wraps(make)
    def made() -> KnownModel:
        with torch.random.fork_rng(devices=[]):
            return make()

    return made
