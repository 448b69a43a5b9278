"""Replacing the forwards of modules in one thread, for the time of one forward pass."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import torch
from torch import nn

Interception: TypeAlias = Callable[[nn.Module, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""Is called in the place of a module's forward: (module, its forward, arguments, keywords) -> output."""

Interceptor: TypeAlias = tuple[Interception, tuple[nn.Module, ...]]
"""An interception, and the modules whose forwards it replaces."""

_INTERCEPTION: ContextVar[Interception | None] = ContextVar("interception", default=None)
"""The interception of this thread: other threads may use the same modules."""

_PATCH_LOCK = threading.RLock()

_PATCHES: dict[nn.Module, _PatchedForward] = {}


@contextmanager
def intercept(watch: Interceptor | None) -> Iterator[None]:
    """Replace the forwards of the interceptor's modules, in this thread alone; None replaces none."""
    interception, intercepted = watch or (None, ())
    modules = [module for module in intercepted if not isinstance(module, torch.jit.ScriptModule)]
    token = _INTERCEPTION.set(interception)
    with _PATCH_LOCK:
        for module in modules:
            if module not in _PATCHES:
                _PATCHES[module] = _PatchedForward(module)
            _PATCHES[module].users += 1
    try:
        yield
    finally:
        with _PATCH_LOCK:
            for module in modules:
                _PATCHES[module].release()
        _INTERCEPTION.reset(token)


def own_forward(module: nn.Module) -> Any:
    """The forward that a user has put on a module's instance; None where there is none."""
    with _PATCH_LOCK:
        patch = _PATCHES.get(module)
        return vars(module).get("forward") if patch is None else patch.original_attribute.get("forward")


class _PatchedForward:
    """A forward on a module's instance that calls the interception of its thread; removed with its last user."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self.users = module, 0
        self.original_attribute = {"forward": module.__dict__["forward"]} if "forward" in module.__dict__ else {}
        original = module.forward

        @functools.wraps(original)
        def forward(*arguments: Any, **keywords: Any) -> Any:
            interception = _INTERCEPTION.get()
            if interception is None:
                return original(*arguments, **keywords)
            return interception(module, original, arguments, keywords)

        module.__dict__["forward"] = forward

    def release(self) -> None:
        """Count one user less, and restore the module after the last one."""
        self.users -= 1
        if self.users == 0:
            del _PATCHES[self.module], self.module.__dict__["forward"]
            self.module.__dict__.update(self.original_attribute)
