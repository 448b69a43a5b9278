from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.core.batching import BLOCK_BYTES, BYTES_PER_INPUT_BYTE, CACHED_BYTES, FEWEST_THREADS, Budget
from pellucid.core.problem.problem import DEFAULT, Options

sizes = st.integers(1, 12)


def visited(
    budget: Budget, samples: int, places: int, most: int | None = None, *, whole: bool = False
) -> Iterator[tuple[range, range]]:
    """The blocks in order; above `most` rows they run out of memory."""

    def run(sample: slice, place: slice) -> tuple[range, range]:
        block = range(samples)[sample], range(places)[place]
        if most is not None and len(block[0]) * len(block[1]) > most:
            raise RuntimeError("out of memory")
        return block

    return budget.blocks(samples, places, run, whole=whole)


def cells(blocks: list[tuple[range, range]]) -> list[tuple[int, int]]:
    return [(sample, place) for samples, places in blocks for sample in samples for place in places]


@given(samples=sizes, places=sizes, rows=st.integers(1, 200), most=st.none() | st.integers(1, 30))
@settings(deadline=None)
def test_blocks_cover_every_sample_of_every_place_once_and_in_order(samples, places, rows, most):
    blocks = list(visited(Budget(1, rows, rows_are_final=True), samples, places, most))
    assert cells(blocks) == [(sample, place) for sample in range(samples) for place in range(places)]
    assert max(len(s) * len(p) for s, p in blocks) <= min(rows, most or rows)


@given(samples=sizes, places=sizes, sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6))
@settings(deadline=None)
def test_blocks_cover_all_while_the_budget_changes(samples, places, sizes):
    budget, blocks = Budget(1, sizes[0]), []
    for index, block in enumerate(visited(budget, samples, places)):
        blocks.append(block)
        budget.rows = sizes[(index + 1) % len(sizes)]
    assert cells(blocks) == [(sample, place) for sample in range(samples) for place in range(places)]


