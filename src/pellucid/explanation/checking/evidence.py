"""What checks look at: a model, its inputs, and how they were explained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction, function_of
from pellucid.core.games.features import Features
from pellucid.core.problem.attributions import Attributions
from pellucid.core.problem.problem import Problem
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, as_tensor_tuple, is_floating, unwrap_single
from pellucid.explanation.features import with_dense_masks
from pellucid.explanation.part import Part
from pellucid.explanation.parts import parts_of_inputs, parts_of_layer
from pellucid.explanation.question import Question
from pellucid.explanation.result import result_of
from pellucid.metrics.given import of_features

MOST_FEATURES = 64
"""Into so many groups features are joined at most, where each is taken away by itself."""

ENOUGH_FOR_RANGES = 8
"""From so many examples on, their columns have ranges."""

CHANNELS = (1, 3, 4)
"""How many channels images have."""


@final
@dataclass(frozen=True, eq=False)
class Evidence(Summarized):
    """A question, and its answer as tensors.

    Args:
        question: The question.
        by_baseline: See [result_of][pellucid.explanation.result.result_of].
        promised: Whether its method promises that values add up.
        random_orders: How many random orders of features are tried.
        seed: Seeds what checks draw.
    """

    question: Question
    by_baseline: bool
    promised: bool
    random_orders: int
    seed: int

    @cached_property
    def problem(self) -> Problem:
        """The question as a problem of the engine."""
        return self.question.problem()

    @property
    def is_of_inputs(self) -> bool:
        """Whether attributions are of the inputs, and not of a layer."""
        return self.question.asked.source is None and not self.question.choice.problem.get("gradient_at")

    @property
    def is_signed(self) -> bool:
        """Whether values speak for the target or against it."""
        facts = self.question.choice.facts
        return facts is None or "signed" in facts.promises

    @property
    def can_be_moved(self) -> bool:
        """Whether inputs can be moved a little: ids of tokens, and other integers, cannot."""
        return all(map(is_floating, self.question.arrangement.tensors))

    @cached_property
    def spread(self) -> Tensors:
        """What noise is a share of: of tables the range of each column, as these are of different units; () of others.

        Of few rows there is no range, and numbers move by a share of themselves.
        """
        x = self.problem.inputs
        if not self._are_tables:
            return ()
        if len(x[0]) < ENOUGH_FOR_RANGES:
            return tuple(tensor.abs() for tensor in x)
        return tuple(tensor.amax(0, keepdim=True) - tensor.amin(0, keepdim=True) for tensor in x)

    @property
    def _are_tables(self) -> bool:
        return not self.question.arrangement.embedded_texts and all(x.ndim == 2 for x in self.problem.inputs)

    @cached_property
    def attributions(self) -> Tensors:
        """The attributions, (B, ...) each."""
        return self.explain(function_of(self.problem)).values

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The attributions as the explanation has them: of inputs, or of a layer."""
        if not self.question.asked_of_layer and self.is_of_inputs:
            parts = parts_of_inputs(self.question, self.attributions, None)
            return with_dense_masks(parts, self.question.mask[1])[0]
        return parts_of_layer(self.question, self.attributions, None, (), "")

    @property
    def explain(self) -> Callable[[ModelFunction], Attributions]:
        """Attributes as the explanation did; the same function for all checks, which share what it was asked."""
        return self._explain

    @cached_property
    def _explain(self) -> Callable[[ModelFunction], Attributions]:
        return self.by(self.question)

    def by(self, question: Question) -> Callable[[ModelFunction], Attributions]:
        """Attributes as the answer of another question would be made.

        Args:
            question: The question.
        """

        def explain(f: ModelFunction) -> Attributions:
            values = result_of(question, question.choice.method, f, by_baseline=self.by_baseline).values
            of_features = question.mask[0] is not None and "feature_mask" in question.choice.takes
            return Attributions(values, of_features=of_features)

        return explain

    @cached_property
    def feature_mask(self) -> Any:
        """What one feature is to a reader: pixels with all their channels, tokens with all their numbers."""
        given = self.question.mask[0]
        if given is not None:
            return given
        arrangement, masks, start = self.question.arrangement, [], 0
        for index, x in zip(arrangement.attributed, self.problem.inputs, strict=True):
            mask = _numbered(x, _dimensions_of_features(x, index in arrangement.embedded_texts)) + start
            masks.append(mask)
            start = int(mask.max()) + 1 if mask.numel() else start
        return unwrap_single(tuple(masks))

    @cached_property
    def features(self) -> Features:
        """The features."""
        return Features.of(self.problem.inputs, self.feature_mask)

    @cached_property
    def groups(self) -> Any:
        """The features, joined to few where they are many: neighbours in their order, or squares of an image."""
        if self.features.count <= MOST_FEATURES:
            return self.feature_mask
        masks = as_tensor_tuple(self.feature_mask, "feature_mask")
        if len(masks) == 1 and masks[0].ndim == 4 and self.question.mask[0] is None:
            return _squares(masks[0])
        return unwrap_single(tuple(mask * MOST_FEATURES // self.features.count for mask in self.features.masks))

    def of_groups(self, attributions: Tensors) -> Tensor:
        """Attributions of these groups, float64 [B, groups].

        Args:
            attributions: Of elements, (B, ...) each.
        """
        return of_features(Features.of(self.problem.inputs, self.groups), attributions)

    @property
    def baselines(self) -> Any:
        """What takes the place of features that are gone."""
        return None if self.removal is not None else self.question.baselines.value

    @property
    def removal(self) -> Any:
        """How features are taken away, where users said so."""
        return self.question.choice.call.get("removal")


def _dimensions_of_features(x: Tensor, is_embedded: bool) -> tuple[int, ...]:
    """The dimensions in which features differ."""
    if is_embedded:
        return tuple(range(1, x.ndim - 1))
    if x.ndim == 4:
        channels_last = x.shape[3] in CHANNELS and x.shape[1] not in CHANNELS
        return (1, 2) if channels_last else (2, 3)
    return tuple(range(1, x.ndim))


def _numbered(x: Tensor, kept: tuple[int, ...]) -> Tensor:
    """Numbers from 0 on along these dimensions, int64 (1, ...), of one entry in all others."""
    mask = torch.zeros([1] * x.ndim, dtype=torch.int64, device=x.device)
    for dimension in kept:
        size = x.shape[dimension]
        along = [1] * dimension + [-1] + [1] * (x.ndim - dimension - 1)
        mask = mask * size + torch.arange(size, device=x.device).view(along)
    return mask


def _squares(pixels: Tensor) -> Tensor:
    """The mask of pixels, joined to squares."""
    side = int(MOST_FEATURES**0.5)
    mask = torch.zeros([1] * 4, dtype=torch.int64, device=pixels.device)
    for dimension in range(1, 4):
        size = pixels.shape[dimension]
        if size > 1:
            along = [1] * dimension + [-1] + [1] * (3 - dimension)
            places = torch.arange(size, device=pixels.device) * min(side, size) // size
            mask = mask * min(side, size) + places.view(along)
    return mask
