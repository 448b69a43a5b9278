"""How often modules are called in a forward, remembered so that later forwards can stop after the last call needed."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, final

from torch import nn

from pellucid.core.model.facts import LOCK, ModuleCalls, facts_of
from pellucid.core.model.forward_kind import MAX_KINDS, ForwardKind
from pellucid.core.summaries import Summarized


@final
@dataclass(frozen=True)
class CallCounts(Summarized):
    """How often modules are called in one kind of forward.

    Args:
        kind: The kind of forward.
    """

    kind: ForwardKind

    @classmethod
    def of(cls, forward: Callable[..., Any], arguments: tuple[Any, ...], state: Hashable) -> CallCounts:
        """The counts for a forward with these arguments, whose modules are in this state."""
        return cls(ForwardKind.of(forward, arguments, state))

    def get(self, module: nn.Module) -> int | None:
        """How often a module is called; None where that was not counted, or another count contradicts it."""
        with LOCK:
            counts = facts_of(self.kind.owner).calls.get(module)
            signature, batch = self.kind.signature, self.kind.batch
            if counts is None or (signature, batch) in counts.doubted:
                return None
            return counts.known.get(signature, {}).get(batch)

    def remember(self, module: nn.Module, count: int) -> bool:
        """Remember how often a module was called in a forward that ran to its end.

        A count that differs from that of another batch size puts the other one in doubt: the count may depend on the
        batch size, or on something invisible. The next forward of the other size then runs to its end and decides.

        Returns:
            Whether the count contradicts one of the same kind and batch size, so that all counts are forgotten.
        """
        signature, batch = self.kind.signature, self.kind.batch
        with LOCK:
            counts = facts_of(self.kind.owner).calls.setdefault(module, ModuleCalls())
            known = counts.known.setdefault(signature, {})
            before = known.get(batch)
            changed = before is not None and before != count
            if changed or sum(map(len, counts.known.values())) >= MAX_KINDS:
                counts.known, counts.doubted, counts.varying = {signature: (known := {})}, set(), set()
            elif (signature, batch) in counts.doubted:
                counts.doubted.clear()
                counts.varying.add(signature)
            elif before is None and signature not in counts.varying:
                counts.doubted |= {(signature, size) for size, known_count in known.items() if known_count != count}
            known[batch] = count
            return changed
