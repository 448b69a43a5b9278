"""The state of a model: what of its modules may decide how a forward runs, in a form that can be compared."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable
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
"""For every module, its attributes, parameters and buffers by name, in a form that can be compared."""

_COUNTERS: WeakKeyDictionary[nn.Module, set[str]] = WeakKeyDictionary()
"""For every module, the attributes that forwards have changed."""

_ATTRIBUTES_OF_TORCH = frozenset(vars(nn.Module())) | {"forward"}
"""Attributes that torch has on every module, and the forward: compared separately."""

_MAX_ENTRIES = 100
"""Of larger containers only the length is compared."""

_SIMPLE_TYPES = frozenset({bool, int, float, str, type(None)})


@final
class ModelState:
    """What may decide how a forward runs: the modules, their modes, attributes, parameters and buffers.

    Args:
        modules: The modules.
        training_flags: Which of them are in training mode.
    """

    def __init__(self, modules: tuple[nn.Module, ...], training_flags: bytes) -> None:
        self._modules, self._training_flags = modules, training_flags

    @cached_property
    def value(self) -> int:
        """A hash of the state, without attributes that forwards change.

        Of tensors it includes the identity and the number of in-place writes, of tensors of one element the value.
        """
        return hash((self._training_flags, hash_of(self._attributes)))

    def after_forward(self) -> int:
        """Compute `value` anew after a forward, leaving out from now on the attributes that the forward has changed."""
        before = self.__dict__.pop("_attributes", self._attributes)
        remember_counters(before, self._attributes)
        self.__dict__.pop("value", None)
        return self.value

    @cached_property
    def _attributes(self) -> Attributes:
        return attributes_of(self._modules)


def attributes_of(modules: tuple[nn.Module, ...]) -> Attributes:
    """The attributes of modules, now."""
    shared: dict[int, Hashable] = {}
    return {module: _plain_attributes(module, shared) | _tensors_of(module) for module in modules}


def seen_of(modules: tuple[nn.Module, ...]) -> Any:
    """The attributes of modules with their hooks and the addresses of their parameters, for a session to compare."""
    return [attributes_of(modules), *(_hooks_and_addresses(module) for module in modules)]


def seen_around(forward: Callable[..., Any]) -> Hashable:
    """The values that a forward function, which is no module, uses besides its arguments, now, to be compared.

    Of containers it includes tensors and functions, but no numbers, as these may count calls.
    """
    values = values_around(forward)
    simple = tuple(value if type(value) in _SIMPLE_TYPES else None for value in values)
    small = [value for value in values if not isinstance(value, list | tuple | dict) or len(value) <= _MAX_ENTRIES]
    marks = tuple(tensor_mark(leaf) for leaf in tree_leaves(small) if isinstance(leaf, Tensor) or callable(leaf))
    return simple, marks


def remember_counters(before: Attributes, after: Attributes) -> None:
    """Remember which attributes a forward has changed, so that they are no part of the state from now on."""
    for module, attributes in after.items():
        names = attributes.keys() | before[module].keys()
        changed = {name for name in names if attributes.get(name) != before[module].get(name)}
        if changed:
            _COUNTERS.setdefault(module, set()).update(changed)


def hash_of(attributes: Attributes) -> int:
    """A hash of modules and their attributes, without those that forwards change."""
    return hash(tuple((id(module), _hash_of_module(module, by_name)) for module, by_name in attributes.items()))


def _hash_of_module(module: nn.Module, attributes: dict[str, Hashable]) -> int:
    counters = _COUNTERS.get(module)
    if counters is None:
        return hash(tuple(attributes.items()))
    return hash(tuple(item for item in attributes.items() if item[0] not in counters))


def _plain_attributes(value: Any, shared: dict[int, Hashable], depth: int = 2) -> dict[str, Hashable]:
    """The attributes of a module, or of an object that it holds, such as its configuration, by name.

    Args:
        value: The module or object.
        shared: What was computed of objects, by their ids, as several modules may hold the same one.
        depth: How many levels of objects and containers to look into.
    """
    attributes = list(vars(value).items())  # a copy, as other threads may add attributes meanwhile
    return {
        name: _plain(attribute) if type(attribute) in _SIMPLE_TYPES else _comparable(attribute, shared, depth - 1)
        for name, attribute in attributes
        if name not in _ATTRIBUTES_OF_TORCH
    }


def _comparable(value: Any, shared: dict[int, Hashable], depth: int) -> Hashable:
    """An attribute in a form that can be compared; the arguments are those of `_plain_attributes`."""
    kind = type(value)
    if kind in _SIMPLE_TYPES or (kind is tuple and all(type(entry) in _SIMPLE_TYPES for entry in value)):
        return hash(_plain(value))
    if isinstance(value, list | tuple | dict | set | deque):
        return _comparable_container(value, shared, depth)
    if isinstance(value, Tensor | np.ndarray) or callable(value):
        return tensor_mark(value)
    if depth == 0 or not hasattr(value, "__dict__"):
        return None
    if id(value) not in shared:
        shared[id(value)] = hash(frozenset(_plain_attributes(value, shared, depth).items()))
    return shared[id(value)]


def _comparable_container(values: Collection[Any], shared: dict[int, Hashable], depth: int) -> Hashable:
    """The keys or indices and the entries of a container; of a large or deeply nested one only the length."""
    if depth == 0 or len(values) > _MAX_ENTRIES:
        return len(values)
    items = values.items() if isinstance(values, dict) else enumerate(values)
    return tuple((hash(key) if is_plain(key) else None, _comparable(entry, shared, depth - 1)) for key, entry in items)


def _plain(value: Any) -> Hashable:
    """A number, a string or a tuple of these, to be hashed: Python gives -1 and -2 the same hash."""
    if type(value) is tuple:
        return tuple(map(_plain, value))
    return "-1" if value == -1 else value


def _hooks_and_addresses(module: nn.Module) -> Any:
    """The forward on the module's instance, the user's hooks on it, and the addresses of its parameters.

    The addresses show an assignment to `parameter.data`.
    """
    parameters = (parameter for parameter in module._parameters.values() if type(parameter) is nn.Parameter)
    addresses = [parameter.data_ptr() for parameter in parameters if parameter.layout is torch.strided]
    return id(own_forward(module)), users_hooks(module), addresses


def _tensors_of(module: nn.Module) -> dict[str, Hashable]:
    """The marks of a module's parameters and buffers, by name."""
    tensors = (*module._parameters.items(), *module._buffers.items())
    return {name: tensor_mark(tensor) for name, tensor in tensors if tensor is not None}


def tensor_mark(tensor: object) -> Hashable:
    """A mark that differs between tensors and changes with in-place writes, without reading the values of large ones.

    Of other objects, and of uninitialised tensors, it is the identity.
    """
    if not isinstance(tensor, Tensor) or is_lazy(tensor):
        return id(tensor)
    version = 0 if tensor.is_inference() else tensor._version
    is_number = tensor.numel() == 1 and tensor.device.type == "cpu"
    return id(tensor), version, tensor.item() if is_number else tensor.shape


def content_of(value: Tensor | np.ndarray[Any, Any]) -> Hashable:
    """A hash of the values of a tensor or array; None for a kind of tensor whose values cannot be read."""
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
