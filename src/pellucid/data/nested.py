"""Nested structures of whatever users have: mappings, lists, tuples, named tuples and dataclasses."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch

Path: TypeAlias = tuple[Any, ...]
"""Where a leaf is: keys, indices and names of fields, from the outside in."""


def map_leaves(value: Any, change: Callable[[Path, Any], Any], path: Path = ()) -> Any:
    """The same structure with other leaves.

    Args:
        value: The structure.
        change: (where a leaf is, the leaf) -> what takes its place.
        path: Where the structure itself is.
    """

    def inner(key: Any, entry: Any) -> Any:
        return map_leaves(entry, change, (*path, key))

    if isinstance(value, Mapping):
        entries = {key: inner(key, entry) for key, entry in value.items()}
        return entries if type(value) is dict else _like(value, entries)
    if isinstance(value, tuple | list) and not isinstance(value, torch.Size) and not is_numbers(value):
        entries_in_order = [inner(index, entry) for index, entry in enumerate(value)]
        return getattr(type(value), "_make", type(value))(entries_in_order)  # no constructor, which may compute
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        copied = copy.copy(value)
        for field in dataclasses.fields(value):
            object.__setattr__(copied, field.name, inner(field.name, getattr(value, field.name)))  # also frozen ones
        return copied
    return change(path, value)


def _like(mapping: Mapping[Any, Any], entries: dict[Any, Any]) -> Any:
    """A mapping of the same type, such as the encoding of a tokenizer; a dict where that cannot be written to."""
    if not hasattr(mapping, "__setitem__"):
        return entries
    result: Any = copy.copy(mapping)
    if hasattr(result, "__dict__"):  # where a class that is no dict has its entries
        vars(result).update({name: held.copy() for name, held in vars(mapping).items() if isinstance(held, dict)})
    for key, entry in entries.items():
        result[key] = entry
    return result


def entries_of(value: Any) -> dict[Any, Any] | None:
    """What a structure holds, by the keys of paths; None for what is no structure."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple | list):
        return dict(enumerate(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def is_numbers(value: Any) -> bool:
    """Whether a value is a list, however nested, of numbers alone: a tensor as people type one."""
    if not isinstance(value, list) or not value:
        return False
    return all(is_numbers(entry) or (isinstance(entry, int | float) and entry is not True) for entry in value)


def label(path: Path, name: str = "inputs") -> str:
    """A leaf as a reader writes it: `inputs['input_ids']`."""
    return name + "".join(f"[{key!r}]" for key in path)
