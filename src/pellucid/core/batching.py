"""How many rows one forward may take.

Chunks are sized from bytes per row and constants, never from timing or free memory, so that the same machine gives the
same bits. An accelerator is filled, as far as its memory goes; on a CPU, chunks that leave the caches are slower, and
only need more memory.
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

from pellucid.core.problem.problem import Options
from pellucid.core.tensors import batch_size_of
from pellucid.errors import check_count

T = TypeVar("T")

Unit: TypeAlias = Literal["rows", "evaluations"]
"""What a progress bar counts: rows, or evaluations of the whole batch."""

MIB = 2**20
CHUNK_BYTES = {"cpu": 64 * MIB, "cuda": 2048 * MIB, "mps": 512 * MIB}
"""What a chunk's activations may take, by type of device; anything else has the constant of the CPU."""

CACHED_BYTES, FEWEST_THREADS = 6 * MIB, 2
"""What of them stays in a CPU's caches, about, for each thread that torch uses; below two of these, what a forward
costs besides its rows begins to show. `python -m benchmarks chunks` measures how far from the best they are."""

CHUNK_PER_PARAMETERS, LARGEST_CHUNK = 3, 4
"""Every chunk reads all parameters again, so of a large model it may take this much more than they do; up to four times
the constant."""

BYTES_PER_INPUT_BYTE = 64
"""A first guess of what the activations of a row take, before they have been measured."""

LARGEST_TENSORS = {"cpu": 4, "cuda": 16, "mps": 16}
"""How many tensors as large as the largest of a forward without gradients fill a chunk: a CPU holds hardly more at
a time than what a call takes and returns and the points themselves; accelerators are left a margin."""

ROWS_PER_PARAMETERS = 16
"""How many rows' activations take as much as the parameters, as a bold guess, so that batches are seldom split."""


