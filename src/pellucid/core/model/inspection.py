"""What can be seen of a model from outside."""

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

from pellucid.errors import WrongType

_FUSED = (nn.TransformerEncoder, nn.TransformerEncoderLayer, nn.MultiheadAttention)
_MIXING = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


@final
@dataclass(frozen=True)
class ModelInfo:
    """What is known of the modules that a forward function calls.

    Args:
        modules: The modules themselves.
        parameter_bytes: What their parameters take.
        training_flags: Which of them are in training mode, one byte each.
        compiled: Whether one of them, or a function on the way, is compiled.
        has_fast_path: Whether one of them has a path of its own for predictions, which takes other tensors through its
            layers (nested ones, without what is padded) than where gradients are needed.
        norms: Those of them that may normalise by the statistics of the batch.
    """

    modules: tuple[nn.Module, ...]
    parameter_bytes: int
    training_flags: bytes
    compiled: bool
    has_fast_path: bool
    norms: tuple[nn.Module, ...]

    @property
    def mixes_examples(self) -> bool:
        """Whether a module normalises by the statistics of its batch, so that one output depends on other examples."""
        return any(map(normalises_by_batch, self.norms))

    @property
    def modules_with_mutable_buffers(self) -> tuple[nn.Module, ...]:
        """Those in training mode that have buffers, which a forward may change."""
        return tuple(each for each in self.modules if each.training and each._buffers) if self.trains else ()

    @property
    def trains(self) -> bool:
        """Whether a module is in training mode."""
        return 1 in self.training_flags

    @classmethod
    def of(cls, forward: Callable[..., Any]) -> ModelInfo:
        """What can be seen of a forward function: it or its object and what it closes over, and their modules.

        A function may reach modules in ways that nobody can see from outside; so this informs precautions and sizes,
        and nothing relies on it for the numbers of a model in evaluation mode. Of a module it is remembered, as long as
        nothing has changed.
        """
        if not isinstance(forward, nn.Module):
            return cls._look_up(forward)
        known = _LOOKED_UP.get(forward)
        modules = None if known is None else known.modules
        if known is None or modules is None:
            info = cls._look_up(forward)
            _LOOKED_UP[forward] = _LookedUp.of(info)
            return info
        seen = known.summary
        norms = tuple(each for each in modules if isinstance(each, _MIXING))
        return cls(modules, seen.parameter_bytes, seen.training_flags, seen.compiled, seen.has_fast_path, norms)

    @classmethod
    def _look_up(cls, forward: Callable[..., Any]) -> ModelInfo:
        reached = list(_reachable(forward))
        found = [each for each in reached if isinstance(each, nn.Module)]
        modules = _with_children(found)
        return cls(
            modules=modules,
            parameter_bytes=sum(p.nbytes for each in modules for p in each._parameters.values() if p is not None),
            training_flags=bytes(each.training for each in modules),
            compiled=len(found) < len(reached) or any(map(_is_or_has_compiled, modules)),
            has_fast_path=any(isinstance(each, _FUSED) for each in modules),
            norms=tuple(each for each in modules if isinstance(each, _MIXING)),
        )


def _with_children(modules: list[nn.Module]) -> tuple[nn.Module, ...]:
    """Modules and all those in them, once each."""
    every, pending = dict.fromkeys(modules), list(modules)
    while pending:
        children = [each for each in pending.pop()._modules.values() if each is not None and each not in every]
        every.update(dict.fromkeys(children))
        pending += children
    return tuple(every)


@final
@dataclass(frozen=True)
class _LookedUp:
    """What was seen of a module and those in it, which keeps none of them alive, and what it was seen by.

    Args:
        summary: All but the modules.
        signs: Of each module: itself, its mode, children and functions, whether it is compiled and how much it has.
    """

    summary: ModelInfo
    signs: tuple[tuple[weakref.ref[nn.Module], tuple[Any, ...]], ...]

    @classmethod
    def of(cls, info: ModelInfo) -> _LookedUp:
        """That of what has just been seen."""
        signs = tuple((weakref.ref(module), _signs_of_change(module)) for module in info.modules)
        return cls(dataclasses.replace(info, modules=(), norms=()), signs)

    @property
    def modules(self) -> tuple[nn.Module, ...] | None:
        """The modules, if they are still what they were."""
        modules = []
        for reference, signs in self.signs:
            module = reference()
            if module is None or signs != _signs_of_change(module):
                return None
            modules.append(module)
        return tuple(modules)


