"""Gradients that follow rules, which may themselves be differentiated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, final

from torch import Tensor

from pellucid.core.pathway import Pathway
from pellucid.core.reading import Reading
from pellucid.core.rules import CallsDiffer, Rules, Run
from pellucid.core.sink import Function
from pellucid.core.tensors import Tensors, detached

T = TypeVar("T")


@final
@dataclass(frozen=True)
class Ruled:
    """What a forward and a backward under rules say.

    Args:
        run: The forward.
        reading: What they say; its gradients follow the rules.
        at_read: The tensors where gradients are taken, which can be differentiated with `create_graph`.
    """

    run: Run
    reading: Reading
    at_read: Tensors


def ruled(
    path: Pathway,
    rules: Rules,
    points: Tensors,
    rows: Tensor,
    reference: Run | None = None,
    before: Callable[[], None] = lambda: None,
) -> Ruled:
    """One forward under rules and one backward that follows them.

    With `create_graph` an ordinary run comes first, whose values the rules work with: what they make of the points
    must be differentiated as the model is, not by rules.

    Args:
        path: The pathway.
        rules: The rules.
        points: Source tensors, (n, ...) each.
        rows: The example that each belongs to, int64 [n].
        reference: A recorded run to compare with.
        before: Is called before every forward.

    Raises:
        CallsDiffer: The runs make different calls.
    """
    values: Run | None = None
    at_read: Tensors = ()
    if path.create_graph:
        before()
        with rules.recorded(path.model) as values:
            _, at_read = path.look(points, rows)
        points = detached(points)
    runs: list[Run] = []

    def applied() -> Run:
        before()
        runs.append(rules.applied(path.model, reference=reference, values=values))
        return runs[-1]

    reading = path.gradient(points, rows, during=applied)
    for other, those in ((reference, "for the baselines"), (values, "the first time")):
        # A sink without calls of its own: after a run that stopped, the rest is as it was.
        stopped = _stops(path) and not isinstance(path.sink, Function)
        if other is not None and runs[-1].count != other.count and not (stopped and runs[-1].count < other.count):
            raise CallsDiffer(
                "forward_func must make the same calls every time: "
                f"it makes {other.count} with a rule {those}, and {runs[-1].count} for the inputs."
            )
    return Ruled(runs[-1], reading, at_read or reading.at_read)


def compared(path: Pathway, call: Callable[[], T]) -> T:
    """What a call returns that compares runs: once more where the first may have run to the end, to count calls."""
    with path.guest.long_way(hooks=True):  # compiled modules show their calls
        try:
            return call()
        except CallsDiffer:
            if not _stops(path):
                raise
            return call()


def _stops(path: Pathway) -> bool:
    return bool(path.read.modules or path.sink.site.modules)
