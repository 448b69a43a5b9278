"""How many rows one forward may take.

A *block* is what one forward takes: several samples of all points, or one sample of some points. Blocks are sized from
bytes per row and constants, never from timing or free memory, so that the same machine gives the same bits. On an
accelerator a block may take much of the memory; on a CPU, blocks larger than the caches are slower and only need more
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar, final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from tqdm import tqdm

from pellucid.core.counts import check_count
from pellucid.core.problem.problem import Options
from pellucid.core.summaries import Summarized
from pellucid.core.tensors import batch_size_of

T = TypeVar("T")

Unit: TypeAlias = Literal["rows", "evaluations"]
"""What a progress bar counts: rows, or evaluations of the whole batch."""

MIB = 2**20
BLOCK_BYTES = {"cpu": 64 * MIB, "cuda": 2048 * MIB, "mps": 512 * MIB}
"""Bytes that the activations of a block may take, by type of device; an unknown type has the constant of the CPU."""

CACHED_BYTES, FEWEST_THREADS = 6 * MIB, 2
"""On a CPU: the bytes of a block that stay in the caches, about, for each thread that torch uses, and the least number
of threads to count on, as in smaller blocks the fixed cost of a forward begins to show. `python -m benchmarks blocks`
measures how far from the best these are."""

BLOCK_PER_PARAMETERS, LARGEST_BLOCK = 3, 4
"""Every block reads all parameters again, so it may take three times their bytes, but at most four times the constant
of the device."""

BYTES_PER_INPUT_BYTE = 64
"""The bytes of a row's activations per byte of its inputs: a first guess, used until they have been measured."""

LARGEST_TENSORS = {"cpu": 4, "cuda": 16, "mps": 16}
"""How many tensors of the size of the largest one in a forward without gradients fill a block: at a time, a CPU holds
hardly more than the arguments and the result of a call and the points themselves; accelerators are left a margin."""

ROWS_PER_PARAMETERS = 16
"""How many rows' activations take as much as the parameters: an optimistic guess, so that batches are seldom split."""