_LOOKED_UP: WeakKeyDictionary[nn.Module, _LookedUp] = WeakKeyDictionary()


def _signs_of_change(module: nn.Module) -> tuple[Any, ...]:
    own = vars(module)
    # What is compiled later is one more attribute, or another one of the same name.
    return module.training, id(own.get("forward")), len(own), *map(id, module._modules.values())


def _is_or_has_compiled(module: nn.Module) -> bool:
    return module._compiled_call_impl is not None or "_orig_mod" in module._modules or _compiles(module)


def normalises_by_batch(module: nn.Module) -> bool:
    """Whether a module normalises by the statistics of the rows that it is given."""
    return isinstance(module, _MIXING) and (module.training or module.running_mean is None)


def check_model(forward: Any) -> None:
    """Refuse what is no function of tensors.

    Raises:
        WrongType: It is none, or a class of models.
    """
    if isinstance(forward, type):
        name = forward.__name__
        raise WrongType(f"forward_func must be a model, not a class of models: got {name}. Hint: {name}(...).")
    if not callable(forward):
        answers = (name for name in ("predict_proba", "decision_function", "predict") if hasattr(forward, name))
        hint = next((f" Hint: model.{name}, by methods without gradients, such as KernelShap." for name in answers), "")
        raise WrongType(f"forward_func must be a function of tensors: got {type(forward).__name__}.{hint}")


def root_modules(forward: Callable[..., Any]) -> tuple[nn.Module, ...]:
    """The modules that a forward function can be seen to call; theirs are not listed."""
    return tuple(each for each in _reachable(forward) if isinstance(each, nn.Module))


def _reachable(forward: Callable[..., Any], above: tuple[Callable[..., Any], ...] = ()) -> Iterator[Callable[..., Any]]:
    """The modules and the compiled functions that a forward function can be seen to call, or is."""
    if isinstance(forward, nn.Module):
        yield forward
    elif isinstance(forward, functools.partial):
        yield from _reachable(forward.func, above)
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
"""What a function closes over that has no value yet."""


def values_around(forward: Callable[..., Any]) -> tuple[Any, ...]:
    """What a forward function, which is no module, can be seen to use besides its arguments."""
    if isinstance(forward, nn.Module):
        return ()
    if _is_compiled(forward):
        return values_around(_uncompiled(forward))
    if isinstance(forward, functools.partial):
        return (*forward.args, *forward.keywords.values(), *values_around(forward.func))
    return tuple(_held_by(forward))


def _held_by(forward: Callable[..., Any]) -> Iterable[Any]:
    """What a function closes over and names of its module; what another object, or that of a method, holds."""
    if inspect.isfunction(forward):
        named = (name for name in forward.__code__.co_names if name in forward.__globals__)
        cells = (cell.cell_contents for cell in forward.__closure__ or () if cell != _EMPTY)
        return [*cells, *(forward.__globals__[name] for name in named)]
    return getattr(getattr(forward, "__self__", forward), "__dict__", {}).values()


def _is_compiled(value: object) -> bool:
    """Whether something is what `torch.compile` makes of a function; what it is told to leave alone looks like it."""
    own = vars(value) if isinstance(value, FunctionType) else ()
    return "_torchdynamo_orig_callable" in own and "_torchdynamo_disable" not in own


def _uncompiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, or the method, of which a compiled one was made."""
    original: Callable[..., Any] = vars(function)["_torchdynamo_orig_callable"]
    return original


def _compiles(module: nn.Module) -> bool:
    """Whether a module has compiled functions: its forward, or what it holds."""
    if isinstance(module, torch.jit.ScriptModule):
        return False
    # At once, as other threads may hold a forward on the instance.
    held = [each for each in list(vars(module).values()) if type(each) is FunctionType]
    return any(map(_is_compiled, (type(module).forward, *held)))


def has_embeddings(forward: Callable[..., Any]) -> bool:
    """Whether a forward function can be seen to look up embeddings, for which integers are ids and not numbers."""
    return any(
        isinstance(each, nn.Embedding | nn.EmbeddingBag) for root in root_modules(forward) for each in root.modules()
    )
