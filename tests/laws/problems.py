"""Problems for tests, which say in one breath what is asked and how the model is to be run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from pellucid.core.evaluation.model_function import ModelFunction, function_of
from pellucid.methods import Options, Problem

OPTIONS = {field.name for field in dataclasses.fields(Options)}


def problem_of(model: Callable[..., Any], inputs: Any, **settings: Any) -> Problem:
    """A problem with the options among the settings in their place."""
    options = {name: settings.pop(name) for name in OPTIONS & settings.keys()}
    return Problem(model, inputs, options=Options(**options), **settings)


def f_of(model: Callable[..., Any], inputs: Any, **settings: Any) -> ModelFunction:
    """The function of such a problem."""
    return function_of(problem_of(model, inputs, **settings))
