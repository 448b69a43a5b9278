"""What targets are called, and what outputs are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.core.problem.class_names import ClassNames
from pellucid.core.summaries import summary
from pellucid.explanation.question import Question, names_of_classes


def class_names(question: Question) -> Mapping[int, str]:
    """The names of classes, by number: those that users give, or the model knows."""
    numbers = ClassNames(question.model, names_of_classes(question.asked)).numbers
    return {number: name for name, number in numbers.items()}


def target_names(question: Question) -> tuple[str, ...]:
    """What is explained of each example."""
    target = question.target
    if isinstance(target, list | Tensor) and len(target) == question.examples:
        return tuple(name_of_target(question, each) for each in target)
    return (name_of_target(question, target),) * question.examples


def name_of_target(question: Question, target: Any) -> str:
    """What a target is called: the name of a class, `output 3`, or what users typed."""
    if isinstance(target, Tensor) and target.numel() == 1:
        target = int(target)
    if target is None:
        return question.output_name or "output"
    if not isinstance(target, int | np.integer) or isinstance(target, bool):
        return target if isinstance(target, str) else summary(target)
    number = int(target)
    if number < 0 and question.outputs is not None and question.outputs.ndim == 2:
        number += question.outputs.shape[1]
    kind = "class" if unit_of(question) == "probability" else "output"
    return class_names(question).get(number, f"{kind} {number}")


def unit_of(question: Question) -> str:
    """What outputs are: `logit` by their name, `probability` where those of an example add up to one, "" of others."""
    outputs = question.outputs
    if outputs is None or not outputs.is_floating_point():
        return ""
    if "logits" in question.output_name:
        return "logit"
    are_several = outputs.ndim == 2 and outputs.shape[1] > 1
    if not are_several or not bool((outputs >= 0).all()):
        return ""
    sums = outputs.double().sum(1)
    return "probability" if torch.allclose(sums, torch.ones_like(sums), atol=1e-3) else ""
