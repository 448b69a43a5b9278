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

    A tuple is several arguments, a named one where the model takes as many, and so is a list of one, or where the model
    takes more than one; a mapping is keywords where the model has parameters of these names. Anything else is one
    argument.

    Args:
        model: The user's model.
        inputs: The inputs.
        arguments: What it takes after them.
        keywords: What it takes by name besides.
    """
    if isinstance(inputs, tuple) and (not hasattr(inputs, "_fields") or _binds(model, (*inputs, *arguments), keywords)):
        return _one_by_one
    has_names = isinstance(inputs, Mapping) and all(isinstance(key, str) for key in inputs)
    if has_names and _binds(model, (), {**inputs, **keywords}, partly=True):
        return _by_name
    is_list = isinstance(inputs, tuple | list) and not is_numbers(inputs)
    if is_list and (len(inputs) == 1 or not _binds(model, (inputs, *arguments), keywords)):
        return _one_by_one
    return alone


def described(binding: Binding, inputs: Any) -> str:
    """How a model is called with inputs that are a structure, for an error."""
    kind = type(inputs).__name__
    if binding is alone and isinstance(inputs, Mapping):
        names = ", ".join(str(key) for key in list(inputs)[:4])
        return f"tuple(inputs.values()), as the model has no parameters {names}, and is called with one {kind}."
    if binding is alone and isinstance(inputs, list | tuple):
        return f"tuple(inputs), as the model is called with one {kind}."
    return ""


def alone(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """As one argument."""
    return (inputs,), {}


def _one_by_one(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return tuple(inputs), {}


def _by_name(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (), dict(inputs)


def _binds(
    model: Callable[..., Any], arguments: tuple[Any, ...], keywords: Mapping[str, Any], *, partly: bool = False
) -> bool:
    """Whether a model takes these arguments, by its signature; or takes them and perhaps needs more."""
    original = getattr(model, "_orig_mod", model)  # of a compiled module, whose own signature says nothing
    try:
        taken = inspect.signature(getattr(original, "forward", original))
        (taken.bind_partial if partly else taken.bind)(*arguments, **keywords)
    except (TypeError, ValueError) as error:
        return _unbound(error)
    return True


def _unbound(error: Exception) -> bool:
    return False
