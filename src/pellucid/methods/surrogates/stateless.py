"""Whether users' functions can be seen to keep no state from one call to the next."""

from __future__ import annotations

import builtins
import dis
from collections.abc import Iterable, Iterator
from functools import partial
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.methods.surrogates.similarity import ExponentialKernel

_CONSTANTS = (int, float, complex, bool, str, bytes, type(None), type(...), torch.dtype, torch.device)
_STATELESS_BUILTINS = (abs, all, any, divmod, isinstance, len, max, min, pow, round, sorted, sum)
_STATELESS_PACKAGES = ("math", "torch", "pellucid")
_WRITES = ("STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "DELETE_ATTR", "IMPORT_NAME", "IMPORT_FROM")
_CLOSURE_WRITES = ("STORE_DEREF", "DELETE_DEREF")
_DOUBT = object()


def state_read_by(*dependencies: Any) -> list[Any] | None:
    """The constants that functions read, and the tensors with their version counters.

    Equal lists before and after calls mean that nothing these functions read has changed, except by writes into
    `tensor.data`, which torch does not count.

    Args:
        *dependencies: Functions and the values that they are called with.

    Returns:
        None in doubt: where a function reads a list, a dictionary, an unknown module or another object, which may
        change unseen, or writes what outlives a call.
    """
    seen: dict[int, Any] = {}
    state = [entry for dependency in dependencies for entry in _state_of(dependency, seen)]
    return None if any(entry is _DOUBT for entry in state) else state


def _state_of(value: Any, seen: dict[int, Any]) -> Iterator[Any]:
    """The state within a value; `_DOUBT` where it may be more than can be seen."""
    if id(value) in seen:
        return
    if type(value) in _CONSTANTS:
        yield value
        return
    seen[id(value)] = value
    if type(value) in (Tensor, nn.Parameter) and not value.is_inference():
        yield id(value), value._version
    elif (contents := _contents(value)) is not None:
        for content in contents:
            yield from _state_of(content, seen)
    elif not _is_stateless(value):
        yield _DOUBT


def _contents(value: Any) -> Iterable[Any] | None:
    """The values that a tuple, a partial or a user's function holds; None for anything else."""
    kind = type(value)
    if kind in (tuple, frozenset, torch.Size):
        return tuple(value)
    if kind is partial and not vars(value):
        return (value.func, *value.args, *value.keywords.values())
    if kind is FunctionType and not _is_known(value.__module__) and not vars(value):
        return _values_named_by(value)
    return None


def _is_stateless(value: Any) -> bool:
    """Whether this is a function, a class or a module that is known to keep no state."""
    if isinstance(value, ModuleType):
        return _is_known(value.__name__)
    if isinstance(value, type):
        return value.__module__ == "builtins" or _is_known(value.__module__)
    is_known = isinstance(value, BuiltinFunctionType | FunctionType) and _is_known(value.__module__)
    return is_known or isinstance(value, ExponentialKernel) or any(value is known for known in _STATELESS_BUILTINS)


def _is_known(module: str | None) -> bool:
    """Whether a module belongs to the packages whose functions keep no state."""
    return (module or "").partition(".")[0] in _STATELESS_PACKAGES


def _values_named_by(function: FunctionType) -> Iterator[Any]:
    """The values that a function has before it is called: its defaults, its closure and the globals it names."""
    yield from (function.__defaults__ or ())
    yield from (function.__kwdefaults__ or {}).values()
    for cell in function.__closure__ or ():
        yield _DOUBT if cell == CellType() else cell.cell_contents  # an empty cell is filled later
    for code in _codes(function.__code__):
        for step in dis.get_instructions(code):
            if step.opname in _WRITES or (step.opname in _CLOSURE_WRITES and step.argval in code.co_freevars):
                yield _DOUBT
            elif step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                yield function.__globals__.get(step.argval, vars(builtins).get(step.argval, _DOUBT))


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of the functions defined inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
