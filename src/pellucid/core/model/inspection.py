"""What can be known of a model without running it: its modules, their modes and sizes."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import CellType, FunctionType
from typing import Any, final
from weakref import WeakKeyDictionary

import torch
from torch import nn

from pellucid.core.model.adapted import AdaptedModel
from pellucid.core.summaries import Summarized
from pellucid.errors import WrongType

_FUSED = (nn.TransformerEncoder, nn.TransformerEncoderLayer, nn.MultiheadAttention)
_MIXING = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


@final
@dataclass(frozen=True)
class ModelInfo(Summarized):
    """The modules that a forward function calls, and what is known of them.

    Args:
        modules: The modules, with all their submodules.
        parameter_bytes: The bytes of their parameters.
        training_flags: Which of them are in training mode, one byte each.
        compiled: Whether one of them, or a function that calls them, is compiled.
        has_fast_path: Whether one of them has a fused inference path, in which its layers get other tensors (nested
            ones, without padding) than when gradients are needed.
        norms: Those that may normalise by the statistics of the batch.
    """

    modules: tuple[nn.Module, ...]
    parameter_bytes: int
    training_flags: bytes
    compiled: bool
    has_fast_path: bool
    norms: tuple[nn.Module, ...]

    @property
    def mixes_examples(self) -> bool:
        """Whether a module normalises by the statistics of the batch, so that outputs depend on other examples."""
        return any(map(normalises_by_batch, self.norms))

    @property
    def modules_with_mutable_buffers(self) -> tuple[nn.Module, ...]:
        """The modules in training mode that have buffers, which a forward may change."""
        return tuple(module for module in self.modules if module.training and module._buffers) if self.trains else ()

    @property
    def trains(self) -> bool:
        """Whether a module is in training mode."""
        return 1 in self.training_flags

    @classmethod
    def of(cls, forward: Callable[..., Any]) -> ModelInfo:
        """The info of a forward function: of its modules, of those of its object, and of those it closes over.

        A function may reach modules invisibly; so this informs precautions and sizes, and no attribution of a model in
        evaluation mode depends on it. The info of a module is cached until the module changes.
        """
        if not isinstance(forward, nn.Module):
            return cls._inspect(forward)
        cached = _CACHE.get(forward)
        modules = None if cached is None else cached.modules
        if cached is None or modules is None:
            info = cls._inspect(forward)
            _CACHE[forward] = _CachedInfo.of(info)
            return info
        info = cached.info
        norms = tuple(module for module in modules if isinstance(module, _MIXING))
        return cls(modules, info.parameter_bytes, info.training_flags, info.compiled, info.has_fast_path, norms)

    @classmethod
    def _inspect(cls, forward: Callable[..., Any]) -> ModelInfo:
        reachable = list(_reachable(forward))
        roots = [root for root in reachable if isinstance(root, nn.Module)]
        modules = _with_children(roots)
        return cls(
            modules=modules,
            parameter_bytes=sum(
                parameter.nbytes
                for module in modules
                for parameter in module._parameters.values()
                if parameter is not None
            ),
            training_flags=bytes(module.training for module in modules),
            compiled=len(roots) < len(reachable) or any(map(_is_or_has_compiled, modules)),
            has_fast_path=any(isinstance(module, _FUSED) for module in modules),
            norms=tuple(module for module in modules if isinstance(module, _MIXING)),
        )


def _with_children(roots: list[nn.Module]) -> tuple[nn.Module, ...]:
    """Modules and all their submodules, once each."""
    modules, pending = dict.fromkeys(roots), list(roots)
    while pending:
        children = [child for child in pending.pop()._modules.values() if child is not None and child not in modules]
        modules.update(dict.fromkeys(children))
        pending += children
    return tuple(modules)


@final
@dataclass(frozen=True)
class _CachedInfo(Summarized):
    """The info of a module, without references that keep modules alive, and the state in which it is valid.

    Args:
        info: The info without the modules.
        states: Each module, weakly referenced, and its state when it was inspected.
    """

    info: ModelInfo
    states: tuple[tuple[weakref.ref[nn.Module], tuple[Any, ...]], ...]

    @classmethod
    def of(cls, info: ModelInfo) -> _CachedInfo:
        """The cache entry of an info that is valid now."""
        states = tuple((weakref.ref(module), _structural_state(module)) for module in info.modules)
        return cls(dataclasses.replace(info, modules=(), norms=()), states)

    @property
    def modules(self) -> tuple[nn.Module, ...] | None:
        """The modules; None if one has changed, so that the info is no longer valid."""
        modules = []
        for reference, state in self.states:
            module = reference()
            if module is None or state != _structural_state(module):
                return None
            modules.append(module)
        return tuple(modules)


_CACHE: WeakKeyDictionary[nn.Module, _CachedInfo] = WeakKeyDictionary()


def _structural_state(module: nn.Module) -> tuple[Any, ...]:
    """What changes whenever a module's info may change: its mode, forward, number of attributes and children."""
    attributes = vars(module)
    # Compiling a module adds an attribute or replaces its forward.
    return module.training, id(attributes.get("forward")), len(attributes), *map(id, module._modules.values())


