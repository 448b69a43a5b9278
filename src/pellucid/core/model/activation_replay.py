"""Replay: modules that finish before the source are answered from what they returned for the same inputs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeAlias, final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from pellucid.core.model.interception import Interceptor
from pellucid.core.model.layers import Site
from pellucid.core.pytree import map_tensors
from pellucid.core.restarts import ReplayFailed

Rerun: TypeAlias = Callable[..., Any]
"""(what answers, or None; the most points, by default all) -> what comes out."""

_REPLAY_LOG = logging.getLogger("pellucid")

MIN_ROWS_TO_REPLAY = 16
"""Rows to be evaluated for which a check pays."""

CHECK_ROWS = 4
"""How many points are checked at most."""

RELATIVE_ERROR = 1024
"""How many roundings outputs may lie apart: other sizes of a batch take other ways through the same sums."""


@final
class Recording:
    """Keeps what the outermost modules return that finish before the source is reached.

    Args:
        source: The source.
    """

    def __init__(self, source: Site) -> None:
        self.source = source
        self.called: set[nn.Module] = set()
        self.kept: list[tuple[nn.Module, Any]] = []
        self._reached = False

    def __call__(
        self, module: nn.Module, forward: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        """Run a module's forward, and keep what it returns if the source has not been reached."""
        is_source = module in self.source.modules
        self._reached |= is_source and self.source.side == "input"
        if self._reached:
            return forward(*arguments, **keywords)
        first = len(self.kept)
        self.called.add(module)
        output = forward(*arguments, **keywords)
        if not self._reached:  # and so not inside this module either
            self.kept[first:] = [(module, cloned_for(output))]
            self._reached = is_source
        return output


@final
class Replay:
    """What modules returned, call by call, and whether answering from it has been seen to be right.

    Args:
        outputs: For each module, its outputs for the whole batch, in the order of its calls.
        examples: The number of examples in the batch.
        failed: Is called when answers were seen to be wrong.
    """

    def __init__(
        self, outputs: dict[nn.Module, list[Any]], examples: int, failed: Callable[[], None] = lambda: None
    ) -> None:
        self.outputs, self.examples, self._failed = outputs, examples, failed
        self._check: Callable[[], bool] | None = None

    @classmethod
    def of(
        cls,
        recording: Recording,
        counts: tuple[int, ...],
        counted: Iterable[nn.Module],
        examples: int,
        failed: Callable[[], None] = lambda: None,
    ) -> Replay:
        """What a recording has kept; nothing where calls could not be told apart later.

        Args:
            recording: The recording.
            counts: How often each module of the source was called.
            counted: Modules whose calls are counted, beside those of the source.
            examples: The number of examples in the batch.
            failed: Is called when answers were seen to be wrong.
        """
        outputs: dict[nn.Module, list[Any]] = {}
        if set(counts) == {1} and not recording.called.intersection(counted):
            for module, output in recording.kept:
                outputs.setdefault(module, []).append(output)
        return cls(outputs, examples, failed)

    def answers(self, rows: Tensor | None, checked: Tensor | None, run: Rerun, ahead: int) -> Interceptor | None:
        """What answers the calls of a forward; None where all modules must run.

        Args:
            rows: The examples of the forward, int64 [n]; None for all in order.
            checked: The same of a few of its points.
            run: Runs these, or the first of them, and gives what comes out: done the first time, with and without
                answers, and in the end.
            ahead: How many rows are to be evaluated, now and in forwards to come.
        """
        if not self.outputs or (self._check is None and ahead < MIN_ROWS_TO_REPLAY):
            return None
        if self._check is None and not self._validate(checked, run):
            self._give_up()
        return self._watch(rows) if self.outputs else None

    def verify(self) -> None:
        """Look once more, after the last forward.

        Raises:
            ReplayFailed: Answers have become wrong. Nothing is answered from now on.
        """
        if self._check is not None and not self._check():
            self.fail()

    def fail(self) -> NoReturn:
        """An answered forward was wrong.

        Raises:
            ReplayFailed: Always. Nothing is answered from now on.
        """
        self._give_up()
        raise ReplayFailed

    def _validate(self, checked: Tensor | None, run: Rerun) -> bool:
        """Whether answers give what the model gives.

        An answered forward comes first, so that what the model may have remembered is not of the same points; and one
        comes last, as code of the model might have spoilt what it was answered.
        """
        given: list[tuple[nn.Module, Any]] = []
        try:
            with _RecordUsedTensors() as used:
                found = run(self._watch(checked, given))
            expected = run(None)
            if self.examples == 1:  # whose points are all the same example: another number of them
                run(None, 2)
            self._drop_unused_values(given, used.tensors)
            self._check = lambda: all_close(expected, run(self._watch(checked)))
            return all_close(expected, found) and self._check()
        except Exception as error:
            return _log_failure(error)

    def _give_up(self) -> None:
        _REPLAY_LOG.debug(
            "all modules run in every forward, as answers for those before the source gave another output"
        )
        self.outputs, self._check = {}, None
        self._failed()

    def _watch(self, rows: Tensor | None, replayed: list[Any] | None = None) -> Interceptor:
        """What answers the calls of one forward, in which an output is handed out as often as there are calls of it."""
        left = {module: iter(outputs) for module, outputs in self.outputs.items()}

        def answer(
            module: nn.Module, forward: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]
        ) -> Any:
            for output in left.get(module, ()):
                answered = cloned_for(output, rows, self.examples)
                if replayed is not None:
                    replayed.append((module, answered))
                return answered
            return forward(*arguments, **keywords)  # a call after the source

        return answer, tuple(self.outputs)

    def _drop_unused_values(self, replayed: list[tuple[nn.Module, Any]], used: dict[int, Tensor]) -> None:
        """Keep only shapes (meta tensors) of what went from answer to answer, which no code of the model has used."""
        left = {module: iter(outputs) for module, outputs in self.outputs.items()}
        thinned: dict[nn.Module, list[Any]] = {}
        for module, answered in replayed:
            needed = iter([id(leaf) in used for leaf in tree_leaves(answered) if isinstance(leaf, Tensor)])

            def thin(leaf: Tensor, needed: Iterator[bool] = needed) -> Tensor:
                return leaf if next(needed) else leaf.to("meta")

            thinned.setdefault(module, []).append(map_tensors(next(left[module]), thin))
        self.outputs = thinned


