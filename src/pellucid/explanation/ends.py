"""The outputs that attributions lie between: the prediction, and that where no feature is there."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pellucid.core.evaluation.completeness import as_single_sample
from pellucid.core.evaluation.model_function import ModelFunction, function_of
from pellucid.core.evaluation.point_samplers import precomputed_points
from pellucid.core.evaluation.sweep import values_at
from pellucid.core.futures import to_completion
from pellucid.core.games.game import Game
from pellucid.core.tensors import Tensors, array_of
from pellucid.explanation.part import Array
from pellucid.explanation.question import Question
from pellucid.explanation.result import uses_baselines


def outputs_at_ends_of(question: Question) -> tuple[Array, Array]:
    """The target's values at the inputs and at the baselines, float64 [B] each, or [B, K] of several targets."""
    f = question.function()
    if question.asked_of_layer and question.target is None:
        nothing = np.full(question.examples, np.nan)
        return nothing, nothing.copy()
    prediction = _at(question, f, f.x)
    examples = question.examples
    if len(prediction) != examples:
        prediction = np.broadcast_to(prediction, (examples, *prediction.shape[1:])).copy()
    return prediction, _start(question, f, prediction)


def _at(question: Question, f: ModelFunction, points: Tensors) -> Array:
    values = question.run(f, lambda f: values_at(f, 1, precomputed_points(as_single_sample(points))))
    outputs: Array = array_of(values[:, 0].detach()).astype(np.float64)
    return outputs


def _start(question: Question, f: ModelFunction, prediction: Array) -> Array:
    """The target's values where no feature is there; NaN of methods without baselines."""
    removal = question.choice.call.get("removal")
    if removal is None and not uses_baselines(question):
        return np.full_like(prediction, np.nan)
    if question.is_game_of_layer:
        f = function_of(question.problem())
    baselines = None if removal is not None else question.baselines.value
    together = tuple(torch.zeros_like(x[:1], dtype=torch.int64) for x in f.x)

    async def absent(f: ModelFunction) -> Tensor:
        game = Game(f, together, baselines, removal)
        return await game.values(1, lambda *_: torch.zeros(1, 1, len(game.active_features), dtype=torch.bool))

    values = array_of(question.run(f, to_completion(absent)).detach()).astype(np.float64)
    start: Array = np.broadcast_to(values.reshape(-1, *prediction.shape[1:]), prediction.shape).copy()
    return start
