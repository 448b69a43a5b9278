"""Everything that a call must leave as it found it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves


def random_state() -> dict[str, int]:
    """The state of every global generator, in short."""
    _, numbers, *rest = np.random.get_state()
    return {
        "torch": hash(torch.get_rng_state().numpy().tobytes()),
        "numpy": hash((numbers.tobytes(), *rest)),
        "python": hash(random.getstate()),
    }


def switches() -> dict[str, Any]:
    """Torch's global switches, and the hooks on all modules."""
    registered = {name: hooks for name, hooks in vars(nn.modules.module).items() if name.startswith("_global_")}
    return {
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "cudnn": torch.backends.cudnn.enabled,
        "anomaly": torch.is_anomaly_enabled(),
        "default dtype": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "hooks": {name: list(hooks) for name, hooks in registered.items() if isinstance(hooks, dict)},
    }


def of_tensor(tensor: Tensor, *, version: bool) -> tuple[Any, ...]:
    """A tensor's identity, value, gradient, flags and hooks."""
    grad = tensor.grad if tensor.is_leaf else None
    return (
        id(tensor),
        tensor.detach().cpu().numpy().tobytes(),
        tensor.requires_grad,
        tensor.grad_fn,
        tensor._version if version else None,
        None if grad is None else (id(grad), grad.cpu().numpy().tobytes()),
        dict(tensor._backward_hooks or {}),
        sorted(vars(tensor)),
    )


def of_module(module: nn.Module) -> dict[str, Any]:
    """A module's attributes: what dicts hold (hooks, children, parameters) by identity, all others as they are."""
    return {
        name: [(key, id(each)) for key, each in value.items()]
        if isinstance(value, dict)
        else (list(value) if isinstance(value, list | set) else value)
        for name, value in vars(module).items()
    }


def state(model: nn.Module, *values: Any) -> dict[str, Any]:
    """The model, the tensors among any values given, and the global state, in terms that compare."""
    return {
        "modules": [of_module(module) for module in model.modules()],
        "parameters": [of_tensor(each, version=True) for each in model.parameters()],
        # A buffer that a forward changes is put back, which torch counts as one more version.
        "buffers": [of_tensor(each, version=False) for each in model.buffers()],
        "tensors": [of_tensor(each, version=True) for each in tree_leaves(values) if isinstance(each, Tensor)],
        "random": random_state(),
        "switches": switches(),
    }


@contextmanager
def as_found(model: nn.Module, *values: Any, but: str = "") -> Iterator[None]:
    """What happens inside leaves everything as it was, `but` for one kind of state."""
    before = state(model, *values)
    yield
    after = state(model, *values)
    changed = [kind for kind in before if kind != but and after[kind] != before[kind]]
    assert not changed, f"changed: {', '.join(changed)}"