def _log_failure(error: Exception) -> bool:
    """An answered forward that fails is no replay; what the model itself says is heard when all of it runs."""
    _REPLAY_LOG.debug("an answered forward raised %s", type(error).__name__)
    return False


class _RecordUsedTensors(TorchFunctionMode):
    """Looks on while torch is called, and remembers the tensors that it was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.tensors: dict[int, Tensor] = {}  # kept alive, so that none has the identity of another

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.tensors.update((id(leaf), leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor))
        return func(*args, **(kwargs or {}))


def check_indices(examples: int) -> list[int]:
    """Which points of a forward to check: they repeat and change places, and are more or fewer than the examples."""
    return [-1, 0, -1, 0] if examples == CHECK_ROWS - 1 else [-1, 0, -1]


def cloned_for(value: Any, rows: Tensor | None = None, examples: int = 0) -> Any:
    """A copy of a value for the examples `rows`; code of the model may write into it."""

    def copy(tensor: Tensor) -> Tensor:
        follows = rows is not None and tensor.ndim > 0 and tensor.shape[0] == examples
        if tensor.is_meta and rows is not None:  # a shape alone, and an error for whoever uses more of it
            return torch.empty_like(tensor[:1].expand(len(rows), *tensor.shape[1:])) if follows else tensor
        return tensor.detach()[rows.to(tensor.device)] if follows and rows is not None else tensor.detach().clone()

    return map_tensors(value, copy)


def all_close(one: Any, second: Any) -> bool:
    """Whether all tensors in two values are the same but for rounding."""
    ones, others = ([each for each in tree_leaves(value) if isinstance(each, Tensor)] for value in (one, second))
    return len(ones) == len(others) and all(map(_close, ones, others))


def _close(one: Tensor, second: Tensor) -> bool:
    if one.shape != second.shape or one.dtype != second.dtype:
        return False
    if not one.is_floating_point():
        return torch.equal(one, second)
    if one.numel() == 0:
        return True
    largest = one.nan_to_num(0, 0, 0).abs().amax().item()
    tolerance = min(0.05, RELATIVE_ERROR * torch.finfo(one.dtype).eps) * largest
    return torch.allclose(one, second, rtol=0, atol=tolerance, equal_nan=True)


@contextmanager
def errors_invalidate(replay: Replay | None) -> Iterator[None]:
    """Take an exception in an answered forward for a wrong replay; if it is the model's own, it will come again."""
    try:
        yield
    except Exception:
        if replay is not None:
            replay.fail()
        raise
