"""Whether a user's functions can be seen to keep nothing from one call to the next."""

from __future__ import annotations

import builtins
import dis
from collections.abc import Iterator
from functools import partial
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.methods.surrogates.similarity import ExponentialKernel

_CONSTANTS = (int, float, complex, bool, str, bytes, type(None), type(...), torch.dtype, torch.device)
_FREE = (abs, all, any, divmod, isinstance, len, max, min, pow, round, sorted, sum)
_KNOWN = ("math", "torch", "pellucid")
_WRITES = ("STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "DELETE_ATTR", "IMPORT_NAME", "IMPORT_FROM")
_WRITES_CLOSED = ("STORE_DEREF", "DELETE_DEREF")
_DOUBT = object()


def read_by(*parts: Any) -> list[Any] | None:
    """The constants that functions read, and the tensors with how often they were written.

    Equal lists before and after calls say that nothing has changed which these functions read.

    Args:
        *parts: Functions and the values that they are called with.

    Returns:
        None in doubt: where they read a list, a dictionary, a module or another object, as it may change where nobody
        sees it, or write what outlives a call.
    """
    seen: dict[int, Any] = {}
    found = [each for part in parts for each in _read(part, seen)]
    return None if any(each is _DOUBT for each in found) else found


def _read(value: Any, seen: dict[int, Any]) -> Iterator[Any]:
    if id(value) in seen:
        return
    kind = type(value)
    if kind in _CONSTANTS:
        yield value
        return
    seen[id(value)] = value
    if kind in (Tensor, nn.Parameter) and not value.is_inference():
        yield id(value), value._version
    elif kind in (tuple, frozenset, torch.Size):
        for each in value:
            yield from _read(each, seen)
    elif kind is partial and not vars(value):
        for each in (value.func, *value.args, *value.keywords.values()):
            yield from _read(each, seen)
    elif kind is FunctionType and not _known(value.__module__) and not vars(value):
        for each in _named(value):
            yield from _read(each, seen)
    elif not _harmless(value):
        yield _DOUBT


def _harmless(value: Any) -> bool:
    """Whether this is a function, a class or a module that is known to keep nothing."""
    if isinstance(value, ModuleType):
        return _known(value.__name__)
    if isinstance(value, type):
        return value.__module__ == "builtins" or _known(value.__module__)
    known = isinstance(value, BuiltinFunctionType | FunctionType) and _known(value.__module__)
    return known or isinstance(value, ExponentialKernel) or any(value is each for each in _FREE)


def _known(module: str | None) -> bool:
    return (module or "").partition(".")[0] in _KNOWN


def _named(function: FunctionType) -> Iterator[Any]:
    """What a function names that is there before it is called: closed over, by default or of its module."""
    yield from (function.__defaults__ or ())
    yield from (function.__kwdefaults__ or {}).values()
    for cell in function.__closure__ or ():
        yield _DOUBT if cell == CellType() else cell.cell_contents  # an empty one is to be written yet
    for code in _codes(function.__code__):
        for step in dis.get_instructions(code):
            if step.opname in _WRITES or (step.opname in _WRITES_CLOSED and step.argval in code.co_freevars):
                yield _DOUBT
            elif step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                yield function.__globals__.get(step.argval, vars(builtins).get(step.argval, _DOUBT))


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of those that are written inside it."""
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)
