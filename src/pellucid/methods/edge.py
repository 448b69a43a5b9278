"""The edge that every call passes: the model becomes a guest, errors get their context, NaN is traced."""

from __future__ import annotations

import cmath
import functools
import math
from collections.abc import Callable, Coroutine, Iterator
from contextvars import ContextVar
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from torch import Tensor

from pellucid.core.budget import BatchCollapsed
from pellucid.core.future import Waits, done_at_once, done_later
from pellucid.core.pathway import Pathway
from pellucid.core.replay import ReplayFailed
from pellucid.core.tensors import Tensors, described, floats
from pellucid.errors import NotScalar, PellucidError, WrongType, located, warn
from pellucid.methods.hints import hint
from pellucid.methods.names import in_own_names
from pellucid.methods.training import tell_of_training


class Found(Protocol):
    """What a method returns."""

    @property
    def values(self) -> Tensor | Tensors:
        """The numbers, which should not be NaN."""
        ...


P = ParamSpec("P")
T = TypeVar("T")
Method = TypeVar("Method")
Result = TypeVar("Result", bound=Found)

_ENCLOSING: ContextVar[Pathway | None] = ContextVar("enclosing", default=None)


def attribution(
    call: Callable[Concatenate[Method, Pathway, P], Result | Waits[Result]],
) -> Callable[Concatenate[Method, Pathway, P], Result]:
    """The edge that every method's call passes, see [at_the_edge][pellucid.methods.edge.at_the_edge].

    NaN among the values is warned of. A method that is a coroutine is run to its end; where the model answers with
    futures, a future is returned in place of the attributions.
    """

    @functools.wraps(call)
    def attribute(method: Method, path: Pathway, /, *args: P.args, **kwargs: P.kwargs) -> Result:
        outermost = _ENCLOSING.get() is None
        if not isinstance(path, Pathway):
            made = f"{type(method).__name__}(...)(Pathway.of(model, inputs, target=...))"
            raise WrongType(
                f"{type(method).__name__} must be called with a Pathway: got {type(path).__name__}. Hint: {made}."
            )
        name = path.caller or type(method).__name__

        async def looked_at() -> Result:
            try:
                called = call(method, path, *args, **kwargs)
                result = await called if isinstance(called, Coroutine) else called
            except NotScalar as error:
                baselines = args[0] if args else kwargs.get("baselines")
                if type(baselines) is not int:
                    raise
                raise NotScalar(f"{error} baselines is {baselines}: did you mean target={baselines}?") from None
            if outermost:
                tell_of_training(path)
                _warn_of_nan(result, path, {"baselines": args} | kwargs)
                _warn_of_saturation(path)
            return result

        if path.in_future:
            failure = functools.partial(_located, name, path)
            return at_the_edge(name, path, lambda: done_later(looked_at(), failure))  # type: ignore[return-value]
        return at_the_edge(name, path, lambda: done_at_once(looked_at()))

    return attribute


def at_the_edge(name: str, path: Pathway, call: Callable[[], T]) -> T:
    """Make the model a guest while `call` uses the pathway, and say where errors happened.

    A model that turns out to collapse the batch, whose rows depend on each other or that fails for other rows than the
    batch's, is called again from the start, in whole batches and with the same random numbers; so is one that cannot be
    replayed, without replays.

    Args:
        name: Of the method, for errors.
        path: The pathway.
        call: What to do.
    """
    enclosing = _ENCLOSING.get()
    copies = (
        enclosing is not None
        and not enclosing.budget.whole
        and (enclosing.budget.copies or len(path) != enclosing.examples)
    )
    path.budget.copies = copies
    path.budget.unused = set() if enclosing is None else enclosing.budget.unused
    path.budget.whole |= enclosing is not None and enclosing.budget.whole
    if enclosing is not None and enclosing.budget.apart is not None:
        path.budget.apart = enclosing.budget.apart
    token = _ENCLOSING.set(path)

    def confirmed() -> T:
        result = call()
        path.confirm()
        return result

    def visit() -> T:
        try:
            return path.guest.visit(confirmed, path.inputs[0].device, create_graph=path.create_graph)
        except ReplayFailed:
            return visit()

    try:
        try:
            return visit()
        except BatchCollapsed as collapsed:
            if copies:
                raise  # the call around this one holds the batch, and begins again
            path.budget.whole = True
            return collapsed.settle(visit())
    except Exception as error:
        raise _located(name, path, error) from error.__cause__
    finally:
        _ENCLOSING.reset(token)


def _located(name: str, path: Pathway, error: Exception) -> Exception:
    if isinstance(error, PellucidError):
        if path.caller is None and not error.located:
            error.args = (in_own_names(str(error)),)
        return located(error, name, described(path.inputs))
    return located(error, name, path.seen.given or described(path.inputs), hint(error, path))


def _warn_of_nan(result: Found, path: Pathway, arguments: dict[str, Any]) -> None:
    """Trace NaN in a result to what carried it."""
    values = (result.values,) if isinstance(result.values, Tensor) else result.values
    if any(cmath.isnan(value.sum().item()) and value.isnan().any() for value in values):
        given = {"inputs": path.inputs, "additional_forward_args": path.extra} | arguments
        carriers = [carrier for name, value in given.items() for carrier in _with_nan(name, value)]
        origin = f"carried in by {', '.join(carriers)}" if carriers else "made by the model: no argument carries it"
        warn(f"attributions contain NaN, {origin}.")


def _warn_of_saturation(path: Pathway) -> None:
    """Tell of gradients that are zero because a softmax, a sigmoid or their like has levelled off."""
    if path.seen.moved is not None and not path.seen.moved[path.rows].all():
        still = path.rows[~path.seen.moved[path.rows]].tolist()
        warn(
            f"all gradients are zero for examples {still}: the output has levelled off, as a softmax or a sigmoid of "
            "large numbers does. Hint: explain the logits, what it is made of."
        )


def _with_nan(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, tuple):
        for index, each in enumerate(value):
            yield from _with_nan(f"{name}[{index}]" if len(value) > 1 else name, each)
    elif isinstance(value, float) and math.isnan(value):
        yield name
    elif isinstance(value, Tensor) and floats(value) and value.isnan().any():
        examples = value.isnan().reshape(len(value), -1).any(1).nonzero().flatten().tolist() if value.ndim else []
        yield f"{name} (examples {examples})"
