"""Whether rows of a forward meet: whether what comes out of one depends on those beside it, by code of the model.

Message passing, attention over the batch, contrastive heads, ranges of dynamic quantisation: nobody can see them from
outside. So the first forward that holds other rows than the user's batch is followed by one in which the same rows are
in other company: behind decoys, and in reversed order. What comes out must be the same.
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
from pellucid.core.tensors import Tensors, as_floating, describe

T = TypeVar("T")

_ROWS_LOG = logging.getLogger("pellucid")

TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4}
"""How far values may lie apart, as a share of the largest: other sizes of a batch take other ways through sums."""

COARSE_TOLERANCE = 3e-2
"""The same of anything less exact."""

DecoyFactors: TypeAlias = tuple[int, ...]
DECOY_FACTORS: DecoyFactors = (3, 1)
"""How much larger decoys are than the batch, first; where that fails, they are as large."""


Way: TypeAlias = tuple[Site, Target]
"""Between which places a forward is looked at: the source and the target."""


class RowsDepend(BatchCollapsed):
    """Rows depend on each other."""


class ForwardRefused(BatchCollapsed):
    """A forward of other rows than the batch's failed: it may be tied to the batch."""

    def __init__(self, kind: _ForwardKind) -> None:
        self._kind = kind

    def settle(self, result: T) -> T:
        """What the whole batch gave, which has passed: that is remembered."""
        self._kind.remember(meets=True, why="%s fails for other rows than its batch")
        return result


@final
class tied_to_its_batch:  # noqa: N801  # a context manager, used as a function; one made of a generator takes longer
    """Take an exception in a forward of other rows than the batch's for a model that takes only that; it comes again.

    Args:
        session: That of the forward.
        way: Between which places it is.
        examples: Of the forward.
        inputs: What the model is given, to be told of where it fails.

    Raises:
        Refused: There was one.
    """

    def __init__(self, session: Session, way: Way, examples: Tensor, inputs: Tensors = ()) -> None:
        self._session, self._way, self._examples, self._inputs = session, way, examples, inputs

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception):
            return
        self._session.observed.failed_on = describe(self._inputs)
        if self._session.holds_others(self._examples) and not out_of_memory(error):
            raise ForwardRefused(_ForwardKind.of(self._session, self._way)) from error


@final
@dataclass(frozen=True)
class _ForwardKind:
    """A kind of forward between two places, and all else that may decide whether rows meet on the way.

    Args:
        kind: That of the forward.
        more: What else the model reaches, the values of arguments that are not the examples', such as edges, and the
            places.
        name: What to call the model.
    """

    kind: ForwardKind
    more: Hashable
    name: str

    @classmethod
    def of(cls, session: Session, way: Way) -> _ForwardKind:
        """That of the forwards of a session."""
        problem, (source, target) = session.problem, way
        extra = problem.additional_forward_args
        shared = tuple(
            content_of(leaf)
            for leaf in (tree_leaves(extra) if extra else ())
            if isinstance(leaf, Tensor | np.ndarray) and leaf.shape[:1] != (problem.batch_size,)
        )
        function = getattr(target, "function", None)
        chooses = getattr(function, "__code__", type(function))
        name = getattr(problem.model, "__name__", type(problem.model).__name__)
        kind = ForwardKind.of(problem.model, (*problem.inputs, *extra), session.state.value)
        around = seen_around(problem.model), tuple(map(users_hooks, session.info.modules))
        return cls(kind, (around, shared, source.key, target.site.key, chooses), name)

    @property
    def meets(self) -> bool | None:
        """Whether rows were seen to meet; None where nobody has looked."""
        with LOCK:
            return facts_of(self.kind.owner).rows_meet.get((self.kind.signature, self.kind.batch, self.more))

    def remember(self, *, meets: bool, why: str = "") -> None:
        """Remember whether they do, and say so, once for each model."""
        with LOCK:
            known = facts_of(self.kind.owner).rows_meet
            if meets and True not in known.values():
                _ROWS_LOG.info(
                    f"{why}: every sample gets a forward with the whole batch. Hint: whole_batch=True", self.name
                )
            if len(known) >= MAX_KINDS:
                known.clear()
            known[self.kind.signature, self.kind.batch, self.more] = meets


