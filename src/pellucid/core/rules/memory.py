"""What calls remember of tensors, which stays what it is when a model writes into them later."""

from __future__ import annotations

from typing import Any, final

from torch import Tensor, nn

from pellucid.core.rules.torch_call import TorchCall


@final
class CallMemory:
    """Tensors that are remembered in a run, by where their numbers lie."""

    def __init__(self) -> None:
        self._holders: dict[int, list[tuple[list[Any], int, TorchCall | None]]] = {}

    def keep(self, call: TorchCall, written: Tensor | None) -> TorchCall:
        """A call whose arguments stay what they are.

        Args:
            call: The call.
            written: The tensor that it writes into itself.
        """
        for place, leaf in enumerate(call.leaves):
            if isinstance(leaf, Tensor) and not isinstance(leaf, nn.Parameter):
                if written is not None and storage_of(leaf) == storage_of(written):
                    call.leaves[place] = leaf.clone()
                else:
                    self._holders.setdefault(storage_of(leaf), []).append((call.leaves, place, call))
        return call

    def hold(self, tensor: Tensor) -> list[Tensor]:
        """A tensor without its graph, in a list of one, where a copy takes its place before it is written into."""
        held = [tensor.detach()]
        self._holders.setdefault(storage_of(tensor), []).append((held, 0, None))
        return held

    def forget_of(self, output: Tensor, call: TorchCall) -> None:
        """Have a call forget what it has recorded when its output is written into."""
        self._holders.setdefault(storage_of(output), []).append(([], 0, call))

    def spare(self, written: Tensor | None) -> None:
        """Give those that remember a tensor a copy, before it is written into."""
        if written is not None:
            for leaves, place, call in self._holders.pop(storage_of(written), ()):
                if call is not None:
                    call.recorded.clear()
                if leaves:
                    leaves[place] = leaves[place].clone()

    def clear(self) -> None:
        """Nothing will be written any more."""
        self._holders.clear()


def storage_of(tensor: Tensor) -> int:
    """Where a tensor's numbers lie, the same for all its views."""
    return tensor.untyped_storage().data_ptr()
