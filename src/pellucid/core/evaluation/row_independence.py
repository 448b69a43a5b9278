"""Whether the rows of a forward are independent: whether the output of one depends on the rows beside it.

Message passing, attention over the batch, contrastive heads and the ranges of dynamic quantisation mix rows, which
cannot be seen from outside. So the first forward that holds other rows than the user's batch is followed by a second
one, of the same rows in reversed order, beside decoys. Their outputs must be the same.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, final

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from pellucid.core.batching import out_of_memory
from pellucid.core.evaluation.session import Session
from pellucid.core.model.facts import LOCK, facts_of
from pellucid.core.model.forward_kind import MAX_KINDS, ForwardKind
from pellucid.core.model.hook_point import users_hooks
from pellucid.core.model.inspection import has_embeddings
from pellucid.core.model.isolation import random_state, restore_random_state
from pellucid.core.model.layers import Site
from pellucid.core.model.state import content_of, seen_around
from pellucid.core.problem.points import Points
from pellucid.core.problem.target import Target
from pellucid.core.restarts import BatchCollapsed
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, as_floating, describe

T = TypeVar("T")

_ROWS_LOG = logging.getLogger("pellucid")

TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4}
"""How far two outputs of a row may differ, as a share of the largest: batches of other sizes round differently."""

COARSE_TOLERANCE = 3e-2
"""The same for all dtypes that are less exact."""

DecoyFactors: TypeAlias = tuple[int, ...]
DECOY_FACTORS: DecoyFactors = (3, 1)
"""What the decoys' values are multiplied by; the next factor is tried where the model fails or returns NaN."""

Endpoints: TypeAlias = tuple[Site, Target]
"""The source and the target of a forward."""


class RowsDepend(BatchCollapsed):
    """Rows of a forward depend on each other: each sample needs a forward with the whole batch."""


class ForwardRefused(BatchCollapsed):
    """A forward of other rows than the user's batch failed: the model may only take the whole batch."""

    def __init__(self, kind: _ForwardKind) -> None:
        self._kind = kind

    def settle(self, result: T) -> T:
        """The result with whole batches, which did not fail; the model is remembered as one that needs them."""
        self._kind.remember(rows_interact=True, why="%s fails for other rows than its batch")
        return result


@final
class tied_to_its_batch:  # noqa: N801  # a context manager, used as a function; one made of a generator takes longer
    """Around a forward: takes an exception as a sign that the model only takes the user's batch, whole.

    The session then repeats the attribution with whole batches, which raises the exception if that was not the reason.

    Args:
        session: The session of the forward.
        endpoints: Its source and target.
        examples: The example that each of its rows belongs to, int64 [n].
        inputs: The model's inputs, to be described in the error.

    Raises:
        ForwardRefused: There was an exception, and the forward held other rows than the user's batch.
    """

    def __init__(self, session: Session, endpoints: Endpoints, examples: Tensor, inputs: Tensors = ()) -> None:
        self._session, self._endpoints, self._examples, self._inputs = session, endpoints, examples, inputs

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception):
            return
        self._session.observed.failed_on = describe(self._inputs)
        if self._session.holds_other_rows(self._examples) and not out_of_memory(error):
            raise ForwardRefused(_ForwardKind.of(self._session, self._endpoints)) from error


@final
@dataclass(frozen=True)
class _ForwardKind(Summarized):
    """The key under which it is remembered whether a model's rows are independent.

    Args:
        kind: The model, and the shapes and dtypes of its arguments.
        more: What else may decide: data that the model reaches, hooks, the values of arguments that have no row per
            example, such as edges, the source and the target.
        name: The model's name, for the log.
    """

    kind: ForwardKind
    more: Hashable
    name: str

    @classmethod
    def of(cls, session: Session, endpoints: Endpoints) -> _ForwardKind:
        """The key of the forwards of a session."""
        problem, (source, target) = session.problem, endpoints
        extra = problem.additional_forward_args
        shared_data = tuple(
            content_of(leaf)
            for leaf in (tree_leaves(extra) if extra else ())
            if isinstance(leaf, Tensor | np.ndarray) and leaf.shape[:1] != (problem.batch_size,)
        )
        target_code = tuple(getattr(function, "__code__", type(function)) for function in target.functions)
        name = getattr(problem.model, "__name__", type(problem.model).__name__)
        kind = ForwardKind.of(problem.model, (*problem.inputs, *extra), session.state.value)
        reachable = seen_around(problem.model), tuple(map(users_hooks, session.info.modules))
        return cls(kind, (reachable, shared_data, source.key, target.site.key, target_code), name)

    @property
    def rows_interact(self) -> bool | None:
        """Whether rows were found to depend on each other; None where that has not been checked."""
        with LOCK:
            return facts_of(self.kind.owner).rows_interact.get((self.kind.signature, self.kind.batch, self.more))

    def remember(self, *, rows_interact: bool, why: str = "") -> None:
        """Remember whether rows depend on each other; the first time that a model's do is logged, with the reason."""
        with LOCK:
            known = facts_of(self.kind.owner).rows_interact
            if rows_interact and True not in known.values():
                _ROWS_LOG.info(
                    f"{why}: every sample gets a forward with the whole batch. Hint: whole_batch=True", self.name
                )
            if len(known) >= MAX_KINDS:
                known.clear()
            known[self.kind.signature, self.kind.batch, self.more] = rows_interact


