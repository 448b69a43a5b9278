"""Whether baselines are neutral: a class that they are already taken for is not explained by what they lack."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.errors import warn
from pellucid.explanation.part import Array
from pellucid.explanation.question import Question
from pellucid.explanation.result import uses_baselines
from pellucid.explanation.target_names import class_names, target_names, unit_of
from pellucid.methods import Background


def warn_of_biased_baselines(question: Question) -> None:
    """Warn where the baseline itself scores high for the class that is explained.

    Args:
        question: The question, of classes or not.
    """
    outputs, targets = question.outputs, _classes(question)
    if outputs is None or targets is None or question.is_game_of_layer or not uses_baselines(question):
        return
    baselines = question.baselines.value
    if isinstance(baselines, Background):
        return
    f = question.function()
    like = None if question.choice.takes_gradients else f.x  # ids that are taken away stay ids
    at_baselines = question.outputs_of(f.baselines(baselines, like=like))
    probabilities = at_baselines.double() if unit_of(question) == "probability" else at_baselines.double().softmax(1)
    classes = outputs.shape[1]
    scores = probabilities.gather(1, targets[:, None])[:, 0]
    high = scores > 0.5 + 0.5 / classes
    hint = "baselines='mean' with background=..., or a data set as baselines"
    hint = "baselines=, another token, or other texts" if question.arrangement.texts else hint
    if bool(high.any()):
        worst = int(scores.argmax())
        warn(
            f"baselines themselves score {float(scores[worst]):.2f} for {target_names(question)[worst]!r}, which is "
            f"explained, in {int(high.sum())} of {len(scores)} examples: what the inputs share with them is not told. "
            f"Hint: {hint}."
        )


UNCHANGED = 1e-6
"""A change of the output that is a smaller share of it is none."""


def note_of_no_change(prediction: Array, start: Array) -> tuple[str, ...]:
    """A note where the output is the same at the baselines, so that attributions that add up to nothing tell little.

    Args:
        prediction: The output at the inputs, [B].
        start: The output at the baselines, [B].
    """
    unchanged = np.abs(prediction - start) <= UNCHANGED * np.maximum(np.abs(prediction), np.abs(start))
    count, total = int(unchanged.sum()), len(prediction)
    if not count:
        return ()
    return (
        f"The output does not change from the baselines to the inputs in {count} of {total} examples: attributions "
        "cancel, and hide what features do together. Hint: method='shapley_interactions', or other baselines.",
    )


def _classes(question: Question) -> Tensor | None:
    """The class that is explained of each example, int64 [B]; None where no class is."""
    outputs, target = question.outputs, question.target
    if outputs is None or outputs.ndim != 2 or len(outputs) != question.examples or not outputs.is_floating_point():
        return None
    if not _are_of_classes(question):
        return None
    count = outputs.shape[1]
    listed = list(target) if isinstance(target, list | Tensor) else [target]
    numbers = [_number(question, each) for each in listed]
    if count < 2 or None in numbers or len(numbers) not in (1, question.examples):
        return None
    return torch.tensor([number % count for number in numbers if number is not None]).expand(question.examples)


def _are_of_classes(question: Question) -> bool:
    """Whether outputs are known to be those of classes, and not several numbers of whatever kind.

    So they are where one of them was predicted, where they have names, or are logits or probabilities.
    """
    is_predicted = question.asked.target is None
    return is_predicted or bool(class_names(question)) or unit_of(question) != ""


def _number(question: Question, target: Any) -> int | None:
    """The number of a class; None of what is no class."""
    if isinstance(target, str):
        return next((number for number, name in class_names(question).items() if name == target), None)
    is_number = isinstance(target, int) or (isinstance(target, Tensor) and target.ndim == 0)
    return int(target) if is_number else None
