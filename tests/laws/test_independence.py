"""An example's result depends neither on its batch mates nor on how the rows are cut into blocks."""

import pytest
import torch

from laws.registry import Case, cases, close
from pellucid.core.batching import BLOCK_BYTES
from zoo.specimens import MOST

EXAMPLES = 5

alone = cases(lambda case: not case.method.mixes, quick=2)


@cases(lambda case: not case.method.mixes, quick=1)
def test_without_its_later_mates(case: Case):
    model = case.specimen.model()
    whole = case(model, case.specimen.inputs(EXAMPLES), **case.seed())
    for fewer in (1, 3):
        part = case(model, case.specimen.inputs(fewer), **case.seed())
        close(part, tuple(each[:fewer] for each in whole))


@alone
def test_with_other_mates(case: Case):
    model, inputs = case.specimen.model(), case.specimen.inputs(EXAMPLES)
    others = case.specimen.inputs(EXAMPLES, seed=9)
    mine = torch.tensor([False, True, False, False, True])
    mixed = tuple(torch.where(mine.reshape(-1, *[1] * (x.ndim - 1)), x, y) for x, y in zip(inputs, others, strict=True))
    first, second = (case(model, each, **case.seed()) for each in (inputs, mixed))
    close(tuple(each[mine] for each in first), tuple(each[mine] for each in second))
    assert case.method.fixed or not torch.equal(first[0][~mine], second[0][~mine])


@cases(lambda case: case.method.bounded, quick=1)
@pytest.mark.parametrize(
    "rows",
    [
        1,
        *(pytest.param(rows, marks=pytest.mark.large) for rows in (2, 3)),
        7,
        pytest.param(1000, marks=pytest.mark.large),
    ],
)
def test_with_a_bound_on_the_rows_per_forward(case: Case, rows: int):
    model, inputs = case.specimen.model(), case.specimen.inputs(EXAMPLES)
    close(case(model, inputs, **case.seed(), internal_batch_size=rows), case(model, inputs, **case.seed()))


@cases(quick=2)
@pytest.mark.parametrize("bytes_per_block", [pytest.param(1, marks=pytest.mark.large), 3000])
def test_with_small_blocks(case: Case, bytes_per_block: int, monkeypatch: pytest.MonkeyPatch):
    model, inputs = case.specimen.model(), case.specimen.inputs(MOST)
    expected = case(model, inputs, **case.seed())
    monkeypatch.setitem(BLOCK_BYTES, "cpu", bytes_per_block)
    close(case(model, inputs, **case.seed()), expected)


@cases(lambda case: "NoiseTunnel" in case.method.name and "methods." not in case.method.name)
@pytest.mark.parametrize("copies", [1, 2, 3])
def test_with_a_bound_on_the_noisy_copies_per_call(case: Case, copies: int):
    model, inputs = case.specimen.model(), case.specimen.inputs(EXAMPLES)
    whole, cut = (case(model, inputs, **case.seed(), nt_samples_batch_size=size) for size in (100, copies))
    close(cut, whole)


@cases(lambda case: case.method.delta_calls[0], quick=2)
def test_deltas_in_blocks(case: Case):
    model, inputs = case.specimen.model(), case.specimen.inputs(EXAMPLES)
    wanted = case.seed() | {"return_convergence_delta": True}
    (_, whole), (_, cut) = (case.raw(model, inputs, **wanted, **size) for size in ({}, {"internal_batch_size": 3}))
    close(cut, whole)
