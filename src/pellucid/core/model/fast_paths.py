"""Switching off the fast paths of torch and of compilers, on which neither hooks nor rules act."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, final

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from pellucid.core.model.inspection import ModelInfo
from pellucid.core.pytree import map_tensors

_NONE = nullcontext()


def without_fast_paths(model: ModelInfo, *, hooks: bool) -> AbstractContextManager[Any]:
    """Disable torch.compile and fused inference paths, so that hooks fire and both grad modes run the same code.

    Args:
        model: What is known of the model.
        hooks: Whether the forward has hooks; if not, compiled functions stay compiled.
    """
    eager = model.compiled and hooks
    fused = model.has_fast_path and (hooks or not model.compiled)
    if not (eager and fused):
        return _FORCE_EAGER if eager else _NoOpTorchFunctionMode() if fused else _NONE
    stack = ExitStack()
    stack.enter_context(_FORCE_EAGER)
    stack.enter_context(_NoOpTorchFunctionMode())
    return stack


def unwrap_data_parallel(
    model: Callable[..., Any], arguments: tuple[Any, ...]
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Replace a data-parallel model by the module that it copies, on its first device.

    The copies run in threads of their own, where the forward they belong to is unknown.
    """
    if not isinstance(model, nn.DataParallel):
        return model, arguments
    if model.device_ids:
        arguments = map_tensors(arguments, lambda tensor: tensor.to(model.src_device_obj))
    return model.module, arguments


@final
class _ForceEager:
    """Compiled modules run their Python code, where hooks act. All threads share the switch, so users are counted."""

    def __init__(self) -> None:
        self._lock, self._users = threading.Lock(), 0
        self._stance: AbstractContextManager[Any] = nullcontext()

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                self._stance = torch.compiler.set_stance("force_eager")
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._stance.__exit__(None, None, None)


_FORCE_EAGER = _ForceEager()


@final
class _NoOpTorchFunctionMode(TorchFunctionMode):
    """Changes nothing; torch skips its fused inference paths while any `TorchFunctionMode` is active."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return func(*args, **(kwargs or {}))
