"""Hook points: one side of a module in a forward, where tensors are captured and replaced."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, final
from weakref import WeakSet

import torch
from torch import Tensor, nn

from pellucid.core.autograd.dependence import marked_as_source
from pellucid.core.model.layers import CallLike, Side, is_submodule, module_label
from pellucid.core.pytree import TensorTree
from pellucid.core.restarts import BatchCollapsed
from pellucid.core.tensors import Tensors, is_floating
from pellucid.errors import InvalidArgument, OutOfRange, warn

_HOOK_LOCK = threading.RLock()
"""Torch numbers its hooks without care for threads: without the lock, two could get the same number."""

_WARNED: WeakSet[nn.Module] = WeakSet()
"""Modules that are called several times, and the user knows."""


class Hooked(Protocol):
    """What a hook point must know of the forward that it is in."""

    model: Callable[..., Any]
    grads: bool
    whole: bool
    chosen: Callable[[Tensor], bool]

    @property
    def is_over(self) -> bool:
        """Whether the rest of the forward does not matter."""
        ...


CURRENT_FORWARD: ContextVar[Hooked | None] = ContextVar("forward", default=None)
"""The forward that this thread is in: hooks on a module that other threads use too act in this one alone."""


class StopForward(BaseException):
    """All that was asked for has been read. No `Exception`, so that no code of the model takes it for an error."""

    def __init__(self, forward: Hooked) -> None:
        self.forward = forward


@final
class HookPoint:
    """One side of a module, through which tensors pass in each of its calls; those of one call are looked at."""

    def __init__(self, module: nn.Module, side: Side, call: CallLike) -> None:
        self.module, self.side, self.call = module, side, call
        self.replacement: Tensors | None = None
        self.captures = False
        self.tensors: Tensors = ()
        self.structures: tuple[TensorTree, ...] = ()
        self.count = 0
        self.expected_calls: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether the call looked at is over; nobody can tell the last one who has not counted."""
        return self.count > self.call if isinstance(self.call, int) else self.count == self.expected_calls

    @contextmanager
    def hooked(self, forward: Hooked) -> Iterator[None]:
        """Listen to the module, after all that its user has put on it."""

        def after(module: nn.Module, arguments: Any, output: Any) -> Any:
            return self._on_call(output, forward) if CURRENT_FORWARD.get() is forward else None

        # A hook being removed by another thread is called without keywords.
        def before(module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any] | None = None) -> Any:
            if CURRENT_FORWARD.get() is not forward:
                return None
            if not arguments:
                changed = self._on_call(keywords, forward)
                return None if changed is None else ((), changed)
            single = len(arguments) == 1
            changed = self._on_call(arguments[0] if single else arguments, forward)
            return None if changed is None else ((changed,) if single else changed, keywords)

        with _HOOK_LOCK:
            if self.side == "output":
                handle = self.module.register_forward_hook(after)
            else:
                handle = self.module.register_forward_pre_hook(before, with_kwargs=True)
        try:
            yield
        finally:
            with _HOOK_LOCK:
                handle.remove()

    def raise_if_not_called(self, forward: Hooked) -> None:
        """Whether the call looked at took place."""
        least = self.call if isinstance(self.call, int) else 0
        if self.replacement is not None and self.count <= least and not forward.whole:
            raise BatchCollapsed  # the module is called as often as this only with the whole batch
        if self.count == 0:
            raise InvalidArgument(f"layer must run in the forward: {_absence(self.module, forward.model)}")
        if self.count <= least:
            name = module_label(self.module, forward.model)
            raise OutOfRange(f"call must be below the number of calls of {name}, {self.count}: got {self.call}.")

    def warn_of_several_calls(self, forward: Hooked) -> None:
        """Say once of a module which of its calls is looked at, where nobody has chosen among several."""
        if self.call is None and self.count > 1 and self.module not in _WARNED:
            _WARNED.add(self.module)
            warn(
                f"layer {module_label(self.module, forward.model)} is called {self.count} times in a forward, and "
                f"its last call is meant. Hint: call={self.count - 1} says so, call=0 is the first, and "
                'call="all" every one.'
            )

    def _on_call(self, value: Any, forward: Hooked) -> Any:
        """Look at what passes in one call; what passes instead, None where nothing is changed."""
        call, self.count = self.count, self.count + 1
        if self.call not in (None, "all", call):
            return None
        tensors, structure = TensorTree.of(value, forward.chosen)
        with torch.set_grad_enabled(torch.is_grad_enabled() or forward.grads):
            tensors = tensors if self.replacement is None else self.replacement
            if forward.grads:
                tensors = tuple(map(as_leaf, tensors))
            if self.captures:
                every = self.call == "all"
                self.tensors = self.tensors + tensors if every else tensors
                self.structures = (*self.structures, structure) if every else (structure,)
                if forward.is_over:
                    raise StopForward(forward)
            # The model may go on to write into what it gets.
            return structure.filled(tuple(map(marked_as_source, tensors)))


def users_hooks(module: nn.Module) -> tuple[int, ...]:
    """The numbers that torch has given the hooks on a module's calls, but for ours."""
    with _HOOK_LOCK:
        every = [*module._forward_pre_hooks.items(), *module._forward_hooks.items()]
    return tuple(number for number, hook in every if getattr(hook, "__module__", None) != __name__)


def as_leaf(tensor: Tensor) -> Tensor:
    """A tensor at which gradients can be taken: where it does not depend on one already, a leaf of its own."""
    return tensor if tensor.requires_grad or not is_floating(tensor) else tensor.detach().requires_grad_()


def _absence(module: nn.Module, model: Callable[..., Any]) -> str:
    if not is_submodule(module, model):
        return f"{type(module).__name__} is no module of {type(model).__name__}."
    return (
        f"{module_label(module, model)} was never called. Hint: only calls of the module itself count, not of its "
        "forward, and only in the thread that runs the model."
    )
