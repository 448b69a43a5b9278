"""Gradients that follow rules, which may themselves be differentiated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, final

import torch
from torch import Tensor, nn

from pellucid.core.expectation import once
from pellucid.core.pathway import Pathway
from pellucid.core.reading import Reading
from pellucid.core.rules import CallsDiffer, Rules, Run
from pellucid.core.sink import Function
from pellucid.core.site import named
from pellucid.core.tensors import Tensors, detached
from pellucid.errors import NoRule, warn

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
    """What a call returns that compares runs: once more where they differ.

    The first may have run to the end, to count calls, or may have made constants that the model keeps.
    """
    with path.guest.long_way(hooks=True):  # compiled modules show their calls
        try:
            return call()
        except CallsDiffer:
            return call()


@final
class Unruled:
    """Calls that needed a rule and had none.

    Args:
        model: The model that makes them.
        so: What follows from that.
    """

    def __init__(self, model: Callable[..., Any], so: str = "attributions may not add up: ") -> None:
        self._model, self._so = model, so
        self._calls: dict[str, None] = {}

    def look(self, found: Ruled) -> None:
        """See which there are on the way back of a reading."""
        if found.run.blind:
            self._calls["calls in torch.vmap"] = None
        if found.run.trail is None:
            self._calls.update(dict.fromkeys(_scripts(self._model)))
        else:
            for what, module in found.run.trail.unruled(found.reading.value, found.reading.at_read):
                self._calls[_told(what, module, self._model)] = None

    def report(self, *, strict: bool) -> bool:
        """Tell of them, and whether there are some.

        Raises:
            NoRule: There are some, and this is not accepted.
        """
        if self._calls:
            calls = ", ".join(self._calls)
            tell(f"{self._so}no rule for {calls}, for which torch's gradient is taken.", strict)
        return bool(self._calls)


def tell(what: str, strict: bool) -> None:
    """Warn of something, or refuse it.

    Raises:
        NoRule: It is not accepted.
    """
    if strict:
        raise NoRule(what)
    warn(what)


def _told(what: str, module: nn.Module | None, model: object) -> str:
    """A call without a rule; what no call has made is a script's, or a function of the user's own."""
    if module is not None and callable(model):
        return f"{what} in {named(module, model)}"
    scripts = _scripts(model)
    return f"{what} in {' or '.join(scripts)}" if scripts and module is None else what


def _scripts(model: object) -> list[str]:
    """The scripted modules of a model, which nobody can look into."""
    inside = model.modules() if isinstance(model, nn.Module) else ()
    return [named(each, model) for each in inside if isinstance(each, torch.jit.ScriptModule)]  # type: ignore[arg-type]  # it is one


def passed_back(path: Pathway, rules: Rules, *, strict: bool = False) -> tuple[Tensors, Tensor]:
    """What passes back under rules at the points of a pathway, and the values that it starts from.

    Args:
        path: The pathway, to one value per example.
        rules: The rules.
        strict: Whether calls without a rule raise an error, or are warned of.
    """
    unruled = Unruled(path.model) if rules.exempt is not None else Unruled(path.model, so="")

    def run(_: slice, place: slice) -> Tensors:
        points = path.x if place == slice(None) else tuple(x[place] for x in path.x)
        found = compared(path, lambda: ruled(path, rules, points, path.rows[place]))
        unruled.look(found)
        value = found.reading.value
        return (*found.reading.grad, value if path.create_graph else value.detach())

    *grads, value = once(path, run)
    unruled.report(strict=strict)
    return tuple(grads), value


def _stops(path: Pathway) -> bool:
    return bool(path.read.modules or path.sink.site.modules)
