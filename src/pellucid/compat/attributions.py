"""The names of `captum.attr`: pellucid's own, or subclasses with Captum's defaults where pellucid's are others."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from pellucid import attr
from pellucid.compat import followed

CAPTUMS_DEFAULTS = {"perturbations_per_eval": 1}
"""Parameters whose default is another in Captum, and what it is there."""


def with_captums_defaults(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, with Captum's defaults."""
    signature = inspect.signature(function)
    defaults = {name: default for name, default in CAPTUMS_DEFAULTS.items() if name in signature.parameters}
    positions = {name: list(signature.parameters).index(name) for name in defaults}

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        missing = {name: default for name, default in defaults.items() if len(args) <= positions[name]}
        return function(*args, **{**missing, **kwargs})

    parameters = [
        parameter.replace(default=defaults.get(parameter.name, parameter.default))
        for parameter in signature.parameters.values()
    ]
    vars(called)["__signature__"] = signature.replace(parameters=parameters)
    return called


def _differing(cls: type) -> dict[str, Callable[..., Any]]:
    """The methods of a class itself that have one of the parameters, with Captum's defaults."""
    functions = {name: function for name, function in vars(cls).items() if inspect.isfunction(function)}
    return {
        name: with_captums_defaults(function)
        for name, function in functions.items()
        if CAPTUMS_DEFAULTS.keys() & inspect.signature(function).parameters.keys()
    }


def _as_in_captum(names: list[str]) -> dict[str, Any]:
    """Names of `pellucid.attr`; a class whose defaults differ gives way to a subclass, also as a base of the others."""
    public = {name: getattr(attr, name) for name in names} | followed.CLASSES
    classes = [value for value in public.values() if isinstance(value, type)]
    for cls in sorted(classes, key=lambda cls: len(cls.__mro__)):  # bases first
        methods = _differing(cls)
        if methods:
            over = getattr(attr, cls.__name__).__bases__
            bases = (public[base.__name__] for base in over if public.get(base.__name__, base) is not base)
            body = {"__doc__": cls.__doc__, "__module__": __name__, **methods}
            public[cls.__name__] = type(cls.__name__, (cls, *bases), body)
    return public


__all__ = list(attr.__all__)
globals().update(_as_in_captum(__all__))
