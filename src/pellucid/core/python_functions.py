"""Functions of torch that are written in Python, run so that their own calls can be seen."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeAlias, TypeGuard

TorchFunction: TypeAlias = Callable[..., Any]
"""A function of torch, as modes are given it."""


def is_python_function(function: TorchFunction) -> TypeGuard[FunctionType]:
    """Whether a function is one of torch's that are written in Python."""
    return isinstance(function, FunctionType) and function.__module__.startswith("torch")


@functools.lru_cache(maxsize=1000)
def without_dispatch(function: TorchFunction) -> TorchFunction | None:
    """A function of torch that is written in Python, without its dispatch; None for any other function.

    Such a function first asks whether a mode or a subclass of Tensor handles the call. Here the answer is no,
    so it runs its own code, whose calls can be seen.
    """
    if not is_python_function(function):
        return None
    names = _GlobalsWithoutDispatch(function.__globals__)
    copy = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


class _GlobalsWithoutDispatch(dict[str, Any]):
    """The globals of a function of torch, as they are now, but for the functions that ask who handles a call."""

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(dict.fromkeys(_DISPATCH_CHECKS, _no_override), __builtins__=names["__builtins__"])
        self._names = names

    def __missing__(self, name: str) -> Any:
        return self._names[name]


_DISPATCH_CHECKS = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")


def _no_override(*_: Any) -> bool:
    return False
