"""Facts learnt from earlier forwards of a model, kept as long as the model lives, in one table for all models."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final
from weakref import WeakKeyDictionary

from torch import nn

from pellucid.core.summaries import Summarized

Signature: TypeAlias = tuple[Any, ...]

LOCK = threading.RLock()
"""Guards all facts, as threads may share a model."""


@final
@dataclass
class ModuleCalls(Summarized):
    """How often one module is called in a forward, by kind of forward and by batch size.

    Args:
        known: The counts.
        doubted: Kinds and batch sizes whose counts are contradicted by those of other batch sizes.
        varying: Kinds whose counts are known to depend on the batch size.
    """

    known: dict[Signature, dict[tuple[int, ...], int]] = field(default_factory=dict)
    doubted: set[tuple[Signature, tuple[int, ...]]] = field(default_factory=set)
    varying: set[Signature] = field(default_factory=set)


@final
@dataclass
class ModelFacts(Summarized):
    """The facts of one model. Kinds of forwards hold the identities of its modules and their state.

    Args:
        calls: How often modules are called.
        rows_interact: By kind of forward, whether its rows depend on each other.
        not_replayed: Kinds of forwards in which a replay gave another output than the model.
    """

    calls: WeakKeyDictionary[nn.Module, ModuleCalls] = field(default_factory=WeakKeyDictionary)
    rows_interact: dict[Hashable, bool] = field(default_factory=dict)
    not_replayed: set[Hashable] = field(default_factory=set)


_FACTS: WeakKeyDictionary[Any, ModelFacts] = WeakKeyDictionary()


_BY_IDENTITY: Any = object.__hash__


def facts_of(model: Any) -> ModelFacts:
    """The facts of a model, or of the object whose method it is; empty ones, not kept, of one that cannot be a key.

    A model with an equality or hash of its own could be confused with another one, or be unhashable.
    """
    if not type(model).__weakrefoffset__ or type(model).__hash__ != _BY_IDENTITY:
        return ModelFacts()
    with LOCK:
        return _FACTS.setdefault(model, ModelFacts())
