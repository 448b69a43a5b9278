"""What a client is asked: a case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def whole(answer: Any) -> Any:
    """An answer as it is."""
    return answer


@dataclass(frozen=True)
class Case:
    """One use of a client, which must give the same tensors under Captum and under pellucid.

    Args:
        run: Returns tensors or arrays, as the client has them. It begins with seeded generators.
        differs: Why Captum's answer may be another one, as `docs/differences.md` says.
        instead: What is right where it is: a formula, another implementation, or Captum without the difference.
        seen: What of pellucid's answer that is compared with: all of it, or its sum.
    """

    run: Callable[[], Any]
    differs: str = ""
    instead: Callable[[], Any] | None = None
    seen: Callable[[Any], Any] = whole

    def observed(self) -> Any:
        """What of the answer is compared with what is right."""
        return self.seen(self.run())
