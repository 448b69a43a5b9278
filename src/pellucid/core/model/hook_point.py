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

HOOK_LOCK = threading.RLock()
"""Registering hooks is not thread-safe in torch: without the lock, two hooks could get the same number."""

_WARNED: WeakSet[nn.Module] = WeakSet()
"""Modules for which the warning about several calls was given."""


class Hooked(Protocol):
    """The forward that a hook point is in, as far as it needs to know it."""

    model: Callable[..., Any]
    grads: bool
    whole: bool
    chosen: Callable[[Tensor], bool]

    @property
    def is_over(self) -> bool:
        """Whether the forward may stop here."""
        ...


CURRENT_FORWARD: ContextVar[Hooked | None] = ContextVar("forward", default=None)
"""The forward that this thread is in: hooks act in this thread alone, though others may use the same module."""


class StopForward(BaseException):
    """Stops a forward after the last capture. No `Exception`, so that no code of the model handles it as an error."""

    def __init__(self, forward: Hooked) -> None:
        self.forward = forward


@final
class HookPoint:
    """The input or output of a module, whose tensors are captured or replaced in one of its calls, or in all.

    Args:
        module: The module.
        side: Its input or its output.
        call: Which of its calls.
    """

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
        """Whether the call has happened; for the last call, known only if an earlier full forward counted the calls."""
        return self.count > self.call if isinstance(self.call, int) else self.count == self.expected_calls

    @contextmanager
    def hooked(self, forward: Hooked) -> Iterator[None]:
        """Put a hook on the module, called after those of the user."""

        def after(module: nn.Module, arguments: Any, output: Any) -> Any:
            return self._on_call(output, forward) if CURRENT_FORWARD.get() is forward else None

        # While another thread removes its hook, torch may call this one without keywords.
        def before(module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any] | None = None) -> Any:
            if CURRENT_FORWARD.get() is not forward:
                return None
            if not arguments:
                changed = self._on_call(keywords, forward)
                return None if changed is None else ((), changed)
            single = len(arguments) == 1
            changed = self._on_call(arguments[0] if single else arguments, forward)
            return None if changed is None else ((changed,) if single else changed, keywords)

        with HOOK_LOCK:
            if self.side == "output":
                handle = self.module.register_forward_hook(after)
            else:
                handle = self.module.register_forward_pre_hook(before, with_kwargs=True)
        try:
            yield
        finally:
            with HOOK_LOCK:
                handle.remove()

    def raise_if_not_called(self, forward: Hooked) -> None:
        """Check, after a full forward, that the call has happened.

        Raises:
            InvalidArgument: The module was not called.
            OutOfRange: The module was called less often.
            BatchCollapsed: The same in a forward of other rows: it may be called as often with the whole batch alone.
        """
        index = self.call if isinstance(self.call, int) else 0
        if self.replacement is not None and self.count <= index and not forward.whole:
            raise BatchCollapsed
        if self.count == 0:
            raise InvalidArgument(f"layer must run in the forward: {_absence(self.module, forward.model)}")
        if self.count <= index:
            name = module_label(self.module, forward.model)
            raise OutOfRange(f"call must be below the number of calls of {name}, {self.count}: got {self.call}.")

    def warn_of_several_calls(self, forward: Hooked) -> None:
        """Warn, once per module, that its last call is meant where the user has not chosen among several."""
        if self.call is None and self.count > 1 and self.module not in _WARNED:
            _WARNED.add(self.module)
            warn(
                f"layer {module_label(self.module, forward.model)} is called {self.count} times in a forward, and "
                f"its last call is meant. Hint: call={self.count - 1} says so, call=0 is the first, and "
                'call="all" every one.'
            )

    def _on_call(self, value: Any, forward: Hooked) -> Any:
        """Capture or replace the tensors of a call.

        Args:
            value: The input or output of the module.
            forward: The forward.

        Returns:
            The value that replaces it; None to leave it unchanged.
        """
        index, self.count = self.count, self.count + 1
        if self.call not in (None, "all", index):
            return None
        tensors, structure = TensorTree.of(value, forward.chosen)
        with torch.set_grad_enabled(torch.is_grad_enabled() or forward.grads):
            tensors = tensors if self.replacement is None else self.replacement
            if forward.grads:
                tensors = tuple(map(as_leaf, tensors))
            if self.captures:
                all_calls = self.call == "all"
                self.tensors = self.tensors + tensors if all_calls else tensors
                self.structures = (*self.structures, structure) if all_calls else (structure,)
                if forward.is_over:
                    raise StopForward(forward)
            # Copies, as the model may write into them.
            return structure.filled(tuple(map(marked_as_source, tensors)))


def users_hooks(module: nn.Module) -> tuple[int, ...]:
    """Torch's numbers of the forward hooks on a module, without ours."""
    with HOOK_LOCK:
        hooks = [*module._forward_pre_hooks.items(), *module._forward_hooks.items()]
    return tuple(number for number, hook in hooks if getattr(hook, "__module__", None) != __name__)


def as_leaf(tensor: Tensor) -> Tensor:
    """The tensor as a leaf that requires gradients; unchanged if it requires them already or is not floating."""
    return tensor if tensor.requires_grad or not is_floating(tensor) else tensor.detach().requires_grad_()


def _absence(module: nn.Module, model: Callable[..., Any]) -> str:
    """Why a module was not called, for a message."""
    if not is_submodule(module, model):
        return f"{type(module).__name__} is no module of {type(model).__name__}."
    return (
        f"{module_label(module, model)} was never called. Hint: only calls of the module itself count, not of its "
        "forward, and only in the thread that runs the model."
    )
