"""Which module or autograd function runs, read from the Python frames: nothing is installed on modules."""

from __future__ import annotations

import sys

from torch import nn
from torch.autograd.function import FunctionCtx


def current_module() -> nn.Module | None:
    """The innermost module whose forward runs; None outside of all modules."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code is _CALLING:
            module: nn.Module = frame.f_locals["self"]
            return module
        frame = frame.f_back  # type: ignore[assignment]  # None in the end
    return None


def current_autograd_function() -> str:
    """The name of the node of the user's `autograd.Function` that runs; empty where none does."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code is not _CALLING:
        for value in frame.f_locals.values():
            if isinstance(value, FunctionCtx):
                return type(value).__name__
        frame = frame.f_back  # type: ignore[assignment]  # None in the end
    return ""


_CALLING = nn.Module._call_impl.__code__