class Fewer(BaseException):
    """A block cannot hold all samples that were asked for.

    Args:
        samples: How many it can hold.
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples


@final
@dataclass
class Budget:
    """The rows per forward of one attribution, learnt on its first chunk.

    Args:
        chunk_bytes: What the activations of a chunk may take.
        rows: Rows per forward, for now: a guess until measured.
        fitting: Rows per forward that would have the memory they need, as a guess, whatever is fastest.
        largest_tensors: How many tensors as large as the largest of a forward without gradients fill a chunk.
        fixed: The user has chosen `rows`, or they need not be measured.
        most_rows: The most rows per forward, where the user bounds that.
        most_samples: The most samples of a place per forward, where the user bounds that.
        progress: What a progress bar says on stderr; None for none.
        ahead: The rows of the sweep that is under way.
    """

    chunk_bytes: int
    rows: int
    fitting: int = 0
    largest_tensors: int = LARGEST_TENSORS["cpu"]
    fixed: bool = False
    most_rows: int | None = None
    most_samples: int | None = None
    progress: str | None = None
    ahead: int = 0
    _pilot: bool = False
    _at_once: int | None = None

    @classmethod
    def of(cls, inputs: tuple[Tensor, ...], parameter_bytes: int, options: Options) -> Budget:
        """The budget for these inputs.

        Args:
            inputs: The user's inputs.
            parameter_bytes: What the model's parameters take: a large model has large activations.
            options: The user's bounds on rows and samples per forward, where there are any.
        """
        device = inputs[0].device.type
        constant = most = CHUNK_BYTES.get(device, CHUNK_BYTES["cpu"])
        if device == "cpu":
            constant = min(most, CACHED_BYTES * max(FEWEST_THREADS, torch.get_num_threads()))
        chunk_bytes = min(max(constant, parameter_bytes * CHUNK_PER_PARAMETERS), most * LARGEST_CHUNK)
        budget = cls(chunk_bytes, 0, largest_tensors=LARGEST_TENSORS.get(device, LARGEST_TENSORS["cpu"]))
        budget.progress = options.progress
        if options.perturbations_per_eval is not None:
            budget.most_samples = check_count("perturbations_per_eval", options.perturbations_per_eval)
        if options.internal_batch_size is not None:
            rows = check_count("internal_batch_size", options.internal_batch_size)
            budget.rows = budget.fitting = budget.most_rows = rows
            budget.fixed = True
            return budget
        examples = batch_size_of(inputs)
        # Of sparse tensors, what they would take if they were dense.
        guessed = BYTES_PER_INPUT_BYTE * sum(x.numel() * x.element_size() for x in inputs) // examples
        row = max(1, guessed, parameter_bytes)
        bold = min(most // max(1, guessed, parameter_bytes // ROWS_PER_PARAMETERS), examples)
        # Two rows at least: of a single one nobody can tell whether the model has collapsed the batch.
        budget.rows, budget.fitting = max(2, constant // row, bold), max(2, most // row, bold)
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
        """`run(samples, places)` over all samples of all places, block by block.

        A block is several samples of all places, or one sample of some of them. Out of memory halves it and goes on.

        Args:
            samples: Samples per place.
            points: How many places there are.
            run: One forward of as many rows as the block has samples times places.
            whole: Whether every forward takes the batch, once each: the model collapses or mixes it.
            unit: What a progress bar counts.
            silent: Whether there is none.
        """
        self.ahead = samples * points
        each = 1 if unit == "rows" else points
        sample = place = 0
        with self._bar(samples * points // each, unit, silent) as bar:
            while sample < samples:
                count, size = self._block(samples - sample, points - place, points, whole)
                self._pilot = not (self.fixed or whole or count * size == samples * points)
                part = slice(None) if size == points else slice(place, place + size)
                try:
                    result = run(slice(sample, sample + count), part)
                except (RuntimeError, MemoryError, Fewer) as error:
                    if not self._adapts(error, count, size, whole):
                        raise
                    continue
                self._at_once = None
                yield result
                place = (place + size) % points
                sample += count if place == 0 else 0
                if bar is not None:
                    bar.update((sample * points + place) // each - bar.n)

    def _bar(self, total: int, unit: str, silent: bool) -> AbstractContextManager[tqdm[Any] | None]:
        none = silent or self.progress is None
        return nullcontext() if none else tqdm(total=total, desc=self.progress, unit=f" {unit}")

    def _block(self, samples: int, points_left: int, points: int, whole: bool) -> tuple[int, int]:
        """How many samples of how many places come next, with `rest` places left of the current sample."""
        if whole:
            return 1, points
        if points_left == points and self.rows >= points:
            count = _even_parts(samples, min(self.rows // points, self.most_samples or samples))
            return min(count, self._at_once or count), points
        return 1, _even_parts(points_left, self.rows)

    def _adapts(self, error: BaseException, count: int, size: int, whole: bool) -> bool:
        """Make do with less after a block that was too large; whether that helps."""
        if isinstance(error, Fewer):
            self._at_once = error.samples
            return True
        if self._pilot and "saved tensor hooks" in str(error):  # torch.func allows of none: the guess stays
            self.fixed = True
            return True
        if not out_of_memory(error) or count * size == 1 or whole:
            return False
        self.rows, self.fixed = count * size // 2, True
        return True

    def measuring(self, rows: int) -> AbstractContextManager[None]:
        """Learn the bytes per row in a forward of `rows` rows, the first of several."""
        return self._measuring(rows) if self._pilot else nullcontext()

    @contextmanager
    def _measuring(self, rows: int) -> Iterator[None]:
        """By what autograd saves; without gradients, by the largest tensor that a call of torch returns."""
        seen: dict[int, torch.UntypedStorage] = {}  # kept alive, so that none has the address of another

        def count(saved: Tensor) -> Tensor:
            owner = saved if saved._base is None else saved._base
            if not isinstance(owner, nn.Parameter):
                storage = saved.untyped_storage()
                seen[storage.data_ptr()] = storage
            return saved.detach()  # an output saved as it is would keep its graph alive, and that the output

        if torch.is_grad_enabled():
            with torch.autograd.graph.saved_tensors_hooks(count, lambda saved: saved):
                yield
            used = sum(storage.nbytes() for storage in seen.values())
        else:
            with _LargestTensor() as largest:
                yield
            used = self.largest_tensors * largest.bytes
        self.rows, self.fixed = max(1, self.chunk_bytes // max(1, used // rows)), True


def _even_parts(count: int, most: int) -> int:
    """The size of parts as few as parts of `most` would be, but of one size: a small last one would cost as much."""
    return -(-count // -(-count // most))


def not_measured() -> AbstractContextManager[None]:
    """Forwards that are no part of what is being measured."""
    return torch.autograd.graph.saved_tensors_hooks(Tensor.detach, lambda saved: saved)


class _LargestTensor(TorchFunctionMode):
    """Looks on while torch is called, and remembers the size of the largest tensor that a call returned."""

    bytes = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for each in result if isinstance(result, tuple | list) else (result,):
            self.bytes = max(self.bytes, each.nbytes if isinstance(each, Tensor) else 0)
        return result


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory is not enough: each device says it in its own way."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    return any(words in str(error) for words in ("out of memory", "can't allocate memory", "not enough memory"))