@final
class RowIndependenceCheck:
    """The check that follows the first forward of other rows than the user's batch; made before that forward.

    Args:
        session: The session of the forward.
        endpoints: Its source and target.
        own_points: The function's own points, of which decoys are made.
    """

    def __init__(self, session: Session, endpoints: Endpoints, own_points: Points) -> None:
        self._session, self._endpoints, self._own_points = session, endpoints, own_points
        self._device = session.problem.inputs[0].device
        self._random_state = random_state(self._device)
        self._checks_last_rows = False
        self._decoys_in_front = 0

    @classmethod
    def of(
        cls, session: Session, endpoints: Endpoints, examples: Tensor, own_points: Callable[[], Points]
    ) -> RowIndependenceCheck | None:
        """The check for a forward of these examples; None where rows are known to be independent.

        Raises:
            RowsDepend: Rows were found to depend on each other before.
        """
        if session.rows_interact is not None or not session.holds_other_rows(examples):
            return None
        rows_interact = _ForwardKind.of(session, endpoints).rows_interact
        if rows_interact:
            raise RowsDepend
        session.rows_interact = rows_interact
        return cls(session, endpoints, own_points()) if rows_interact is None else None

    def verify(self, points: Points, value: Tensor, run: Callable[[Points], Tensor]) -> None:
        """Compare the forward with one of the same rows beside decoys, and remember the result.

        Args:
            points: The points of the forward, at the source.
            value: Its values for them.
            run: Runs another forward: points -> values.

        Raises:
            RowsDepend: The values differ.
        """
        if not self.is_conclusive(points.examples):
            return
        with self._restoring_random_state():
            independent = self._agrees_beside_decoys(points, value, run, DECOY_FACTORS)
        self.conclude(independent)

    def _agrees_beside_decoys(
        self, points: Points, value: Tensor, run: Callable[[Points], Tensor], factors: DecoyFactors
    ) -> bool:
        """Whether the rows have the same values beside decoys; of the first factor for which these are numbers."""
        if not factors:
            return False
        try:
            value_beside_decoys = run(self.beside_decoys(points, factors[0]))
        except (Exception, ForwardRefused) as error:
            if out_of_memory(error):
                raise
            return self._agrees_beside_decoys(points, value, run, factors[1:])
        if self.rows_agree(value, value_beside_decoys):
            return True
        has_nan = bool(value_beside_decoys.isnan().any())
        return has_nan and self._agrees_beside_decoys(points, value, run, factors[1:])

    def beside_decoys(self, points: Points, factor: int = 1) -> Points:
        """The first rows of a forward in reversed order, and as many decoys: no row is where it was.

        The edges of a graph name the first rows: so the first rows come behind the decoys. Where they are all equal, as
        baselines are, the last rows are taken instead, and come in front of the decoys. If the forward has an odd
        number of rows, one decoy stays in front of them, as even positions would otherwise stay even.
        """
        count = self._rows_compared(points.examples)
        self._checks_last_rows = all(bool((tensor == tensor[:1]).all()) for tensor in points[:count].tensors)
        rows = points[len(points) - count :] if self._checks_last_rows else points[:count]
        self._decoys_in_front = len(points) % 2 if self._checks_last_rows else count
        originals = self._own_points[:count]
        if [tensor.shape for tensor in originals.tensors] != [tensor.shape for tensor in rows.tensors]:
            originals = rows  # the points of the forward have other sizes than the function's own
        make_decoys = functools.partial(_decoys, factor=factor, may_grow=self._may_grow)
        combined = []
        for original, tensor in zip(originals.tensors, rows.tensors, strict=True):
            decoys = make_decoys(original.detach().to(tensor.dtype))
            if count == 1:  # a single row may still be where it was: a second decoy goes to its other side
                decoys = torch.cat([decoys, make_decoys(decoys)])
            combined.append(self._between_decoys(decoys, tensor.detach()))
        decoy_examples = originals.examples.repeat(2) if count == 1 else originals.examples.roll(1)
        return Points(tuple(combined), self._between_decoys(decoy_examples, rows.examples))

    def _between_decoys(self, decoys: Tensor, rows: Tensor) -> Tensor:
        return torch.cat([decoys[: self._decoys_in_front], rows.flip(0), decoys[self._decoys_in_front :]])

    def rows_agree(self, value: Tensor, value_beside_decoys: Tensor) -> bool:
        """Whether the rows have the same values in the forward and in the one beside decoys."""
        count = len(value_beside_decoys) // 2
        values, values_beside_decoys = (
            as_floating((tensor.detach().reshape(len(tensor), -1),))[0] for tensor in (value, value_beside_decoys)
        )
        expected = values[-count:] if self._checks_last_rows else values[:count]
        start = self._decoys_in_front
        actual = values_beside_decoys[start : start + count].flip(0).to(values.dtype)
        if expected.shape != actual.shape:
            return False
        largest = values.abs().nan_to_num(0, 0, 0).amax().item() if values.numel() else 0.0
        tolerance = self._tolerance(value.dtype, value_beside_decoys.dtype) * largest
        close = torch.isclose(actual, expected, rtol=0, atol=tolerance)
        return bool(close.all()) or bool((close | (expected.isnan() & actual.isnan())).all())

    def is_conclusive(self, examples: Tensor) -> bool:
        """Whether a comparison would say something: not with a single row, nor if the forward drew random numbers."""
        if all(map(torch.equal, random_state(self._device), self._random_state)):
            return self._rows_compared(examples) > 0
        self._session.rows_interact = False
        return False

    def _rows_compared(self, examples: Tensor) -> int:
        return min(len(self._own_points), len(examples) // 2)

    @property
    def _may_grow(self) -> bool:
        """Whether decoys may be larger than the rows: an index out of range breaks an accelerator for good."""
        return self._device.type == "cpu" or not has_embeddings(self._session.problem.model)

    def _tolerance(self, *dtypes: torch.dtype) -> float:
        """The tolerance of the least exact dtype among values, parameters and inputs."""
        tf32 = torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
        if torch.is_autocast_enabled(self._device.type) or (self._device.type == "cuda" and tf32):
            return COARSE_TOLERANCE
        parameters = (parameter for module in self._session.info.modules for parameter in module._parameters.values())
        parameter_dtypes = (parameter.dtype for parameter in parameters if parameter is not None)
        all_dtypes = {*dtypes, *parameter_dtypes, *(tensor.dtype for tensor in self._session.problem.inputs)}
        return (
            max(TOLERANCES.get(dtype, COARSE_TOLERANCE) if dtype.is_floating_point else 0 for dtype in all_dtypes)
            or TOLERANCES[torch.float32]
        )

    @contextmanager
    def _restoring_random_state(self) -> Iterator[None]:
        """Put back the states of torch's and NumPy's global generators."""
        torch_state, numpy_state = random_state(self._device), np.random.get_state(legacy=False)
        try:
            yield
        finally:
            restore_random_state(torch_state, self._device)
            np.random.set_state(numpy_state)

    def conclude(self, independent: bool) -> None:
        """Remember whether the rows are independent.

        Raises:
            RowsDepend: They are not.
        """
        self._session.state.after_forward()  # buffers that a forward changes must not count as another kind
        _ForwardKind.of(self._session, self._endpoints).remember(
            rows_interact=not independent, why="rows of %s depend on each other"
        )
        if not independent:
            raise RowsDepend
        self._session.rows_interact = False


def _decoys(rows: Tensor, *, factor: int, may_grow: bool) -> Tensor:
    """Decoys: the rows in another order and, unless the factor is 1, with other values.

    Args:
        rows: (n, ...).
        factor: What floats are multiplied by; ids are lowered by one instead, as lower ids exist.
        may_grow: Whether floats may become larger.
    """
    rolled = rows.roll(1, 0)
    if factor == 1 or rows.dtype == torch.bool:
        return rolled
    if not (rows.is_floating_point() or rows.is_complex()):
        return rolled - (rolled > 0).to(rows.dtype)
    larger = rolled * factor if may_grow else rolled
    return rows + 1 if may_grow and torch.equal(larger, rows) else larger  # zeros stay zeros
