"""What happens in place of a module's forward, in one thread."""

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
"""What happens in place of a module's forward: (module, its forward, arguments, keywords) -> output."""

Interceptor: TypeAlias = tuple[Interception, tuple[nn.Module, ...]]
"""An interception, and the modules that it is asked about."""

_INTERCEPTION: ContextVar[Interception | None] = ContextVar("interception", default=None)
"""What this thread's forward does: modules whose forward is looked at may be used by other threads, too."""

_INSTALLING = threading.RLock()

_INSTALLED: dict[nn.Module, _PatchedForward] = {}


@contextmanager
def intercept(watch: Interceptor | None) -> Iterator[None]:
    """Have an interception asked before any of its modules runs its forward, in this thread alone."""
    interception, watched = watch or (None, ())
    modules = [module for module in watched if not isinstance(module, torch.jit.ScriptModule)]
    token = _INTERCEPTION.set(interception)
    with _INSTALLING:
        for module in modules:
            if module not in _INSTALLED:
                _INSTALLED[module] = _PatchedForward(module)
            _INSTALLED[module].users += 1
    try:
        yield
    finally:
        with _INSTALLING:
            for module in modules:
                _INSTALLED[module].leave()
        _INTERCEPTION.reset(token)


def own_forward(module: nn.Module) -> Any:
    """The forward that a user has put on a module's instance; None where there is none."""
    with _INSTALLING:
        installed = _INSTALLED.get(module)
        return vars(module).get("forward") if installed is None else installed.before.get("forward")


class _PatchedForward:
    """A forward on a module's instance that asks the interception of its thread; gone with its last user."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self.users = module, 0
        self.before = {"forward": module.__dict__["forward"]} if "forward" in module.__dict__ else {}
        original = module.forward

        @functools.wraps(original)
        def forward(*arguments: Any, **keywords: Any) -> Any:
            interception = _INTERCEPTION.get()
            if interception is None:
                return original(*arguments, **keywords)
            return interception(module, original, arguments, keywords)

        module.__dict__["forward"] = forward

    def leave(self) -> None:
        """One user less."""
        self.users -= 1
        if self.users == 0:
            del _INSTALLED[self.module], self.module.__dict__["forward"]
            self.module.__dict__.update(self.before)
