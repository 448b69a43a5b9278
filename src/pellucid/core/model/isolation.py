"""Leaving the user's model as it was found, also after an exception: buffers, random state, gradient modes, cuDNN."""

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

# All threads share torch's switch: without the lock, one thread could restore the value that another has set.
_CUDNN_LOCK = threading.RLock()
_CUDNN_OFF: ContextVar[bool] = ContextVar("cudnn_off", default=False)


@final
class isolated:  # noqa: N801  # a context manager, used as a function; one made of a generator takes longer
    """Run an attribution outside of inference mode, with gradients of its own arithmetic only under `create_graph`.

    Buffers that a forward in training mode may change (such as those of batch norm) are restored afterwards; after an
    exception torch's random state is restored too.

    Args:
        model: What is known of the model.
        device: The device of the inputs.
        create_graph: Whether the attributions can be differentiated.
    """

    def __init__(self, model: ModelInfo, device: torch.device, *, create_graph: bool) -> None:
        self._model, self._device = model, device
        self._create_graph = create_graph

    def __enter__(self) -> None:
        self._buffers = [
            (module, name, buffer, buffer.clone())
            for module in self._model.modules_with_mutable_buffers
            for name, buffer in module._buffers.items()
            if buffer is not None
        ]
        self._random_state = random_state(self._device)
        self._no_inference_mode = torch.inference_mode(False) if torch.is_inference_mode_enabled() else None
        if self._no_inference_mode is not None:
            self._no_inference_mode.__enter__()
        self._grad_enabled = torch.is_grad_enabled()
        torch.set_grad_enabled(self._create_graph)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        torch.set_grad_enabled(self._grad_enabled)
        if self._no_inference_mode is not None:
            self._no_inference_mode.__exit__(kind, error, trace)
        if error is not None:
            restore_random_state(self._random_state, self._device)
        for module, name, buffer, values in self._buffers:
            module._buffers[name] = buffer
            buffer.detach().copy_(values)


def random_state(device: torch.device) -> tuple[Tensor, ...]:
    """Torch's random state on the CPU and, for a CUDA device, on the device."""
    cpu_state = torch.get_rng_state()
    return (cpu_state, torch.cuda.get_rng_state(device)) if device.type == "cuda" else (cpu_state,)


def restore_random_state(state: tuple[Tensor, ...], device: torch.device) -> None:
    """Restore what `random_state` returned."""
    torch.set_rng_state(state[0])
    for cuda_state in state[1:]:
        torch.cuda.set_rng_state(cuda_state, device)


def needs_no_cudnn(error: RuntimeError) -> bool:
    """Whether an error is that of cuDNN's recurrent layers, which have no backward in evaluation mode.

    False where this thread has switched cuDNN off already.
    """
    return "RNN backward can only be called in training mode" in str(error) and not _CUDNN_OFF.get()


@contextmanager
def without_cudnn() -> Iterator[None]:
    """Switch cuDNN off, and none of its other settings."""
    with _CUDNN_LOCK:
        enabled, token = torch.backends.cudnn.enabled, _CUDNN_OFF.set(True)
        torch.backends.cudnn.enabled = False
        try:
            yield
        finally:
            torch.backends.cudnn.enabled = enabled
            _CUDNN_OFF.reset(token)
