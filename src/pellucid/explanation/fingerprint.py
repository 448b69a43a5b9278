"""Which weights an explanation is of: a hash that is taken when it is saved, if they have not changed since."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import torch
from torch import Tensor, nn

from pellucid.core.summaries import Summarized
from pellucid.errors import warn
from pellucid.explanation.provenance import modules_of

Seen: TypeAlias = tuple[tuple[str, int, int], ...]
"""The name of each tensor, where it lies, and how often torch has counted a write into it."""


@final
@dataclass(frozen=True, eq=False)
class ExplainedModel(Summarized):
    """The model of an explanation, which is not kept alive, and how its weights were seen when it was explained.

    Args:
        modules: Makes the modules that it is, or holds, while they are there; none of functions without any.
        seen: Their weights.
    """

    modules: tuple[weakref.ref[nn.Module], ...]
    seen: Seen

    @classmethod
    def of(cls, model: Any) -> ExplainedModel:
        """A model as it is now."""
        modules = modules_of(model)
        return cls(tuple(map(weakref.ref, modules)), _seen(modules))

    def fingerprint(self) -> str:
        """The SHA-256 of names, dtypes, shapes and values of all weights; "" where there are none, or no model.

        Weights that have changed since have none, and a warning says so.
        """
        modules = tuple(module for reference in self.modules if (module := reference()) is not None)
        if not self.seen or len(modules) < len(self.modules):
            return ""
        if _seen(modules) != self.seen:
            warn(
                "the weights of the model have changed since the explanation, whose file has no fingerprint of them. "
                "Hint: explanation.save(...) before training goes on."
            )
            return ""
        digest = hashlib.sha256()
        for name, tensor in _weights(modules):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            raw = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(raw.view(torch.uint8).numpy().data if raw.numel() else b"")
        return digest.hexdigest()


def _weights(modules: tuple[nn.Module, ...]) -> Iterator[tuple[str, Tensor]]:
    """The parameters and buffers of modules, by name, in order."""
    for number, module in enumerate(modules):
        prefix = f"{number}." if len(modules) > 1 else ""
        tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        for name in sorted(tensors):
            if tensors[name].layout is torch.strided and not tensors[name].is_quantized:
                yield prefix + name, tensors[name]


def _seen(modules: tuple[nn.Module, ...]) -> Seen:
    return tuple((name, tensor.data_ptr(), _writes(tensor)) for name, tensor in _weights(modules))


def _writes(tensor: Tensor) -> int:
    """How often torch has counted a write into a tensor; of those made in inference mode it counts none."""
    return 0 if tensor.is_inference() else tensor._version
