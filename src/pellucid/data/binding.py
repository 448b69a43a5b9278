"""How models take structures: as one argument, as several, or by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pellucid.data.nested import is_numbers

Binding: TypeAlias = Callable[[Any], tuple[tuple[Any, ...], dict[str, Any]]]
"""Inputs -> the arguments and keywords of the model."""


def binding_of(
    model: Callable[..., Any], inputs: Any, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
) -> Binding:
    """How a model takes inputs of this structure.

    A tuple is several arguments, and so is a list of one, or where the model takes more than one; a mapping is keywords
    where the model has parameters of these names. Anything else is one argument.

    Args:
        model: The user's model.
        inputs: What the user gave.
        arguments: What the model takes after these.
        keywords: What it takes by name besides.
    """
    if isinstance(inputs, tuple) and not hasattr(inputs, "_fields"):
        return _one_by_one
    if isinstance(inputs, Mapping) and all(isinstance(key, str) for key in inputs) and _has_parameters(model, inputs):
        return _by_name
    several = isinstance(inputs, tuple | list) and not is_numbers(inputs)
    if several and (len(inputs) == 1 or not _takes(model, inputs, *arguments, **keywords)):
        return _one_by_one
    return alone


def alone(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """As one argument."""
    return (inputs,), {}


def _one_by_one(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return tuple(inputs), {}


def _by_name(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (), dict(inputs)


def _has_parameters(model: Callable[..., Any], names: Mapping[str, Any]) -> bool:
    """Whether a model has parameters of these names, and perhaps more, which further arguments are for."""
    try:
        _signature_of(model).bind_partial(**dict(names))
    except (TypeError, ValueError) as error:
        return _unbound(error)
    return True


def _takes(model: Callable[..., Any], *arguments: Any, **keywords: Any) -> bool:
    """Whether a model takes these arguments, and needs no more."""
    try:
        _signature_of(model).bind(*arguments, **keywords)
    except (TypeError, ValueError) as error:
        return _unbound(error)
    return True


def _signature_of(model: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(getattr(model, "forward", model))


def _unbound(error: Exception) -> bool:
    return False
