"""Replay: modules that finish before the source do not run again, but return a copy of their recorded outputs."""

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
"""(an interceptor, or None for the real model; the number of check rows, by default all) -> output and activations."""

_REPLAY_LOG = logging.getLogger("pellucid")

MIN_ROWS_TO_REPLAY = 16
"""The number of rows to evaluate from which on a replay is worth its check."""

CHECK_ROWS = 4
"""The largest number of rows in a check."""

RELATIVE_ERROR = 1024
"""The tolerance in units of machine epsilon: with another batch size the same sums may be added in another order."""


@final
class Recording:
    """Records the outputs of the outermost modules that finish before the source is reached.

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
        """Run a module's forward, and record its output if the source has not been reached."""
        is_source = module in self.source.modules
        self._reached |= is_source and self.source.side == "input"
        if self._reached:
            return forward(*arguments, **keywords)
        first = len(self.kept)
        self.called.add(module)
        output = forward(*arguments, **keywords)
        if not self._reached:  # so the source is not inside this module either
            self.kept[first:] = [(module, cloned_for(output))]
            self._reached = is_source
        return output


@final
class Replay:
    """Recorded outputs of modules, call by call, which are replayed once that was checked to give the model's output.

    Args:
        outputs: For each module, its outputs for the whole batch, in the order of its calls.
        examples: The number of examples in the batch.
        failed: Called when a replay was wrong.
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
        """The replay of a recording; an empty one where calls must be counted or the source is called several times.

        Args:
            recording: The recording.
            counts: How often each module of the source was called.
            counted: Modules whose calls are counted, beside those of the source.
            examples: The number of examples in the batch.
            failed: Called when a replay was wrong.
        """
        outputs: dict[nn.Module, list[Any]] = {}
        if set(counts) == {1} and not recording.called.intersection(counted):
            for module, output in recording.kept:
                outputs.setdefault(module, []).append(output)
        return cls(outputs, examples, failed)

    def interceptor_for(
        self, rows: Tensor | None, checked: Tensor | None, run: Rerun, sweep_rows: int
    ) -> Interceptor | None:
        """The interceptor that replays a forward; None where all modules must run.

        Args:
            rows: The examples of the forward, int64 [n]; None for all in order.
            checked: The examples of the check rows.
            run: Evaluates the check rows, or the first of them, with a given interceptor. Called to validate the replay
                before its first use, and to verify it after the last forward.
            sweep_rows: How many rows are to be evaluated, in this forward and the following ones.
        """
        if not self.outputs or (self._check is None and sweep_rows < MIN_ROWS_TO_REPLAY):
            return None
        if self._check is None and not self._validate(checked, run):
            self._disable()
        return self._interceptor(rows) if self.outputs else None

    def verify(self) -> None:
        """Check again, after the last forward.

        Raises:
            ReplayFailed: The replay has become wrong. It is disabled.
        """
        if self._check is not None and not self._check():
            self.fail()

    def fail(self) -> NoReturn:
        """Disable the replay, as a replayed forward was wrong.

        Raises:
            ReplayFailed: Always.
        """
        self._disable()
        raise ReplayFailed

    def _validate(self, checked: Tensor | None, run: Rerun) -> bool:
        """Whether replayed forwards give the output of the model.

        The first forward is replayed, so that a model that remembers its last call has not seen the check rows. So is
        the last one, as the model may have written into the replayed tensors.
        """
        replayed: list[tuple[nn.Module, Any]] = []
        try:
            with _RecordUsedTensors() as used:
                output = run(self._interceptor(checked, replayed))
            expected = run(None)
            if self.examples == 1:  # all rows are one example: let the model remember another number of rows instead
                run(None, 2)
            self._drop_unused_values(replayed, used.tensors)
            self._check = lambda: all_close(expected, run(self._interceptor(checked)))
            return all_close(expected, output) and self._check()
        except Exception as error:
            return _log_failure(error)

    def _disable(self) -> None:
        _REPLAY_LOG.debug(
            "all modules run in every forward, as answers for those before the source gave another output"
        )
        self.outputs, self._check = {}, None
        self._failed()

    def _interceptor(self, rows: Tensor | None, replayed: list[tuple[nn.Module, Any]] | None = None) -> Interceptor:
        """The interceptor of one forward, in which each recorded output is returned once.

        Args:
            rows: The examples of the forward, int64 [n]; None for all in order.
            replayed: A list to which the modules and the outputs returned in their place are appended.
        """
        remaining = {module: iter(outputs) for module, outputs in self.outputs.items()}

        def replay(
            module: nn.Module, forward: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]
        ) -> Any:
            for output in remaining.get(module, ()):
                clone = cloned_for(output, rows, self.examples)
                if replayed is not None:
                    replayed.append((module, clone))
                return clone
            return forward(*arguments, **keywords)  # a call after the source

        return replay, tuple(self.outputs)

    def _drop_unused_values(self, replayed: list[tuple[nn.Module, Any]], used: dict[int, Tensor]) -> None:
        """Keep only the shapes (meta tensors) of outputs that were passed to replayed modules alone.

        Args:
            replayed: The outputs returned in a replayed forward.
            used: The tensors that torch was called with in that forward, by their ids.
        """
        recorded = {module: iter(outputs) for module, outputs in self.outputs.items()}
        reduced: dict[nn.Module, list[Any]] = {}
        for module, output in replayed:
            needed = iter([id(leaf) in used for leaf in tree_leaves(output) if isinstance(leaf, Tensor)])

            def drop_unused(leaf: Tensor, needed: Iterator[bool] = needed) -> Tensor:
                return leaf if next(needed) else leaf.to("meta")

            reduced.setdefault(module, []).append(map_tensors(next(recorded[module]), drop_unused))
        self.outputs = reduced


def _log_failure(error: Exception) -> bool:
    """A replayed forward that raises counts as wrong; an error of the model itself comes again when all modules run."""
    _REPLAY_LOG.debug("an answered forward raised %s", type(error).__name__)
    return False


class _RecordUsedTensors(TorchFunctionMode):
    """Records the tensors that torch is called with."""

    def __init__(self) -> None:
        super().__init__()
        self.tensors: dict[int, Tensor] = {}  # kept alive, so that no two have one id

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.tensors.update((id(leaf), leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor))
        return func(*args, **(kwargs or {}))


def check_indices(examples: int) -> list[int]:
    """The rows to check: permuted, one of them repeated, and of another number than the examples."""
    return [-1, 0, -1, 0] if examples == CHECK_ROWS - 1 else [-1, 0, -1]


def cloned_for(value: Any, rows: Tensor | None = None, examples: int = 0) -> Any:
    """A copy of a value, for the examples `rows`, into which code of the model may write."""

    def copy(tensor: Tensor) -> Tensor:
        is_batched = rows is not None and tensor.ndim > 0 and tensor.shape[0] == examples
        if tensor.is_meta and rows is not None:  # only a shape: using its values is an error
            return torch.empty_like(tensor[:1].expand(len(rows), *tensor.shape[1:])) if is_batched else tensor
        return tensor.detach()[rows.to(tensor.device)] if is_batched and rows is not None else tensor.detach().clone()

    return map_tensors(value, copy)


def all_close(expected: Any, actual: Any) -> bool:
    """Whether all tensors in two values are equal but for rounding."""
    expected_tensors, actual_tensors = (
        [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)] for value in (expected, actual)
    )
    return len(expected_tensors) == len(actual_tensors) and all(map(_close, expected_tensors, actual_tensors))


def _close(expected: Tensor, actual: Tensor) -> bool:
    if expected.shape != actual.shape or expected.dtype != actual.dtype:
        return False
    if not expected.is_floating_point():
        return torch.equal(expected, actual)
    if expected.numel() == 0:
        return True
    largest = expected.nan_to_num(0, 0, 0).abs().amax().item()
    tolerance = min(0.05, RELATIVE_ERROR * torch.finfo(expected.dtype).eps) * largest
    return torch.allclose(expected, actual, rtol=0, atol=tolerance, equal_nan=True)


@contextmanager
def errors_invalidate(replay: Replay | None) -> Iterator[None]:
    """Treat an exception in a replayed forward as a wrong replay; one of the model itself comes again without it."""
    try:
        yield
    except Exception:
        if replay is not None:
            replay.fail()
        raise
