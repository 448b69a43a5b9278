"""The model is a guest: whatever happens, it and the global state are left as they were found."""

from __future__ import annotations

import functools
import inspect
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType
from typing import Any, TypeVar, final
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pellucid.core.kinds import plain
from pellucid.core.structure import each_tensor
from pellucid.errors import WrongType

T = TypeVar("T")

# The switch is one for all threads: without the lock, one could put back what another had changed.
_CUDNN = threading.RLock()

_SHORTCUTS = (nn.TransformerEncoder, nn.TransformerEncoderLayer, nn.MultiheadAttention)
_MIXING = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


@final
@dataclass(frozen=True)
class Guest:
    """What is known of the modules that a forward function calls.

    Args:
        modules: The modules themselves.
        parameter_bytes: What their parameters take.
        training: Those of them in training mode that have buffers, which a forward may change.
        mixes_examples: Whether one of them normalises by the statistics of its batch, so that one example's output
            depends on the others.
        modes: Which of them are in training mode, one byte each.
        compiled: Whether one of them, or a function on the way, is compiled.
        shortcuts: Whether one of them has a path of its own for predictions, which takes other tensors through its
            layers (nested ones, without what is padded) than where gradients are needed.
    """

    modules: tuple[nn.Module, ...]
    parameter_bytes: int
    training: tuple[nn.Module, ...]
    mixes_examples: bool
    modes: bytes
    compiled: bool
    shortcuts: bool

    @cached_property
    def state(self) -> int:
        """What of the modules may decide how a forward goes: their modes, attributes, parameters and buffers.

        A hash, the same for the same state; what forwards change by themselves, as they count, is no part of it. Of
        tensors it holds which they are and how often they were written into, of single numbers the values.
        """
        return hash((self.modes, *(_hash_of(module, each) for module, each in self._attributes.items())))

    def settled(self) -> int:
        """The state after a forward, which shows what forwards change."""
        before = self.__dict__.pop("_attributes", self._attributes)
        for module, now in self._attributes.items():
            changed = {name for name in now.keys() | before[module].keys() if now.get(name) != before[module].get(name)}
            if changed:
                _COUNTERS.setdefault(module, set()).update(changed)
        self.__dict__.pop("state", None)
        return self.state

    @cached_property
    def _attributes(self) -> dict[nn.Module, dict[str, Hashable]]:
        shared: dict[int, Hashable] = {}
        return {module: _plain_attributes(module, shared) | _tensors_of(module) for module in self.modules}

    @classmethod
    def of(cls, forward: Callable[..., Any]) -> Guest:
        """What can be seen of a forward function: it or its object and what it closes over, and their modules.

        A function may reach modules in ways that nobody can see from outside; so this informs precautions and sizes,
        and nothing relies on it for the numbers of a model in evaluation mode.

        Raises:
            WrongType: It is no function at all, or a class of models.
        """
        _check(forward)
        parameter_bytes, training, mixing, modes = 0, [], False, bytearray()
        reached, shortcuts, seen = list(_reached(forward)), False, set()
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
                training.append(module)
            mixing |= mixes(module)
            modes.append(module.training)
            compiled |= module._compiled_call_impl is not None or "_orig_mod" in module._modules or _compiles(module)
            shortcuts |= isinstance(module, _SHORTCUTS)
        return cls(tuple(seen), parameter_bytes, tuple(training), mixing, bytes(modes), compiled, shortcuts)

    def visit(self, call: Callable[[], T], device: torch.device, *, create_graph: bool) -> T:
        """Run an attribution: out of inference mode, with gradients of its arithmetic only where asked for.

        Buffers that a forward in training mode changes (batch norm's counters) are put back afterwards; after an
        exception the random state from which a model draws is put back too.
        """
        before = [(m, n, b, b.clone()) for m in self.training for n, b in m._buffers.items() if b is not None]
        drawn_from = random_state(device)
        try:
            with torch.set_grad_enabled(create_graph):
                if not torch.is_inference_mode_enabled():
                    return call()
                with torch.inference_mode(False), torch.set_grad_enabled(create_graph):
                    return call()
        except BaseException:
            restored(drawn_from, device)
            raise
        finally:
            for module, name, buffer, kept in before:
                module._buffers[name] = buffer
                buffer.detach().copy_(kept)

    @contextmanager
    def long_way(self, hooks: bool) -> Iterator[None]:
        """Have the modules run their Python, where hooks act, and the same code whether gradients are needed or not.

        Args:
            hooks: Whether there are any; if not, what is compiled stays so.
        """
        eager = _EAGERLY if self.compiled and hooks else nullcontext()
        watched = _Watching() if self.shortcuts and (hooks or not self.compiled) else nullcontext()
        with eager, watched:
            yield


def mixes(module: nn.Module) -> bool:
    """Whether a module normalises by the statistics of the rows that it is given."""
    return isinstance(module, _MIXING) and (module.training or module.running_mean is None)


