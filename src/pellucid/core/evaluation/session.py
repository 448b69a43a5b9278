"""A session: one call of a method, or several on the same problem, and everything mutable about them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
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
"""The session whose method this thread is running."""

_OPEN: ContextVar[tuple[Session, ...]] = ContextVar("open", default=())
"""The sessions that users have opened in this thread, the innermost last."""


@final
class Session:
    """What is learnt while a problem is solved: batch sizes, layouts, replays, whether the model mixes examples.

    Every call of a method has a session of its own, unless one is open: inside `with Session(problem):` all methods
    that are called on this problem share what they learn and the coalitions that they evaluate. A session belongs to
    the thread that opens it.

    What changes between two calls is noticed, except writes that torch does not count, such as
    `parameter.data.mul_(2)`, and writes into numpy arrays that modules hold: open another session after these.

    Args:
        problem: The problem.

    Attributes:
        info: What can be seen of the model.
        state: The modes, attributes, parameters and buffers of its modules, as a hash.
        budget: How many rows a forward takes.
        observed: Layouts, captured tensors and replays, by site.
        coalitions: The values of coalitions, while the session is open; else None.
        whole_batch: Whether every forward must hold the user's batch, whole and in order.
        rows_interact: Whether rows of a forward depend on each other; None until that has been checked.
        copies: Whether the examples are copies made by an outer attribution, which alone knows the user's batch.
        warned_inputs: The indices of inputs without a gradient, of which the user has been warned.

    Raises:
        WrongType: It is not a `Problem`.

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
        self._fingerprint: Any = None  # of the model and its data when the last call ended
        self._results: dict[Hashable, Any] = {}
        self._reset()

    def __repr__(self) -> str:
        return f"Session({self.problem!r})"

    def _reset(self) -> None:
        """Forget what was learnt, and inspect the model as it is now."""
        problem, options, outer = self.problem, self.problem.options, _RUNNING.get()
        self.info = info = ModelInfo.of(problem.model)
        self.state = ModelState(info.modules, info.training_flags)
        self.budget = Budget.of(problem.inputs, info.parameter_bytes, options)
        self.observed = Observed()
        # Tensors of different first dimensions (a graph's nodes and edges) are one example that cannot be divided.
        mixes = info.mixes_examples if options.whole_batch is None else options.whole_batch
        uneven = len({tensor.shape[0] for tensor in problem.inputs}) > 1
        self.whole_batch = mixes or problem.target.of_output_rows or uneven
        self.rows_interact = options.whole_batch
        self.copies = False
        self.warned_inputs: set[int] = set()
        if outer is not None:
            # The examples may be copies of those of an outer session, which alone knows the user's batch.
            repeats = outer.copies or problem.batch_size != outer.problem.batch_size
            self.copies = repeats and not outer.whole_batch
            self.warned_inputs = outer.warned_inputs
            self.whole_batch |= outer.whole_batch
            self.rows_interact = self.rows_interact if outer.rows_interact is None else outer.rows_interact

    @classmethod
    def of(cls, problem: Problem) -> Session:
        """The session that is open for a problem in this thread, or a new one."""
        open_sessions = (
            session for session in reversed(_OPEN.get()) if session.problem is problem and session._is_open_here
        )
        session = next(open_sessions, None)
        return cls(problem) if session is None else session._refresh()

    @property
    def _is_open_here(self) -> bool:
        """Whether this thread has opened it: a thread with a copy of another's context sees that one's sessions."""
        return self._opened > 0 and self._thread == threading.get_ident()

    def _refresh(self) -> Session:
        """This session, which forgets what it learnt if the model or its data have changed since the last call."""
        changed = self.is_outermost and (
            self.problem.options.create_graph or self._current_fingerprint() != self._fingerprint
        )
        if changed:
            self._reset()
            self._forget()
        elif self.is_outermost:
            # Warnings and hints are those of a single call.
            self.observed.slopes, self.observed.failed_on, self.warned_inputs = None, "", set()
        return self

    def _current_fingerprint(self) -> Any:
        """What the model's outputs depend on, as far as it can be seen: its modules, modes, data and functions."""
        problem, info = self.problem, ModelInfo.of(self.problem.model)
        data = [
            content_of(leaf) if isinstance(leaf, Tensor | np.ndarray) else leaf if is_plain(leaf) else id(leaf)
            for leaf in tree_leaves((problem.inputs, problem.additional_forward_args))
        ]
        functions = (problem.model, *problem.target.functions)
        device = problem.inputs[0].device.type
        cast = torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device)
        return info.training_flags, cast, seen_of(info.modules), data, list(map(seen_around, functions))

    def __enter__(self) -> Session:
        if not self._opened:
            self.coalitions, self._thread, self._fingerprint = CoalitionMemory(), threading.get_ident(), None
        self._opened += 1
        _OPEN.set((*_OPEN.get(), self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Only this session is removed, its innermost entry: others may have been opened since, and this one elsewhere.
        open_sessions = list(_OPEN.get())
        if self in open_sessions:
            open_sessions.reverse()
            open_sessions.remove(self)
            open_sessions.reverse()
            _OPEN.set(tuple(open_sessions))
        self._opened = max(0, self._opened - 1)
        if not self._opened:
            self.coalitions, self._fingerprint, self.observed, self._results = None, None, Observed(), {}

    @property
    def is_outermost(self) -> bool:
        """Whether this thread is running no method: neither of this session nor of another."""
        return _RUNNING.get() is None

    def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of a call that evaluates the problem; the model is left as it was found.

        The call begins again, with the same random numbers, in two cases. If the model turns out to collapse the batch,
        to mix its rows or to fail for other rows than the batch's, it begins again with whole batches. If replayed
        outputs turn out to be wrong, it begins again without replays.
        """
        outer = _RUNNING.get()
        if outer is self:
            return call(*args, **kwargs)
        token = _RUNNING.set(self)
        try:
            with isolated(self.info, self.problem.inputs[0].device, create_graph=self.problem.options.create_graph):
                result = call(*args, **kwargs)
                self.observed.verify_replays()
                return result
        except ReplayFailed:
            self._begin_again(outer)
            return self.run(call, *args, **kwargs)
        except BatchCollapsed as collapsed:
            if self.copies or self.whole_batch:
                raise  # the outer session knows the batch, and begins again
            self.whole_batch = True
            self._begin_again(outer)
            return collapsed.settle(self.run(call, *args, **kwargs))
        finally:
            _RUNNING.reset(token)
            if self._opened and outer is None:
                self._fingerprint = self._current_fingerprint()

    def _begin_again(self, outer: Session | None) -> None:
        """Leave this session and forget its coalitions, so that the call can be run once more."""
        _RUNNING.set(outer)
        self._forget()

    def _forget(self) -> None:
        """Forget what was evaluated."""
        self._results = {}
        if self.coalitions is not None:
            self.coalitions.forget()

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What is computed; while the session is open, what was computed for an equal key before.

        Args:
            key: Says what it is, and all that it depends on but the problem.
            compute: Computes it.
        """
        if not self._opened:
            return compute()
        if key not in self._results:
            self._results[key] = compute()
        result: T = self._results[key]
        return result

    def blocks(
        self,
        samples: int,
        points: int,
        run: Callable[[slice, slice], T],
        *,
        unit: Unit = "rows",
        silent: bool = False,
    ) -> Iterator[T]:
        """The results of `run(sample range, point range)` by block: see [Budget][pellucid.core.batching.Budget]."""
        return self.budget.blocks(samples, points, run, whole=self.whole_batch, unit=unit, silent=silent)

    def is_whole_batch(self, examples: Tensor) -> bool:
        """Whether these examples, int64 [n], are the user's batch: every example once, in order."""
        batch = all_examples(self.problem.batch_size)
        return examples is batch or torch.equal(examples, batch)

    def other_rows(self, examples: Tensor) -> Tensor | None:
        """These examples, int64 [n]; None where they are the user's batch."""
        return None if self.is_whole_batch(examples) else examples

    def holds_other_rows(self, examples: Tensor) -> bool:
        """Whether a forward of these examples holds other rows than the user's batch; never with `whole_batch`."""
        return not self.whole_batch and (self.copies or not self.is_whole_batch(examples))

    def select_rows(self, value: Any, examples: Tensor) -> Any:
        """The rows of these examples, int64 [n], of an argument; copies, as the model may write into them."""
        return select_examples(value, self.other_rows(examples), self.problem.batch_size)
