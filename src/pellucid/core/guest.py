"""The model is a guest: whatever happens, it and the global state are left as they were found."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

_MIXING = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def modules_of(forward: Callable[..., Any]) -> tuple[nn.Module, ...]:
    """The modules that a forward function is known to call: itself, its object, what it closes over.

    A function may reach modules in ways that nobody can see from outside; so this informs precautions and sizes,
    and nothing relies on it for the numbers of a model in evaluation mode.
    """
    if isinstance(forward, nn.Module):
        return (forward,)
    if isinstance(forward, functools.partial):
        return modules_of(forward.func)
    if inspect.ismethod(forward):
        owner = forward.__self__
        return (owner,) if isinstance(owner, nn.Module) else _modules_among(getattr(owner, "__dict__", {}).values())
    if inspect.isfunction(forward):
        closed = inspect.getclosurevars(forward)
        return _modules_among([*closed.nonlocals.values(), *closed.globals.values()])
    return _modules_among(getattr(forward, "__dict__", {}).values())


def _modules_among(values: Any) -> tuple[nn.Module, ...]:
    owners = (getattr(value, "__self__", value) for value in values)
    return tuple(owner for owner in owners if isinstance(owner, nn.Module))


def parameter_bytes(modules: tuple[nn.Module, ...]) -> int:
    """What the parameters of these modules take."""
    return sum(p.numel() * p.element_size() for module in modules for p in module.parameters())


def mixes_examples(modules: tuple[nn.Module, ...]) -> bool:
    """Whether a module normalises by the statistics of its batch: one example's output depends on the others."""
    return any(
        isinstance(m, _MIXING) and (m.training or m.running_mean is None)
        for module in modules
        for m in module.modules()
    )


@contextmanager
def visiting(modules: tuple[nn.Module, ...], device: torch.device, *, create_graph: bool) -> Iterator[None]:
    """Run an attribution: out of inference mode, with gradients of its arithmetic only where asked for.

    Buffers that a forward in training mode changes (batch norm's counters) are put back afterwards; after an
    exception the global random state is put back too.
    """
    random_state = _RandomState(device)
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.set_grad_enabled(create_graph))
        stack.enter_context(_buffers_kept(modules))
        try:
            yield
        except BaseException:
            random_state.restore()
            raise


@contextmanager
def _buffers_kept(modules: tuple[nn.Module, ...]) -> Iterator[None]:
    training = any(m.training for module in modules for m in module.modules())
    kept = [(b, b.clone()) for module in modules for b in module.buffers()] if training else []
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, before in kept:
                buffer.copy_(before)


class _RandomState:
    """The global random state of torch (also on the device in use) and NumPy."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.numpy = np.random.get_state()
        self.torch = torch.get_rng_state()
        self.cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def restore(self) -> None:
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.torch)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda, self.device)


@contextmanager
def without_cudnn() -> Iterator[None]:
    """Switch cuDNN off, and only that: its recurrent layers have no backward in evaluation mode."""
    enabled = torch.backends.cudnn.enabled
    torch.backends.cudnn.enabled = False
    try:
        yield
    finally:
        torch.backends.cudnn.enabled = enabled
