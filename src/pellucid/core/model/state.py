"""The state of a model: what of its modules may decide how a forward goes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, TypeAlias, final
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves

from pellucid.core.model.forward_kind import is_plain
from pellucid.core.model.hook_point import users_hooks
from pellucid.core.model.inspection import values_around
from pellucid.core.model.interception import own_forward

Attributes: TypeAlias = dict[nn.Module, dict[str, Hashable]]
"""Of every module, what can be compared of its attributes, parameters and buffers, by their names."""

_COUNTERS: WeakKeyDictionary[nn.Module, set[str]] = WeakKeyDictionary()
"""Attributes that forwards were seen to change."""

_KEPT_APART = frozenset(vars(nn.Module())) | {"forward"}
"""What torch keeps on every module, the modes and functions of it: these are listed by themselves."""

_MANY = 100
_SIMPLE = frozenset({bool, int, float, str, type(None)})


@final
class ModelState:
    """What of a model may decide how a forward goes: its modules, their modes, attributes, parameters and buffers.

    Args:
        modules: The modules.
        training_flags: Which of them are in training mode.
    """

    def __init__(self, modules: tuple[nn.Module, ...], training_flags: bytes) -> None:
        self._modules, self._training_flags = modules, training_flags

    @cached_property
    def value(self) -> int:
        """A hash, the same for the same modules in the same state; what forwards change by themselves is no part of it.

        Of tensors it holds which they are and how often they were written into, of single numbers the values.
        """
        return hash((self._training_flags, hash_of(self._attributes)))

    def after_forward(self) -> int:
        """The state now, after a forward, which shows what forwards change."""
        before = self.__dict__.pop("_attributes", self._attributes)
        remember_counters(before, self._attributes)
        self.__dict__.pop("value", None)
        return self.value

    @cached_property
    def _attributes(self) -> Attributes:
        return attributes_of(self._modules)


def attributes_of(modules: tuple[nn.Module, ...]) -> Attributes:
    """What can be compared of modules, now."""
    shared: dict[int, Hashable] = {}
    return {module: _plain_attributes(module, shared) | _tensors_of(module) for module in modules}


def seen_of(modules: tuple[nn.Module, ...]) -> Any:
    """The same, with what is for a session alone: who has put hooks on them, and where their parameters lie."""
    return [attributes_of(modules), *(_put_on(module) for module in modules)]


def seen_around(forward: Callable[..., Any]) -> Hashable:
    """What can be compared of what a forward function, which is no module, uses besides its arguments, now.

    Of what is in lists and the like, tensors alone: numbers there may count calls.
    """
    values = values_around(forward)
    simple = tuple(value if type(value) in _SIMPLE else None for value in values)
    few = [value for value in values if not isinstance(value, list | tuple | dict) or len(value) <= _MANY]
    return simple, tuple(tensor_mark(leaf) for leaf in tree_leaves(few) if isinstance(leaf, Tensor) or callable(leaf))


def remember_counters(before: Attributes, after: Attributes) -> None:
    """Remember which attributes a forward has changed: from now on they are no part of the state."""
    for module, now in after.items():
        names = now.keys() | before[module].keys()
        changed = {name for name in names if now.get(name) != before[module].get(name)}
        if changed:
            _COUNTERS.setdefault(module, set()).update(changed)


def hash_of(attributes: Attributes) -> int:
    """The same for the same modules with the same attributes, but for those that forwards change by themselves."""
    return hash(tuple((id(module), _hash_of(module, named)) for module, named in attributes.items()))


def _hash_of(module: nn.Module, attributes: dict[str, Hashable]) -> int:
    counters = _COUNTERS.get(module)
    if counters is None:
        return hash(tuple(attributes.items()))
    return hash(tuple(item for item in attributes.items() if item[0] not in counters))


def _plain_attributes(value: Any, shared: dict[int, Hashable], depth: int = 2) -> dict[str, Hashable]:
    """The numbers and words of a module, of its configuration and of what else it holds, by their names."""
    own = list(vars(value).items())  # at once, as other threads may hold something on it
    return {
        name: _simple(part) if type(part) in _SIMPLE else _plain_part(part, shared, depth - 1)
        for name, part in own
        if name not in _KEPT_APART
    }


def _plain_part(value: Any, shared: dict[int, Hashable], depth: int) -> Hashable:
    """What can be compared of an attribute; of what is large or nested the length alone.

    Args:
        value: The attribute.
        shared: What was found of objects that several modules hold, as their configuration.
        depth: How far to look inside.
    """
    kind = type(value)
    if kind in _SIMPLE or (kind is tuple and all(type(each) in _SIMPLE for each in value)):
        return hash(_simple(value))
    if isinstance(value, list | tuple | dict | set | deque):
        if depth == 0 or len(value) > _MANY:
            return len(value)
        each = value.items() if isinstance(value, dict) else enumerate(value)
        return tuple(
            (hash(name) if is_plain(name) else None, _plain_part(part, shared, depth - 1)) for name, part in each
        )
    if isinstance(value, Tensor | np.ndarray) or callable(value):
        return tensor_mark(value)
    if depth == 0 or not hasattr(value, "__dict__"):
        return None
    if id(value) not in shared:
        shared[id(value)] = hash(frozenset(_plain_attributes(value, shared, depth).items()))
    return shared[id(value)]


def _simple(value: Any) -> Hashable:
    """A number or a word, to be hashed: Python gives -1 and -2 the same hash."""
    if type(value) is tuple:
        return tuple(map(_simple, value))
    return "-1" if value == -1 else value


def _put_on(module: nn.Module) -> Any:
    """The forward on the module's instance and the hooks on it, but for ours, and where its parameters lie.

    Other numbers may be put in the place of these, as `parameter.data`.
    """
    plain_ones = (each for each in module._parameters.values() if type(each) is nn.Parameter)
    lie = [each.data_ptr() for each in plain_ones if each.layout is torch.strided]
    return id(own_forward(module)), users_hooks(module), lie


def _tensors_of(module: nn.Module) -> dict[str, Hashable]:
    """The marks of a module's parameters and buffers, by their names."""
    held = (*module._parameters.items(), *module._buffers.items())
    return {name: tensor_mark(tensor) for name, tensor in held if tensor is not None}


def tensor_mark(tensor: object) -> Hashable:
    """What tells a tensor from another, and from itself after it was written into, without a look at many numbers.

    Of anything else, also of a tensor whose shape is still open, which it is.
    """
    if not isinstance(tensor, Tensor) or is_lazy(tensor):
        return id(tensor)
    written = 0 if tensor.is_inference() else tensor._version
    small = tensor.numel() == 1 and tensor.device.type == "cpu"
    return id(tensor), written, tensor.item() if small else tensor.shape


def content_of(value: Tensor | np.ndarray[Any, Any]) -> Hashable:
    """What tells the values of a tensor from others."""
    if isinstance(value, np.ndarray):
        return hash(value.tobytes())
    tensor = value.detach()
    if tensor.layout is torch.sparse_coo:
        tensor = tensor.coalesce()
        return content_of(tensor.indices()), content_of(tensor.values())
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta or tensor.is_nested:
        return None
    tensor = tensor.resolve_conj().resolve_neg()
    return hash(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
