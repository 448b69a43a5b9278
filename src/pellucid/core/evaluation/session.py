"""A session: one call of a method, or several that are asked the same problem, and all that is mutable about it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, final

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from pellucid.core.batching import Budget, Unit
from pellucid.core.evaluation.coalition_memory import CoalitionMemory
from pellucid.core.evaluation.observed import Observed
from pellucid.core.examples import all_examples, select_examples
from pellucid.core.model.forward_kind import is_plain
from pellucid.core.model.inspection import ModelInfo
from pellucid.core.model.isolation import isolated
from pellucid.core.model.state import ModelState, content_of, seen_around, seen_of
from pellucid.core.problem.problem import Problem
from pellucid.core.restarts import BatchCollapsed, ReplayFailed
from pellucid.errors import WrongType

T = TypeVar("T")
P = ParamSpec("P")

_RUNNING: ContextVar[Session | None] = ContextVar("running", default=None)
"""The session whose method this thread is in."""

_OPEN: ContextVar[tuple[Session, ...]] = ContextVar("open", default=())
"""The sessions that users have opened in this thread, the innermost last."""


@final
class Session:
    """What is learnt while a problem is asked: batch sizes, layouts, replays, whether the model mixes examples.

    Every call of a method makes its own. One that is opened, `with Session(problem):`, is joined by all methods that
    are called on the problem inside, which then share what they learn and the coalitions that they evaluate. It belongs
    to the thread that opens it.

    Args:
        problem: What is asked.

    Raises:
        WrongType: It is no problem.

    Examples:
        >>> import torch
        >>> from pellucid.methods import KernelShap, Problem, Session, ShapleyValues
        >>> problem = Problem(lambda x: x.prod(1), torch.tensor([[2.0, 3.0]]))
        >>> with Session(problem):  # the four coalitions are evaluated once
        ...     exact, estimated = ShapleyValues()(problem), KernelShap()(problem)
        >>> exact.values, estimated.values
        ((tensor([[3., 3.]]),), (tensor([[3., 3.]]),))
    """

    def __init__(self, problem: Problem) -> None:
        if not isinstance(problem, Problem):
            raise WrongType(f"problem must be a Problem: got {type(problem).__name__}. Hint: Problem(model, inputs).")
        self.problem = problem
        self.coalitions: CoalitionMemory | None = None
        self._opened, self._thread = 0, 0
        self._seen: Any = None  # when the last call ended
        self._know_nothing()

    def _know_nothing(self) -> None:
        """Begin, or begin again, with nothing but what can be seen of the model now."""
        problem, options, around = self.problem, self.problem.options, _RUNNING.get()
        self.info = info = ModelInfo.of(problem.model)
        self.state = ModelState(info.modules, info.training_flags)
        self.budget = Budget.of(problem.inputs, info.parameter_bytes, options)
        self.observed = Observed()
        # Tensors of different first dimensions (a graph's nodes and edges) are one example that nobody can divide.
        mixes = info.mixes_examples if options.whole_batch is None else options.whole_batch
        uneven = len({tensor.shape[0] for tensor in problem.inputs}) > 1
        self.whole_batch = mixes or problem.target.of_output_rows or uneven
        self.rows_meet = options.whole_batch
        self.copies = False
        self.warned_inputs: set[int] = set()
        if around is not None:
            # Only a session around this one, whose examples these may be copies of, knows the batch.
            repeats = around.copies or problem.batch_size != around.problem.batch_size
            self.copies = repeats and not around.whole_batch
            self.warned_inputs = around.warned_inputs
            self.whole_batch |= around.whole_batch
            self.rows_meet = self.rows_meet if around.rows_meet is None else around.rows_meet

    @classmethod
    def of(cls, problem: Problem) -> Session:
        """The one that is open for a problem in this thread, or a new one."""
        joined = (each for each in reversed(_OPEN.get()) if each.problem is problem and each._is_open_here)
        session = next(joined, None)
        return cls(problem) if session is None else session._refreshed()

    @property
    def _is_open_here(self) -> bool:
        """Whether it is open, in this thread: one with a copy of the context of another may see what that opened."""
        return self._opened > 0 and self._thread == threading.get_ident()

    def _refreshed(self) -> Session:
        """This session; where the model or its data have changed since the last call, what was learnt is forgotten."""
        if self.is_outermost and (self.problem.options.create_graph or self._seen_now() != self._seen):
            self._know_nothing()
            if self.coalitions is not None:
                self.coalitions.forget()
        elif self.is_outermost:
            # What users are told of is of one call.
            self.observed.slopes, self.observed.failed_on, self.warned_inputs = None, "", set()
        return self

    def _seen_now(self) -> Any:
        """What answers rest on, as far as it can be seen."""
        problem, info = self.problem, ModelInfo.of(self.problem.model)
        data = [
            content_of(leaf) if isinstance(leaf, Tensor | np.ndarray) else leaf if is_plain(leaf) else id(leaf)
            for leaf in tree_leaves((problem.inputs, problem.additional_forward_args))
        ]
        functions = (problem.model, getattr(problem.target, "function", problem.model))
        device = problem.inputs[0].device.type
        cast = torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device)
        return info.training_flags, cast, seen_of(info.modules), data, list(map(seen_around, functions))

    def __enter__(self) -> Session:
        if not self._opened:
            self.coalitions, self._thread, self._seen = CoalitionMemory(), threading.get_ident(), None
        self._opened += 1
        _OPEN.set((*_OPEN.get(), self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Others may have been opened since, or this one elsewhere: nothing is put back to what it was before.
        others = list(_OPEN.get())
        if self in others:
            others.reverse()
            others.remove(self)
            others.reverse()
            _OPEN.set(tuple(others))
        self._opened = max(0, self._opened - 1)
        if not self._opened:
            self.coalitions, self._seen, self.observed = None, None, Observed()

    @property
    def is_outermost(self) -> bool:
        """Whether no method of a session around this one, or of this one, is under way in this thread."""
        return _RUNNING.get() is None

    def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a call returns that asks the problem, with the model left as it was found.

        A model that turns out to collapse the batch, whose rows depend on each other or that fails for other rows than
        the batch's, is called again from the start, in whole batches and with the same random numbers; so is one that
        cannot be replayed, without replays.
        """
        around = _RUNNING.get()
        if around is self:
            return call(*args, **kwargs)
        token = _RUNNING.set(self)
        try:
            with isolated(self.info, self.problem.inputs[0].device, create_graph=self.problem.options.create_graph):
                result = call(*args, **kwargs)
                self.observed.verify_replays()
                return result
        except ReplayFailed:
            self._begin_again(around)
            return self.run(call, *args, **kwargs)
        except BatchCollapsed as collapsed:
            if self.copies or self.whole_batch:
                raise  # a call around this one holds the batch, and begins again
            self.whole_batch = True
            self._begin_again(around)
            return collapsed.settle(self.run(call, *args, **kwargs))
        finally:
            _RUNNING.reset(token)
            if self._opened and around is None:
                self._seen = self._seen_now()

    def _begin_again(self, around: Session | None) -> None:
        _RUNNING.set(around)
        if self.coalitions is not None:
            self.coalitions.forget()

    def blocks(
        self,
        samples: int,
        points: int,
        run: Callable[[slice, slice], T],
        *,
        unit: Unit = "rows",
        silent: bool = False,
    ) -> Iterator[T]:
        """`run(samples, places)` over all samples of all places: see [Budget.blocks][pellucid.core.batching.Budget]."""
        return self.budget.blocks(samples, points, run, whole=self.whole_batch, unit=unit, silent=silent)

    def is_whole_batch(self, examples: Tensor) -> bool:
        """Whether these are the user's batch: every example once, in order."""
        every = all_examples(self.problem.batch_size)
        return examples is every or torch.equal(examples, every)

    def holds_others(self, examples: Tensor) -> bool:
        """Whether a forward of these examples holds others than those of the user's batch, or not all."""
        return not self.whole_batch and (self.copies or not self.is_whole_batch(examples))

    def pick(self, value: Any, examples: Tensor) -> Any:
        """What belongs to these examples, copied, as the model may write into it."""
        return select_examples(value, None if self.is_whole_batch(examples) else examples, self.problem.batch_size)
