"""What changes between two points, and how rules share it out: a run at one beside a run at the other."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import final

from torch import Tensor

from pellucid.core.pathway import Pathway
from pellucid.core.rules import Rules, Run
from pellucid.core.site import named
from pellucid.core.tensors import Tensors, detached, minus, times
from pellucid.errors import NotSupported, warn


@final
@dataclass(frozen=True)
class Change:
    """What changes on the way from n baselines to n points.

    Args:
        multipliers: How much the values change for each unit of what is read.
        at_read: What is read at the points.
        at_read0: The same at the baselines.
        value: The values at the points, [n].
        value0: The same at the baselines.
    """

    multipliers: Tensors
    at_read: Tensors
    at_read0: Tensors
    value: Tensor
    value0: Tensor

    @property
    def shares(self) -> Tensors:
        """What each number read contributes to the change."""
        return times(self.multipliers, minus(self.at_read, self.at_read0))


@final
class Contrast:
    """Runs of a model at points beside runs at baselines, whose gradients follow rules that compare both.

    Args:
        path: The pathway, to one value per example.
        rules: The rules.
    """

    def __init__(self, path: Pathway, rules: Rules) -> None:
        self._path, self._rules = dataclasses.replace(path, replays=False), rules
        self._unruled: dict[str, None] = {}

    def between(self, start: Tensors, end: Tensors, rows: Tensor) -> Change:
        """What changes from start to end.

        Args:
            start: Baselines, at the source, (n, ...) each.
            end: Points there.
            rows: The example that each belongs to, int64 [n].
        """
        path, model = self._path, self._path.model
        with self._rules.recorded(model) as reference:
            value0, at_read0 = path.look(start, rows)
        values = None
        if path.create_graph:  # what rules make of the points is differentiated by a run of its own, not by their own
            with self._rules.recorded(model) as values:
                _, at_read = path.look(end, rows)
            end = detached(end)
        runs: list[Run] = []

        def ruled() -> Run:
            runs.append(self._rules.applied(model, reference=reference, values=values))
            return runs[-1]

        reading = path.gradient(end, rows, during=ruled)
        at_read = at_read if path.create_graph else reading.at_read
        for what, module in runs[-1].trail.unruled(reading.value, reading.at_read):
            self._unruled[what if module is None else f"{what} in {named(module, model)}"] = None
        value = reading.value if path.create_graph else reading.value.detach()
        return Change(reading.grad, at_read, at_read0, value, value0)

    def report(self, *, strict: bool) -> None:
        """Tell of calls that no rule knows and that are not linear.

        Raises:
            NotSupported: There are some, and this is not accepted.
        """
        if not self._unruled:
            return
        told = (
            f"attributions may not add up: no rule for {', '.join(self._unruled)}, for which torch's gradient is taken."
        )
        if strict:
            raise NotSupported(told)
        warn(told)