def _is_or_has_compiled(module: nn.Module) -> bool:
    return module._compiled_call_impl is not None or "_orig_mod" in module._modules or _has_compiled_function(module)


def normalises_by_batch(module: nn.Module) -> bool:
    """Whether a module normalises by the statistics of its batch."""
    return isinstance(module, _MIXING) and (module.training or module.running_mean is None)


def check_model(forward: Any) -> None:
    """Check that a model is a function of tensors.

    Raises:
        WrongType: It is not callable, or a class of models.
    """
    if isinstance(forward, type):
        name = forward.__name__
        raise WrongType(f"model must be a model, not a class of models: got {name}. Hint: {name}(...).")
    if not callable(forward):
        names = (name for name in ("predict_proba", "decision_function", "predict") if hasattr(forward, name))
        hint = next((f" Hint: model.{name}, by methods without gradients, such as KernelShap." for name in names), "")
        raise WrongType(f"model must be a function of tensors: got {type(forward).__name__}.{hint}")


def root_modules(forward: Callable[..., Any]) -> tuple[nn.Module, ...]:
    """The modules that a forward function visibly calls, or is; their submodules are not listed."""
    return tuple(root for root in _reachable(forward) if isinstance(root, nn.Module))


def _reachable(forward: Callable[..., Any], above: tuple[Callable[..., Any], ...] = ()) -> Iterator[Callable[..., Any]]:
    """The modules and compiled functions that a forward function visibly calls, or is.

    Args:
        forward: The function.
        above: The compiled functions that call it, not to be followed again.
    """
    if isinstance(forward, nn.Module):
        yield forward
    elif isinstance(forward, functools.partial | AdaptedModel):
        yield from _reachable(forward.func if isinstance(forward, functools.partial) else forward.model, above)
    elif inspect.ismethod(forward) and isinstance(forward.__self__, nn.Module):
        yield forward.__self__
    elif _is_compiled(forward):
        yield forward
        yield from _reachable(_uncompiled(forward), (*above, forward))
    else:
        for value in _held_by(forward):
            owner = getattr(value, "__self__", value)
            if isinstance(owner, nn.Module) or (_is_compiled(owner) and owner not in above):
                yield from _reachable(owner, above)


_EMPTY = CellType()
"""A closure's cell without a value."""


def values_around(forward: Callable[..., Any]) -> tuple[Any, ...]:
    """The values that a forward function visibly uses besides its arguments; none for a module."""
    if isinstance(forward, nn.Module):
        return ()
    if _is_compiled(forward):
        return values_around(_uncompiled(forward))
    if isinstance(forward, AdaptedModel):
        return values_around(forward.model)
    if isinstance(forward, functools.partial):
        return (*forward.args, *forward.keywords.values(), *values_around(forward.func))
    return tuple(_held_by(forward))


def _held_by(forward: Callable[..., Any]) -> Iterable[Any]:
    """The closure and globals of a function; the attributes of another object, or of the object of a method."""
    if inspect.isfunction(forward):
        names = (name for name in forward.__code__.co_names if name in forward.__globals__)
        cells = (cell.cell_contents for cell in forward.__closure__ or () if cell != _EMPTY)
        return [*cells, *(forward.__globals__[name] for name in names)]
    return getattr(getattr(forward, "__self__", forward), "__dict__", {}).values()


def _is_compiled(value: object) -> bool:
    """Whether a value is a function made by `torch.compile`, and not by `torch.compiler.disable`, which looks alike."""
    attributes = vars(value) if isinstance(value, FunctionType) else ()
    return "_torchdynamo_orig_callable" in attributes and "_torchdynamo_disable" not in attributes


def _uncompiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The original of a compiled function or method."""
    original: Callable[..., Any] = vars(function)["_torchdynamo_orig_callable"]
    return original


def _has_compiled_function(module: nn.Module) -> bool:
    """Whether a module's forward, or a function among its attributes, is compiled."""
    if isinstance(module, torch.jit.ScriptModule):
        return False
    # A copy of the values, as other threads may put a forward on the instance meanwhile.
    functions = [value for value in list(vars(module).values()) if type(value) is FunctionType]
    return any(map(_is_compiled, (type(module).forward, *functions)))


def has_embeddings(forward: Callable[..., Any]) -> bool:
    """Whether a forward function visibly has embeddings, for which integers are indices and not quantities."""
    return any(
        isinstance(module, nn.Embedding | nn.EmbeddingBag)
        for root in root_modules(forward)
        for module in root.modules()
    )