@final
class RowIndependenceCheck:
    """The look at a first forward that holds other rows than the batch's.

    Args:
        session: That of the forward.
        way: Between which places it is.
        own: The points of the attribution, of which decoys are made.
    """

    def __init__(self, session: Session, way: Way, own_points: Points) -> None:
        self._session, self._way, self._own = session, way, own_points
        self._device = session.problem.inputs[0].device
        self._drawn_from = random_state(self._device)
        self._last = False
        self._before = 0

    @classmethod
    def of(
        cls, session: Session, way: Way, examples: Tensor, own_points: Callable[[], Points]
    ) -> RowIndependenceCheck | None:
        """The look at a forward of these examples; None where nothing is in doubt.

        Raises:
            RowsMeet: Rows were seen to meet before.
        """
        if session.rows_meet is not None or not session.holds_others(examples):
            return None
        meets = _ForwardKind.of(session, way).meets
        if meets:
            raise RowsDepend
        session.rows_meet = meets
        return cls(session, way, own_points()) if meets is None else None

    def look(self, points: Points, value: Tensor, run: Callable[[Points], Tensor]) -> None:
        """See whether rows meet.

        Args:
            points: Of the forward, at the source.
            value: What it gave for them.
            run: Makes another forward.

        Raises:
            RowsMeet: They do.
        """
        if not self.can_tell(points.examples):
            return
        with self._unseen():
            apart = self._agrees(points, value, run, DECOY_FACTORS)
        self.conclude(apart)

    def _agrees(self, points: Points, value: Tensor, run: Callable[[Points], Tensor], factors: DecoyFactors) -> bool:
        """Whether the rows are alike beside decoys of the first size with which the model gives numbers."""
        if not factors:
            return False
        try:
            found = run(self.beside_decoys(points, factors[0]))
        except (Exception, ForwardRefused) as error:
            if out_of_memory(error):
                raise
            return self._agrees(points, value, run, factors[1:])
        apart = self.alike(value, found)
        return apart or (bool(found.isnan().any()) and self._agrees(points, value, run, factors[1:]))

    def beside_decoys(self, points: Points, factor: int = 1) -> Points:
        """Decoys, and beside them rows of a forward in reversed order, so that nothing is where it was.

        A graph's edges name the first rows: so those of the first sample come behind the decoys, and those of the last,
        which are taken where the first is a baseline and the same for all examples, before them; behind one, where
        otherwise even places would stay even.
        """
        count = self._count(points.examples)
        self._last = all(bool((each == each[:1]).all()) for each in points[:count].tensors)
        part = slice(len(points) - count, None) if self._last else slice(count)
        self._before = len(points) % 2 if self._last else count
        ours, own = points[part].tensors, points[part].examples
        x, beside = self._own[:count].tensors, self._own[:count].examples
        if [each.shape for each in x] != [each.shape for each in ours]:  # perturbations of other sizes
            x, beside = ours, own
        altered = functools.partial(_decoys, factor=factor, may_grow=self._may_grow)
        both = []
        for each, other in zip(x, ours, strict=True):
            decoys = altered(each.detach().to(other.dtype))
            # One row may be looked at where it was: so there is another decoy on its other side.
            both.append(self._placed(torch.cat([decoys, altered(decoys)]) if count == 1 else decoys, other.detach()))
        return Points(tuple(both), self._placed(beside.repeat(2) if count == 1 else beside.roll(1), own))

    def _placed(self, decoys: Tensor, ours: Tensor) -> Tensor:
        return torch.cat([decoys[: self._before], ours.flip(0), decoys[self._before :]])

    def alike(self, value: Tensor, beside_decoys: Tensor) -> bool:
        """Whether the rows have the same values in both forwards."""
        count = len(beside_decoys) // 2
        every, other = (as_floating((each.detach().reshape(len(each), -1),))[0] for each in (value, beside_decoys))
        one = every[-count:] if self._last else every[:count]
        other = other[self._before : self._before + count].flip(0).to(every.dtype)
        if one.shape != other.shape:
            return False
        largest = every.abs().nan_to_num(0, 0, 0).amax().item() if every.numel() else 0.0
        near = torch.isclose(other, one, rtol=0, atol=self._tolerance(value.dtype, beside_decoys.dtype) * largest)
        return bool(near.all()) or bool((near | (one.isnan() & other.isnan())).all())

    def can_tell(self, rows: Tensor) -> bool:
        """Whether a comparison tells anything: not of a single row, nor where random numbers are drawn."""
        now = random_state(self._device)
        if all(map(torch.equal, now, self._drawn_from)):
            return self._count(rows) > 0
        self._session.rows_meet = False
        return False

    def _count(self, rows: Tensor) -> int:
        return min(len(self._own), len(rows) // 2)

    @property
    def _may_grow(self) -> bool:
        """Whether larger numbers are harmless: as an index that does not exist they would stop an accelerator."""
        return self._device.type == "cpu" or not has_embeddings(self._session.problem.model)

    def _tolerance(self, *dtypes: torch.dtype) -> float:
        """That of the least exact numbers that are seen to take part."""
        fast = torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
        if torch.is_autocast_enabled(self._device.type) or (self._device.type == "cuda" and fast):
            return COARSE_TOLERANCE
        modules = (module._parameters.values() for module in self._session.info.modules)
        weights = (each.dtype for every in modules for each in every if each is not None)
        used = {*dtypes, *weights, *(each.dtype for each in self._session.problem.inputs)}
        return (
            max(TOLERANCES.get(each, COARSE_TOLERANCE) if each.is_floating_point else 0 for each in used)
            or TOLERANCES[torch.float32]
        )

    @contextmanager
    def _unseen(self) -> Iterator[None]:
        """Put back what random numbers are drawn from."""
        torchs, numpys = random_state(self._device), np.random.get_state(legacy=False)
        try:
            yield
        finally:
            restore_random_state(torchs, self._device)
            np.random.set_state(numpys)

    def conclude(self, apart: bool) -> None:
        """Take in whether the rows were alike.

        Raises:
            RowsMeet: They were not.
        """
        self._session.state.after_forward()  # what forwards change by themselves makes no other kind of the next
        _ForwardKind.of(self._session, self._way).remember(meets=not apart, why="rows of %s depend on each other")
        if not apart:
            raise RowsDepend
        self._session.rows_meet = False


def _decoys(rows: Tensor, *, factor: int, may_grow: bool) -> Tensor:
    """Rows that stand in the place of others: the same in another order, and of the first size others than these.

    Args:
        rows: (n, ...).
        factor: How much larger; ids become lower ones, as these exist.
        may_grow: Whether floats may be larger.
    """
    rolled = rows.roll(1, 0)
    if factor == 1 or rows.dtype == torch.bool:
        return rolled
    if not (rows.is_floating_point() or rows.is_complex()):
        return rolled - (rolled > 0).to(rows.dtype)
    larger = rolled * factor if may_grow else rolled
    return rows + 1 if may_grow and torch.equal(larger, rows) else larger  # zeros stay zeros
