"""Weights with a class: of safetensors, or of torch, which `weights_only` keeps from running code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pellucid.commands.models.attribute import attribute_of
from pellucid.commands.models.loaded import LoadedModel, ModelOptions
from pellucid.commands.usage import UsageError
from pellucid.errors import InvalidFile

INSIDE = ("state_dict", "model_state_dict", "model")
"""Where checkpoints have the weights of the model among other things."""

MOST = 3
"""How many names of weights an error lists."""


def model_of_safetensors(text: str, options: ModelOptions) -> LoadedModel:
    """A model of a class, with the weights of a file of safetensors.

    Args:
        text: The file.
        options: The class and its arguments.

    Raises:
        UsageError: The class is not said.
        InvalidFile: The weights are not those of the class.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not options.class_name:
        raise UsageError(f"MODEL {text} holds weights alone. Hint: --class package.module:Class.")
    try:
        weights = load_file(text)
    except SafetensorError as error:
        raise InvalidFile(f"{text}: it is no file of safetensors, or only a part of one ({error}).") from error
    code = (f"model.load_state_dict(safetensors.torch.load_file({text!r}))",)
    return _with_weights(text, weights, options, ("import safetensors.torch",), code)


def model_of_state_dict(text: str, options: ModelOptions) -> LoadedModel:
    """A model of a class, with the weights of a file of torch, from which nothing but tensors is read.

    Args:
        text: The file.
        options: The class and its arguments.

    Raises:
        InvalidFile: It holds more than tensors, or the weights are not those of the class.
    """
    import pickle

    import torch

    try:
        held = torch.load(text, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InvalidFile(
            f"{text}: it holds more than weights. Hint: --trust without --class, if it is from someone you trust."
        ) from error
    except (RuntimeError, EOFError) as error:
        raise InvalidFile(f"{text}: it is no file of torch, or only a part of one ({type(error).__name__}).") from error
    inside = next((name for name in INSIDE if isinstance(held, dict) and isinstance(held.get(name), dict)), "")
    weights = held[inside] if inside else held
    if not isinstance(weights, Mapping) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise InvalidFile(f"{text}: it must hold a mapping of tensors: got {type(weights).__name__}.")
    of = f'["{inside}"]' if inside else ""
    code = (f"model.load_state_dict(torch.load({text!r}, weights_only=True){of})",)
    return _with_weights(text, weights, options, ("import torch",), code)


def _with_weights(
    text: str, weights: Mapping[str, Any], options: ModelOptions, imports: tuple[str, ...], code: tuple[str, ...]
) -> LoadedModel:
    """A model of the class, with these weights."""
    kind = attribute_of(options.class_name, "--class")
    arguments = _arguments(options.class_arguments)
    positional, named = (arguments, {}) if isinstance(arguments, list) else ([], arguments)
    model = kind(*positional, **named)
    wrong = _differences(model.state_dict(), weights)
    if wrong:
        raise InvalidFile(f"{text} has not the weights of {options.class_name}: it {wrong}. Hint: --class-arguments.")
    model.load_state_dict(weights)
    model.eval()
    listed = ", ".join([*map(repr, positional), *(f"{name}={value!r}" for name, value in named.items())])
    home, _, name = options.class_name.rpartition(":")
    first, made = f"import {home}", f"model = {home}.{name}({listed})"
    if home.endswith(".py"):
        first, made = "import runpy", f'model = runpy.run_path({home!r})["{name}"]({listed})'
    return LoadedModel(model=model, code=(*imports, first, made, *code, "model.eval()"))


def _differences(expected: Mapping[str, Any], weights: Mapping[str, Any]) -> str:
    """What weights are not as a model has them; "" where they are."""
    shapes = {name: (tuple(expected[name].shape), tuple(weights[name].shape)) for name in expected if name in weights}
    wrong = {
        "lacks": [name for name in expected if name not in weights],
        "holds besides": [name for name in weights if name not in expected],
        "has other shapes of": [
            f"{name}, {wanted} expected, {given} given" for name, (wanted, given) in shapes.items() if wanted != given
        ],
    }
    return "; ".join(f"{verb} {_listed(names)}" for verb, names in wrong.items() if names)


def _arguments(text: str) -> Any:
    try:
        arguments = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--class-arguments must be JSON: got {text!r}. Hint: '{{\"width\": 3}}'.") from error
    if not isinstance(arguments, dict | list):
        raise UsageError("--class-arguments must be an object or a list of JSON. Hint: '{\"width\": 3}'.")
    return arguments


def _listed(names: list[str]) -> str:
    return ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")
