"""Copies of functions around modules, which `copy.deepcopy` takes as they are: with copies of these modules inside."""

from __future__ import annotations

import copy
import dataclasses
import functools
from types import CellType, FunctionType, MethodType
from typing import Any

from torch import nn

from pellucid.core.model.inspection import root_modules


def copy_functions(value: Any, memo: dict[int, Any]) -> None:
    """Put copies of all functions around modules that an object leads to into the memo of a deep copy.

    Args:
        value: The object: a model, or what it holds.
        memo: The memo of `copy.deepcopy`, by identity.
    """
    if id(value) in memo:
        return
    if isinstance(value, FunctionType):
        _copy_function(value, memo)
    elif isinstance(value, MethodType):
        copy_functions(value.__self__, memo)
    elif isinstance(value, functools.partial):
        for each in (value.func, *value.args, *value.keywords.values()):
            copy_functions(each, memo)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for each in vars(value).values():
            copy_functions(each, memo)


def _copy_function(function: FunctionType, memo: dict[int, Any]) -> None:
    """A copy of a function whose closure, and the globals that it names, hold copies of the modules there."""
    if not _holds_modules(function):
        memo[id(function)] = function
        return
    closure, own_globals = function.__closure__ or (), {**function.__globals__}
    cells = tuple(CellType() for _ in closure)
    made = FunctionType(function.__code__, own_globals, function.__name__, function.__defaults__, cells or None)
    made.__kwdefaults__ = function.__kwdefaults__
    memo[id(function)] = made  # before what it holds, which may be the function itself
    for name in function.__code__.co_names:
        if name in own_globals:
            own_globals[name] = _copy_of(own_globals[name], memo)
    for cell, original in zip(cells, closure, strict=True):
        if original != CellType():  # of a name that has a value
            cell.cell_contents = _copy_of(original.cell_contents, memo)


def _copy_of(value: Any, memo: dict[int, Any]) -> Any:
    """A copy of what holds modules; anything else itself."""
    if not _holds_modules(value):
        return value
    copy_functions(value, memo)
    return copy.deepcopy(value, memo)


def _holds_modules(value: Any) -> bool:
    """Whether it is a module, or a function, a container or a dataclass around some."""
    if isinstance(value, nn.Module):
        return True
    if isinstance(value, FunctionType | MethodType | functools.partial):
        return bool(root_modules(value))
    if isinstance(value, list | tuple | dict):
        return any(map(_holds_modules, value.values() if isinstance(value, dict) else value))
    is_record = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return is_record and any(map(_holds_modules, vars(value).values()))
