"""What is known of models from what they did before, as long as they live; in one table for all."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final
from weakref import WeakKeyDictionary

from torch import nn

Signature: TypeAlias = tuple[Any, ...]

LOCK = threading.RLock()
"""Of all that is remembered: threads may share a model."""


@final
@dataclass
class ModuleCalls:
    """How often one module is called in a forward: by kinds of forwards, and by the sizes of their batches.

    Args:
        known: What was counted.
        doubted: Kinds and sizes for which another count has cast doubt on it.
        varying: Kinds whose counts were seen to depend on the size of the batch, and on nothing unseen.
    """

    known: dict[Signature, dict[tuple[int, ...], int]] = field(default_factory=dict)
    doubted: set[tuple[Signature, tuple[int, ...]]] = field(default_factory=set)
    varying: set[Signature] = field(default_factory=set)


@final
@dataclass
class ModelFacts:
    """What is known of one model. Its kinds of forwards hold the identities of its modules and their state.

    Args:
        calls: How often modules are called.
        rows_meet: By kinds of forwards, whether their rows depend on each other.
        not_replayed: Kinds of forwards in which answers in the place of modules gave something else.
    """

    calls: WeakKeyDictionary[nn.Module, ModuleCalls] = field(default_factory=WeakKeyDictionary)
    rows_meet: dict[Hashable, bool] = field(default_factory=dict)
    not_replayed: set[Hashable] = field(default_factory=set)


_FACTS: WeakKeyDictionary[Any, ModelFacts] = WeakKeyDictionary()


_BY_IDENTITY: Any = object.__hash__


def facts_of(model: Any) -> ModelFacts:
    """What is known of a model, or of the object whose method it is; nothing of one that cannot be remembered.

    One that compares with others by what it holds may be taken for another, or have no hash.
    """
    if not type(model).__weakrefoffset__ or type(model).__hash__ != _BY_IDENTITY:
        return ModelFacts()
    with LOCK:
        return _FACTS.setdefault(model, ModelFacts())