@given(samples=sizes, places=sizes, rows=st.integers(1, 200))
def test_no_block_is_smaller_than_it_must_be(samples, places, rows):
    blocks = list(visited(Budget(1, rows, rows_are_final=True), samples, places))
    per_block = rows // places if rows >= places else 1
    blocks_per_sample = 1 if rows >= places else -(-places // rows)
    assert len(blocks) == -(-samples // per_block) * blocks_per_sample


@given(samples=sizes, places=sizes, rows=st.integers(1, 30))
def test_a_whole_batch_is_a_block_for_every_sample(samples, places, rows):
    blocks = list(visited(Budget(1, rows), samples, places, whole=True))
    assert blocks == [(range(sample, sample + 1), range(places)) for sample in range(samples)]


@pytest.mark.parametrize(("whole", "most"), [(False, 0), (True, 3)], ids=["a row", "whole"])
def test_what_cannot_be_halved_is_raised(whole: bool, most: int):
    with pytest.raises(RuntimeError, match="out of memory"):
        list(visited(Budget(1, 8), 4, 4, most, whole=whole))


def test_after_out_of_memory_blocks_stay_small():
    tried = []

    def run(samples: slice, places: slice) -> None:
        rows = (samples.stop - samples.start) * len(range(4)[places])
        tried.append(rows)
        if rows > 5:
            raise MemoryError

    list(Budget(1, 100).blocks(4, 4, run))
    assert tried == [16, 8, 4, 4, 4, 4]


def inputs(rows: int, width: int) -> tuple[torch.Tensor]:
    return (torch.zeros(rows, width),)


BLOCK = CACHED_BYTES * FEWEST_THREADS
MOST = BLOCK_BYTES["cpu"]


def test_the_first_guess_is_by_the_bytes_of_inputs_and_parameters():
    assert Budget.of(inputs(3, 1000), 0, DEFAULT).rows == BLOCK // (4000 * BYTES_PER_INPUT_BYTE)
    assert Budget.of(inputs(3, 1000), BLOCK // 10, DEFAULT).rows == 10
    assert Budget.of(inputs(3, 1000), 5 * MOST, DEFAULT).rows == 3  # the batch is not split for that
    assert Budget.of(inputs(9, 1000), 5 * MOST, DEFAULT).rows == 3
    assert Budget.of(inputs(9, 1000), 50 * MOST, DEFAULT).rows == 2
    assert not Budget.of(inputs(3, 1000), 0, DEFAULT).rows_are_final


@pytest.mark.parametrize(("threads", "block"), [(1, BLOCK), (2, BLOCK), (3, 3 * CACHED_BYTES), (64, MOST)])
def test_a_block_fits_into_the_caches_of_the_threads(threads: int, block: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert Budget.of(inputs(3, 1000), 0, DEFAULT).block_bytes == block


@pytest.mark.parametrize("threads", [1, 64])
def test_what_would_fit_has_nothing_to_do_with_threads(threads: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert Budget.of(inputs(3, 1000), 0, DEFAULT).rows_that_fit == MOST // (4000 * BYTES_PER_INPUT_BYTE)
    assert Budget.of(inputs(3, 1000), 0, Options(internal_batch_size=7)).rows_that_fit == 7


def test_a_block_of_a_large_model_is_larger_but_bounded():
    assert Budget.of(inputs(3, 1000), BLOCK // 10, DEFAULT).block_bytes == BLOCK
    assert Budget.of(inputs(3, 1000), MOST, DEFAULT).block_bytes == 3 * MOST
    assert Budget.of(inputs(3, 1000), 100 * MOST, DEFAULT).block_bytes == 4 * MOST


def test_without_gradients_several_of_the_largest_tensors_fill_a_block():
    def forward(*_: slice) -> None:
        with budget.measuring(10), torch.no_grad():
            torch.lstm(x, (h, h), weights, True, 1, 0.0, False, False, True)  # a tuple, whose first tensor is largest

    lstm = torch.nn.LSTM(3, 8, batch_first=True)
    x, h, weights = torch.ones(10, 5, 3), torch.zeros(1, 10, 8), list(lstm.parameters())
    budget = Budget(block_bytes=100_000, rows=10, largest_tensors=4)
    with torch.no_grad():
        list(budget.blocks(5, 10, forward))
    assert budget.rows == 100_000 // (4 * 5 * 8 * 4)


def test_the_user_s_bound_is_kept():
    budget = Budget.of(inputs(3, 1000), 0, Options(internal_batch_size=7))
    assert (budget.rows, budget.rows_are_final) == (7, True)


def forward(samples: slice, places: slice, budget: Budget, width: int) -> None:
    """A forward that saves two tensors of `width` float32 for each row."""
    rows = len(range(10)[places]) * (samples.stop - samples.start)
    with budget.measuring(rows):
        torch.ones(rows, width, requires_grad=True).exp().exp()


def test_the_first_block_of_several_is_measured():
    budget = Budget(block_bytes=8000, rows=4)
    list(budget.blocks(5, 10, lambda *block: forward(*block, budget, 50)))
    assert (budget.rows, budget.rows_are_final) == (8000 // (2 * 50 * 4), True)


@pytest.mark.parametrize(
    "settings", [{"rows": 50}, {"rows": 4, "rows_are_final": True}, {"rows": 4, "whole": True}], ids=str
)
def test_what_fits_or_is_fixed_is_not_measured(settings: dict):
    whole = settings.get("whole", False)
    budget = Budget(8000, settings["rows"], rows_are_final=settings.get("rows_are_final", False))
    list(budget.blocks(5, 10, lambda *block: forward(*block, budget, 50), whole=whole))
    assert (budget.rows, budget.rows_are_final) == (settings["rows"], settings.get("rows_are_final", False))


def test_parameters_do_not_count_as_activations():
    budget, layer = Budget(block_bytes=100_000, rows=4), torch.nn.Linear(50, 1000)
    x = torch.ones(4, 50, requires_grad=True)

    def run(*_: slice) -> None:
        with budget.measuring(4):
            layer(x)

    list(budget.blocks(2, 4, run))
    assert budget.rows == 100_000 // (50 * 4)


def test_a_large_block_is_never_empty():
    budget = Budget(block_bytes=1, rows=4)
    list(budget.blocks(5, 10, lambda *block: forward(*block, budget, 50)))
    assert budget.rows == 1
