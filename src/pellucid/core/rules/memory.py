"""Tensors that calls remember, kept as they are when the model writes into them later."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from pellucid.core.rules.torch_call import TorchCall


@final
class CallMemory:
    """The tensors that a forward remembers, by their storage: copied before the model writes into them."""

    def __init__(self) -> None:
        self._holders: dict[int, list[tuple[list[Any], int, TorchCall | None]]] = {}

    def keep(self, call: TorchCall, written: Tensor | None) -> TorchCall:
        """A call whose arguments keep their numbers.

        Args:
            call: The call.
            written: The tensor that the call itself writes into.
        """
        for position, leaf in enumerate(call.leaves):
            if isinstance(leaf, Tensor) and not isinstance(leaf, nn.Parameter):
                if written is not None and storage_of(leaf) == storage_of(written):
                    call.leaves[position] = leaf.clone()
                else:
                    self._holders.setdefault(storage_of(leaf), []).append((call.leaves, position, call))
        return call

    def hold(self, tensor: Tensor) -> list[Tensor]:
        """A list of one: the tensor without its graph, or a copy of it from when the model writes into it."""
        held = [tensor.detach()]
        self._holders.setdefault(storage_of(tensor), []).append((held, 0, None))
        return held

    def forget_on_write(self, output: Tensor, call: TorchCall) -> None:
        """Have a call drop its saved forward when the model writes into its output."""
        self._holders.setdefault(storage_of(output), []).append(([], 0, call))

    def copy_before_write(self, written: Tensor | None) -> None:
        """Before a tensor is written into: put copies in the place of it wherever it is remembered."""
        if written is not None:
            for leaves, position, call in self._holders.pop(storage_of(written), ()):
                if call is not None:
                    call.recorded.clear()
                if leaves:
                    leaves[position] = leaves[position].clone()

    def clear(self) -> None:
        """Forget all tensors: the model will not write any more."""
        self._holders.clear()


def storage_of(tensor: Tensor) -> int:
    """The address of a tensor's storage, the same for all its views; of a sparse one, which has no such, its own."""
    return id(tensor) if tensor.layout in _SPARSE else tensor.untyped_storage().data_ptr()


_SPARSE = {torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc}
"""Layouts without a storage."""