def _check(forward: Any) -> None:
    if isinstance(forward, type):
        name = forward.__name__
        raise WrongType(f"forward_func must be a model, not a class of models: got {name}. Hint: {name}(...).")
    if not callable(forward):
        answers = (name for name in ("predict_proba", "decision_function", "predict") if hasattr(forward, name))
        hint = next((f" Hint: model.{name}, by methods without gradients, such as KernelShap." for name in answers), "")
        raise WrongType(f"forward_func must be a function of tensors: got {type(forward).__name__}.{hint}")


_COUNTERS: WeakKeyDictionary[nn.Module, set[str]] = WeakKeyDictionary()
"""Attributes that forwards were seen to change."""

_KEPT_APART = frozenset(vars(nn.Module()))
"""What torch keeps on every module; the modes are listed by themselves."""

_MANY = 100
_SIMPLE = frozenset({bool, int, float, str, type(None)})


def _plain_attributes(value: Any, shared: dict[int, Hashable], depth: int = 2) -> dict[str, Hashable]:
    """The numbers and words of a module, of its configuration and of what else it holds, by their names."""
    own = vars(value)
    return {name: _plain_part(own.get(name), shared, depth - 1) for name in own.keys() - _KEPT_APART}


def _plain_part(value: Any, shared: dict[int, Hashable], depth: int) -> Hashable:
    """What can be compared of an attribute; of what is large or nested the length alone.

    Args:
        value: The attribute.
        shared: What was found of objects that several modules hold, as their configuration.
        depth: How far to look inside.
    """
    kind = type(value)
    if kind in _SIMPLE or (kind is tuple and all(type(each) in _SIMPLE for each in value)):
        return hash(value)
    if isinstance(value, list | tuple | dict | set | deque):
        if depth == 0 or len(value) > _MANY:
            return len(value)
        each = value.items() if isinstance(value, dict) else enumerate(value)
        return tuple((hash(name) if plain(name) else None, _plain_part(part, shared, depth - 1)) for name, part in each)
    if isinstance(value, Tensor):
        return mark_of(value)
    if depth == 0 or callable(value) or not hasattr(value, "__dict__"):
        return None
    if id(value) not in shared:
        shared[id(value)] = hash(frozenset(_plain_attributes(value, shared, depth).items()))
    return shared[id(value)]


def _tensors_of(module: nn.Module) -> dict[str, Hashable]:
    """The marks of a module's parameters and buffers, by their names."""
    every = (*module._parameters.items(), *module._buffers.items())
    return {name: mark_of(each) for name, each in every if each is not None}


def mark_of(tensor: Tensor) -> Hashable:
    """What tells a tensor from another, and from itself after it was written into, without a look at many numbers."""
    written = 0 if tensor.is_inference() else tensor._version
    small = tensor.numel() == 1 and tensor.device.type == "cpu"
    return id(tensor), written, tensor.item() if small else tensor.shape


def _hash_of(module: nn.Module, attributes: dict[str, Hashable]) -> int:
    counters = _COUNTERS.get(module, ())
    return hash(frozenset(each for each in attributes.items() if each[0] not in counters))


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


def undivided(model: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A data-parallel model as the one module that it copies, on its first device.

    Its copies run in threads of their own, in which nobody can tell what call they belong to.
    """
    if not isinstance(model, nn.DataParallel):
        return model, arguments
    if model.device_ids:
        arguments = each_tensor(arguments, lambda tensor: tensor.to(model.src_device_obj))
    return model.module, arguments


def random_state(device: torch.device) -> tuple[Tensor, ...]:
    """Torch's random state, also that of the device in use."""
    on_host = torch.get_rng_state()
    return (on_host, torch.cuda.get_rng_state(device)) if device.type == "cuda" else (on_host,)


def restored(random_state: tuple[Tensor, ...], device: torch.device) -> None:
    """Put a random state back."""
    torch.set_rng_state(random_state[0])
    for on_device in random_state[1:]:
        torch.cuda.set_rng_state(on_device, device)


@final
class _Eagerly:
    """Compiled modules run their Python, where hooks act. The switch is one for all threads, so visits are counted."""

    def __init__(self) -> None:
        self._lock, self._visits = threading.Lock(), 0
        self._stance: AbstractContextManager[Any] = nullcontext()

    def __enter__(self) -> None:
        with self._lock:
            if self._visits == 0:
                self._stance = torch.compiler.set_stance("force_eager")
            self._visits += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._visits -= 1
            if self._visits == 0:
                self._stance.__exit__(None, None, None)


_EAGERLY = _Eagerly()


@final
class _Watching(TorchFunctionMode):
    """Sees every call of torch and changes none: while one looks on, torch takes no shortcuts for predictions."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return func(*args, **(kwargs or {}))


def cudnn_or_not(call: Callable[[], T]) -> T:
    """What a call returns: once more without cuDNN, whose recurrent layers have no backward in evaluation mode."""
    try:
        return call()
    except RuntimeError as error:
        if "RNN backward can only be called in training mode" not in str(error):
            raise
        with _without_cudnn():
            return call()


@contextmanager
def _without_cudnn() -> Iterator[None]:
    """Switch cuDNN off, and only that."""
    with _CUDNN:
        enabled = torch.backends.cudnn.enabled
        torch.backends.cudnn.enabled = False
        try:
            yield
        finally:
            torch.backends.cudnn.enabled = enabled
