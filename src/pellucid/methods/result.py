"""What every method returns, and the edge that every call passes."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar, final

from torch import Tensor

from pellucid.core.budget import BatchCollapsed
from pellucid.core.expectation import Points, values
from pellucid.core.guest import visiting
from pellucid.core.pathway import Pathway
from pellucid.core.tensors import Tensors, described
from pellucid.errors import PellucidWarning, located

P = ParamSpec("P")
Method = TypeVar("Method")


@final
@dataclass(frozen=True, eq=False)
class Attributions:
    """What a method found.

    Args:
        values: Attributions of the shapes and dtypes of the inputs (integers as floats).
        delta: How far they are from adding up to the change of the output; only where asked for.
        stderr: Standard errors of the values, for methods that sample at least twice.
    """

    values: Tensors
    delta: Tensor | None = None
    stderr: Tensors | None = None


def attribution(
    call: Callable[Concatenate[Method, Pathway, P], Attributions],
) -> Callable[Concatenate[Method, Pathway, P], Attributions]:
    """The edge that every method's call passes: it makes the model a guest, and says where errors happened.

    A model that turns out to collapse the batch is explained again from the start, in whole batches and with the same
    random numbers. NaN among the values is warned of.
    """

    @functools.wraps(call)
    def at_the_edge(method: Method, path: Pathway, /, *args: P.args, **kwargs: P.kwargs) -> Attributions:
        def visit() -> Attributions:
            with visiting(path.modules, path.x[0].device, create_graph=path.create_graph):
                return _looked_at(call(method, path, *args, **kwargs), path, (*args, *kwargs.values()))

        with located(type(method).__name__, lambda: described(path.x)):
            try:
                return visit()
            except BatchCollapsed:
                if not path.is_batch(path.rows):
                    raise  # a part of a larger call, which holds the batch
                path.budget.whole = True
                return visit()

    return at_the_edge


def completeness_gap(path: Pathway, totals: Tensor, start: Points, end: Points) -> Tensor:
    """How far attributions are from adding up to the change of the output: sum(a) - (F(end) - F(start)).

    Args:
        path: The pathway.
        totals: The attributions of each sample of each point added up, [n, samples].
        start: Where each sample's attribution started from.
        end: Where it ended.

    Returns:
        One gap per sample of each point, [n * samples]; one per sample where the model collapses the batch.
    """
    samples = totals.shape[1]
    change = values(path, samples, end) - values(path, samples, start)
    if len(change) != len(totals):
        return totals.sum(0) - change.sum(0)
    return (totals - change).flatten()


def _looked_at(result: Attributions, path: Pathway, arguments: tuple[Any, ...]) -> Attributions:
    """The result; NaN in it is traced to what carried it."""
    if any(bool(value.detach().sum().isnan()) for value in result.values):
        given = {"inputs": path.x, "additional_forward_args": path.extra, "baselines": arguments}
        carriers = [carrier for name, value in given.items() for carrier in _with_nan(name, value)]
        origin = f"carried in by {', '.join(carriers)}" if carriers else "made by the model: no argument carries it"
        warnings.warn(f"attributions contain NaN, {origin}.", PellucidWarning, stacklevel=4)
    return result


def _with_nan(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, tuple):
        for index, each in enumerate(value):
            yield from _with_nan(f"{name}[{index}]" if len(value) > 1 else name, each)
    elif isinstance(value, Tensor) and value.is_floating_point() and value.isnan().any():
        examples = value.isnan().reshape(len(value), -1).any(1).nonzero().flatten().tolist() if value.ndim else []
        yield f"{name} (examples {examples})"
