"""What can be seen of a model from outside."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType
from typing import Any, final

import torch
from torch import Tensor, nn

from pellucid.core.model_state import Attributes, attributes_of, hash_of, remember_counters
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
        modules_with_mutable_buffers: Those of them in training mode that have buffers, which a forward may change.
        mixes_examples: Whether one of them normalises by the statistics of its batch, so that one example's output
            depends on the others.
        training_flags: Which of them are in training mode, one byte each.
        compiled: Whether one of them, or a function on the way, is compiled.
        has_fast_path: Whether one of them has a path of its own for predictions, which takes other tensors through its
            layers (nested ones, without what is padded) than where gradients are needed.
    """

    modules: tuple[nn.Module, ...]
    parameter_bytes: int
    modules_with_mutable_buffers: tuple[nn.Module, ...]
    mixes_examples: bool
    training_flags: bytes
    compiled: bool
    has_fast_path: bool

    @cached_property
    def state(self) -> int:
        """What of the modules may decide how a forward goes: their modes, attributes, parameters and buffers.

        A hash, the same for the same modules in the same state; what forwards change by themselves, as they count, is
        no part of it. Of tensors it holds which they are and how often they were written into, of single numbers the
        values.
        """
        return hash((self.training_flags, hash_of(self._attributes)))

    def state_after_forward(self) -> int:
        """The state now, after a forward, which shows what forwards change."""
        before = self.__dict__.pop("_attributes", self._attributes)
        remember_counters(before, self._attributes)
        self.__dict__.pop("state", None)
        return self.state

    @cached_property
    def _attributes(self) -> Attributes:
        return attributes_of(self.modules)

    @classmethod
    def of(cls, forward: Callable[..., Any]) -> ModelInfo:
        """What can be seen of a forward function: it or its object and what it closes over, and their modules.

        A function may reach modules in ways that nobody can see from outside; so this informs precautions and sizes,
        and nothing relies on it for the numbers of a model in evaluation mode.
        """
        parameter_bytes, mutable, mixing, flags = 0, [], False, bytearray()
        reached, fused, seen = list(_reached(forward)), False, set()
        pending = [each for each in reached if isinstance(each, nn.Module)]
        compiled = len(pending) < len(reached)
        while pending:
            module = pending.pop()
            if module in seen:
                continue
            seen.add(module)
            pending += [child for child in module._modules.values() if child is not None]
            parameter_bytes += sum(p.nbytes for p in module._parameters.values() if p is not None)
            if module.training and module._buffers:
                mutable.append(module)
            mixing |= mixes(module)
            flags.append(module.training)
            compiled |= module._compiled_call_impl is not None or "_orig_mod" in module._modules or _compiles(module)
            fused |= isinstance(module, _FUSED)
        return cls(tuple(seen), parameter_bytes, tuple(mutable), mixing, bytes(flags), compiled, fused)


def mixes(module: nn.Module) -> bool:
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


def roots(forward: Callable[..., Any]) -> tuple[nn.Module, ...]:
    """The modules that a forward function can be seen to call; theirs are not listed."""
    return tuple(each for each in _reached(forward) if isinstance(each, nn.Module))


def _reached(forward: Callable[..., Any], above: tuple[Callable[..., Any], ...] = ()) -> Iterator[Callable[..., Any]]:
    """The modules and the compiled functions that a forward function can be seen to call, or is."""
    if isinstance(forward, nn.Module):
        yield forward
    elif isinstance(forward, functools.partial):
        yield from _reached(forward.func, above)
    elif inspect.ismethod(forward) and isinstance(forward.__self__, nn.Module):
        yield forward.__self__
    elif _is_compiled(forward):
        yield forward
        yield from _reached(_uncompiled(forward), (*above, forward))
    else:
        for value in _around(forward):
            owner = getattr(value, "__self__", value)
            if isinstance(owner, nn.Module) or (_is_compiled(owner) and owner not in above):
                yield from _reached(owner, above)


def tensors_around(forward: Callable[..., Any]) -> tuple[Tensor, ...]:
    """The tensors that a forward function, which is no module, can be seen to use besides its arguments."""
    if isinstance(forward, nn.Module):
        return ()
    if _is_compiled(forward):
        return tensors_around(_uncompiled(forward))
    if isinstance(forward, functools.partial):
        held = (*forward.args, *forward.keywords.values(), *tensors_around(forward.func))
        return tuple(each for each in held if isinstance(each, Tensor))
    return tuple(each for each in _around(forward) if isinstance(each, Tensor))


def _around(forward: Callable[..., Any]) -> Iterable[Any]:
    """What a function closes over and names of its module; what another object, or that of a method, holds."""
    if inspect.isfunction(forward):
        closed = inspect.getclosurevars(forward)
        return [*closed.nonlocals.values(), *closed.globals.values()]
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


def embeds(forward: Callable[..., Any]) -> bool:
    """Whether a forward function can be seen to look up embeddings, for which integers are ids and not numbers."""
    return any(isinstance(each, nn.Embedding | nn.EmbeddingBag) for root in roots(forward) for each in root.modules())
