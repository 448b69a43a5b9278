"""The model is left as it was found, whatever happens: its buffers, the random state, the modes of gradients."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import final

import torch
from torch import Tensor

from pellucid.core.model.inspection import ModelInfo

# The switch is one for all threads: without the lock, one could put back what another had changed.
_CUDNN = threading.RLock()
_OFF: ContextVar[bool] = ContextVar("cudnn_off", default=False)


@final
class isolated:  # noqa: N801  # a context manager, used as a function; one made of a generator takes longer
    """An attribution: out of inference mode, with gradients of its arithmetic only where asked for.

    Buffers that a forward in training mode changes (batch norm's counters) are put back afterwards; after an exception
    the random state from which a model draws is put back too.

    Args:
        model: What is known of the model.
        device: That of the inputs.
        create_graph: Whether the attributions can be differentiated.
    """

    def __init__(self, model: ModelInfo, device: torch.device, *, create_graph: bool) -> None:
        self._model, self._device = model, device
        self._create_graph = create_graph

    def __enter__(self) -> None:
        every = ((m, n, b) for m in self._model.modules_with_mutable_buffers for n, b in m._buffers.items())
        self._buffers = [(m, n, b, b.clone()) for m, n, b in every if b is not None]
        self._drawn_from = random_state(self._device)
        self._inference = torch.inference_mode(False) if torch.is_inference_mode_enabled() else None
        if self._inference is not None:
            self._inference.__enter__()
        self._before = torch.is_grad_enabled()
        torch.set_grad_enabled(self._create_graph)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        torch.set_grad_enabled(self._before)
        if self._inference is not None:
            self._inference.__exit__(kind, error, trace)
        if error is not None:
            restore_random_state(self._drawn_from, self._device)
        for module, name, buffer, kept in self._buffers:
            module._buffers[name] = buffer
            buffer.detach().copy_(kept)


def random_state(device: torch.device) -> tuple[Tensor, ...]:
    """Torch's random state, also that of the device in use."""
    on_host = torch.get_rng_state()
    return (on_host, torch.cuda.get_rng_state(device)) if device.type == "cuda" else (on_host,)


def restore_random_state(state: tuple[Tensor, ...], device: torch.device) -> None:
    """Put a random state back."""
    torch.set_rng_state(state[0])
    for on_device in state[1:]:
        torch.cuda.set_rng_state(on_device, device)


def needs_no_cudnn(error: RuntimeError) -> bool:
    """Whether an error is that of cuDNN's recurrent layers, which have no backward in evaluation mode.

    Not in a call that has switched cuDNN off; another thread may have switched it off meanwhile.
    """
    return "RNN backward can only be called in training mode" in str(error) and not _OFF.get()


@contextmanager
def without_cudnn() -> Iterator[None]:
    """Switch cuDNN off, and only that."""
    with _CUDNN:
        enabled, token = torch.backends.cudnn.enabled, _OFF.set(True)
        torch.backends.cudnn.enabled = False
        try:
            yield
        finally:
            torch.backends.cudnn.enabled = enabled
            _OFF.reset(token)
