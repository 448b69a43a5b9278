"""What `repr` and messages say of objects: one line, however much they hold."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from types import MethodType
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor, nn

SHOWN_ENTRIES = 6
"""How many entries of a list, a tuple or a dict are shown."""

LONGEST = 200
"""The most characters of an object that is not ours, or of entries; of what is longer the class is shown."""

Argument: TypeAlias = tuple[str, object, object]
"""The name of an argument, its value and its default; the name is empty where arguments are told by their position."""


def class_name(value: object) -> str:
    """The name of an object's class."""
    return type(value).__name__


def summary(value: object, module_name: Callable[[nn.Module], str] = class_name) -> str:
    """A value in one line: as Python shows it, unless that is long or an address.

    A tensor is its dtype and shape, a module its class, a function its name, and an object of ours its class and the
    fields that differ from their defaults. Of many entries the first are shown.

    Args:
        value: Anything.
        module_name: What modules are called.
    """
    within = functools.partial(summary, module_name=module_name)
    if isinstance(value, Tensor | np.ndarray):
        return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
    if isinstance(value, nn.Module):
        return module_name(value)
    if isinstance(value, Summarized) and type(value).__repr__ is Summarized.__repr__:
        return summary_of_call(class_name(value), _fields(value), module_name)
    if isinstance(value, functools.partial):
        return f"partial({within(value.func)})"
    if isinstance(value, MethodType):
        return f"{class_name(value.__self__)}.{value.__name__}"
    if callable(value) and hasattr(value, "__name__"):
        return str(value.__name__)
    if type(value) in _BRACKETS:
        return _entries(value, within)
    text = repr(value)
    is_line = len(text) <= LONGEST and not any(sign in text for sign in ("\n", " at 0x", "tensor(", "array("))
    return text if is_line else class_name(value)


def summary_of_call(
    name: str, arguments: Iterable[Argument], module_name: Callable[[nn.Module], str] = class_name
) -> str:
    """A call in one line, `Layer(module='encoder')`, with the arguments that differ from their defaults.

    Args:
        name: What is called.
        arguments: Its arguments.
        module_name: What modules are called.
    """
    texts = [
        f"{label}={summary(value, module_name)}" if label else summary(value, module_name)
        for label, value, default in arguments
        if _differs(value, default)
    ]
    return f"{name}({', '.join(texts)})"


class Summarized:
    """The base of dataclasses whose `repr` is their summary."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__repr__ is Summarized.__repr__:
            cls.__repr__ = Summarized.__repr__  # type: ignore[method-assign]  # its own, so that `dataclass` makes none

    def __repr__(self) -> str:
        return summary(self)


_BRACKETS: dict[type, tuple[str, str]] = {list: ("[", "]"), tuple: ("(", ")"), dict: ("{", "}")}


def _entries(value: Any, within: Callable[[object], str]) -> str:
    """A list, tuple or dict with the first of its entries; their number where these are long."""
    first = itertools.islice(value.items() if type(value) is dict else value, SHOWN_ENTRIES)
    texts = [": ".join(map(within, entry)) if type(value) is dict else within(entry) for entry in first]
    texts += ["..."] * (len(value) > SHOWN_ENTRIES)
    ending = "," if type(value) is tuple and len(value) == 1 else ""
    opening, closing = _BRACKETS[type(value)]
    text = f"{opening}{', '.join(texts)}{ending}{closing}"
    return text if len(text) <= LONGEST else f"{class_name(value)} of {len(value)}"


def _fields(value: object) -> Iterator[Argument]:
    """The fields of a dataclass; none of an object that is none."""
    for field in dataclasses.fields(value) if dataclasses.is_dataclass(value) else ():
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        if field.repr:
            yield field.name, getattr(value, field.name), default


def _differs(value: object, default: object) -> bool:
    """Whether a value is another one than the default; tensors always are."""
    if value is default:
        return False
    return type(value) is not type(default) or isinstance(value, Tensor | np.ndarray) or bool(value != default)
