"""Who runs, read off the Python frames, so that nothing is put on modules."""

from __future__ import annotations

import sys

from torch import nn
from torch.autograd.function import FunctionCtx


def current_module() -> nn.Module | None:
    """The innermost module that runs."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code is _CALLING:
            module: nn.Module = frame.f_locals["self"]
            return module
        frame = frame.f_back  # type: ignore[assignment]  # None in the end
    return None


def current_autograd_function() -> str:
    """The name of the node of a user's `autograd.Function` that runs; nothing where none does."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code is not _CALLING:
        for value in frame.f_locals.values():
            if isinstance(value, FunctionCtx):
                return type(value).__name__
        frame = frame.f_back  # type: ignore[assignment]  # None in the end
    return ""


_CALLING = nn.Module._call_impl.__code__