class FewerSamples(BaseException):
    """A block cannot hold as many samples as requested.

    Args:
        samples: How many it can hold.
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples


@final
@dataclass
class Budget(Summarized):
    """The rows per forward of one attribution, measured on its first block.

    Args:
        block_bytes: The bytes that the activations of a block may take.
        rows: Rows per forward: a guess until they have been measured.
        rows_that_fit: Rows per forward that fit into memory, as a guess, though fewer may be faster.
        largest_tensors: How many tensors of the size of the largest one in a forward without gradients fill a block.
        rows_are_final: Whether `rows` is final: chosen by the user, or measured.
        max_rows: The user's upper bound on the rows per forward.
        max_samples: The user's upper bound on the samples per point in a forward.
        progress: The label of a progress bar on stderr; None for no bar.
        sweep_rows: The rows of the current sweep.
    """

    block_bytes: int
    rows: int
    rows_that_fit: int = 0
    largest_tensors: int = LARGEST_TENSORS["cpu"]
    rows_are_final: bool = False
    max_rows: int | None = None
    max_samples: int | None = None
    progress: str | None = None
    sweep_rows: int = 0
    _row_bytes: int = 0
    _measures_next: bool = False
    _max_samples_now: int | None = None

    @classmethod
    def of(cls, inputs: tuple[Tensor, ...], parameter_bytes: int, options: Options) -> Budget:
        """The budget for these inputs.

        Args:
            inputs: The user's inputs.
            parameter_bytes: The bytes of the model's parameters: a large model has large activations.
            options: The user's bounds on rows and samples per forward, if any.
        """
        device = inputs[0].device.type
        fast_bytes = device_bytes = BLOCK_BYTES.get(device, BLOCK_BYTES["cpu"])
        if device == "cpu":
            fast_bytes = min(device_bytes, CACHED_BYTES * max(FEWEST_THREADS, torch.get_num_threads()))
        block_bytes = min(max(fast_bytes, parameter_bytes * BLOCK_PER_PARAMETERS), device_bytes * LARGEST_BLOCK)
        budget = cls(block_bytes, 0, largest_tensors=LARGEST_TENSORS.get(device, LARGEST_TENSORS["cpu"]))
        budget.progress = options.progress
        if options.perturbations_per_eval is not None:
            budget.max_samples = check_count("perturbations_per_eval", options.perturbations_per_eval)
        if options.internal_batch_size is not None:
            rows = check_count("internal_batch_size", options.internal_batch_size)
            budget.rows = budget.rows_that_fit = budget.max_rows = rows
            budget.rows_are_final = True
            return budget
        examples = batch_size_of(inputs)
        # Sparse tensors count with the bytes of dense ones.
        activation_bytes = BYTES_PER_INPUT_BYTE * sum(x.numel() * x.element_size() for x in inputs) // examples
        row_bytes = max(1, activation_bytes, parameter_bytes)
        optimistic_row_bytes = max(1, activation_bytes, parameter_bytes // ROWS_PER_PARAMETERS)
        unsplit = min(device_bytes // optimistic_row_bytes, examples)
        # Two rows at least: a single row does not show whether the model has collapsed the batch.
        budget.rows, budget.rows_that_fit = (
            max(2, fast_bytes // row_bytes, unsplit),
            max(2, device_bytes // row_bytes, unsplit),
        )
        return budget

    def blocks(
        self,
        samples: int,
        points: int,
        run: Callable[[slice, slice], T],
        *,
        whole: bool = False,
        unit: Unit = "rows",
        silent: bool = False,
    ) -> Iterator[T]:
        """Evaluate `run(samples, points)` on all samples of all points, block by block.

        Out of memory halves a block and goes on.

        Args:
            samples: Samples per point.
            points: The number of points.
            run: Evaluates a block, given as a slice of the samples and a slice of the points: one forward of its rows.
            whole: Whether every forward takes the whole batch once, as the model collapses or mixes it.
            unit: What a progress bar counts.
            silent: Whether to show no progress bar.
        """
        self.sweep_rows = samples * points
        rows_per_unit = 1 if unit == "rows" else points
        sample = point = 0
        with self._bar(samples * points // rows_per_unit, unit, silent) as bar:
            while sample < samples:
                count, size = self._block(samples - sample, points - point, points, whole)
                self._measures_next = not (self.rows_are_final or whole or count * size == samples * points)
                point_range = slice(None) if size == points else slice(point, point + size)
                try:
                    result = run(slice(sample, sample + count), point_range)
                except (RuntimeError, MemoryError, FewerSamples) as error:
                    if not self._adapts(error, count, size, whole):
                        raise
                    continue
                self._max_samples_now = None
                yield result
                point = (point + size) % points
                sample += count if point == 0 else 0
                if bar is not None:
                    bar.update((sample * points + point) // rows_per_unit - bar.n)

    def _bar(self, total: int, unit: str, silent: bool) -> AbstractContextManager[tqdm[Any] | None]:
        hidden = silent or self.progress is None
        return nullcontext() if hidden else tqdm(total=total, desc=self.progress, unit=f" {unit}")

    def _block(self, samples: int, points_left: int, points: int, whole: bool) -> tuple[int, int]:
        """The size of the next block: the number of samples and the number of points.

        Args:
            samples: The samples left.
            points_left: The points left of the current sample.
            points: All points.
            whole: Whether every forward takes the whole batch.
        """
        if whole:
            return 1, points
        if points_left == points and self.rows >= points:
            count = _even_size(samples, min(self.rows // points, self.max_samples or samples))
            return min(count, self._max_samples_now or count), points
        return 1, _even_size(points_left, self.rows)

    def _adapts(self, error: BaseException, count: int, size: int, whole: bool) -> bool:
        """Choose a smaller block after one that failed; returns whether a smaller one may succeed."""
        if isinstance(error, FewerSamples):
            self._max_samples_now = error.samples
            return True
        if self._measures_next and "saved tensor hooks" in str(error):  # torch.func allows none: keep the guess
            self.rows_are_final = True
            return True
        if not out_of_memory(error) or count * size == 1 or whole:
            return False
        self.rows, self.rows_are_final = count * size // 2, True
        return True

    def measuring(self, rows: int) -> AbstractContextManager[None]:
        """Measure the bytes per row in a forward of `rows` rows, if it is the first of several."""
        return self._measuring(rows) if self._measures_next else nullcontext()

    @contextmanager
    def _measuring(self, rows: int) -> Iterator[None]:
        """Measure the bytes that autograd saves; without gradients, the largest tensor that a call of torch returns."""
        storages: dict[int, torch.UntypedStorage] = {}  # kept alive, so that no two have one address

        def record(saved: Tensor) -> Tensor:
            owner = saved if saved._base is None else saved._base
            if not isinstance(owner, nn.Parameter):
                storage = saved.untyped_storage()
                storages[storage.data_ptr()] = storage
            return saved.detach()  # an output saved with its graph would be kept alive by that graph: a cycle

        if torch.is_grad_enabled():
            with torch.autograd.graph.saved_tensors_hooks(record, lambda saved: saved):
                yield
            used_bytes = sum(storage.nbytes() for storage in storages.values())
        else:
            with _LargestTensor() as largest:
                yield
            used_bytes = self.largest_tensors * largest.bytes
        self._row_bytes, self.rows_are_final = max(1, used_bytes // rows), True
        self.rows = max(1, self.block_bytes // self._row_bytes)

    def count_gradients(self, row_bytes: int) -> None:
        """Count what the gradients of several targets take for each row, besides what has been measured, if it has."""
        if self._row_bytes:
            self.rows = min(self.rows, max(1, self.block_bytes // (self._row_bytes + row_bytes)))


def _even_size(count: int, max_size: int) -> int:
    """The size of equal parts, as few as with `max_size`: a small last part would cost as much as a large one."""
    return -(-count // -(-count // max_size))


def not_measured() -> AbstractContextManager[None]:
    """Leave a forward out of the measurement around it."""
    return torch.autograd.graph.saved_tensors_hooks(Tensor.detach, lambda saved: saved)


class _LargestTensor(TorchFunctionMode):
    """Records the size of the largest tensor that a call of torch returns."""

    bytes = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else (result,):
            self.bytes = max(self.bytes, value.nbytes if isinstance(value, Tensor) else 0)
        return result


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that memory is exhausted; its type and message differ between devices."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    return any(words in str(error) for words in ("out of memory", "can't allocate memory", "not enough memory"))
