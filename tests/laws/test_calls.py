"""How often the model is called, forward and backward, and on how many rows."""

import math
from contextlib import AbstractContextManager, nullcontext
from unittest.mock import patch

import pytest

from laws.counting import Counted
from laws.registry import Case, cases, close
from pellucid.core.batching import BLOCK_BYTES
from pellucid.core.evaluation.row_independence import RowIndependenceCheck
from pellucid.core.model import activation_replay

EXAMPLES = 5


@pytest.fixture(autouse=True)
def without_replays(monkeypatch: pytest.MonkeyPatch):
    """The check of a replay takes forwards of its own: see test_replay."""
    monkeypatch.setattr(activation_replay, "MIN_ROWS_TO_REPLAY", math.inf)


def without_row_checks() -> AbstractContextManager[object]:
    """As if every model were known to keep its rows apart; the first call finds it out by a forward of its own."""
    return patch.object(RowIndependenceCheck, "of", lambda *_: None)


def counted(case: Case, *, looks: bool = False, **more) -> Counted:
    """The calls of one attribution."""
    model = Counted(case.specimen.model())
    with nullcontext() if looks else without_row_checks():
        case.raw(model, case.specimen.inputs(EXAMPLES), **case.seed(), **more)
    return model


@cases(quick=2)
def test_one_forward_and_one_backward_for_all_that_fits_into_a_block(case: Case):
    calls, points = case.method.calls
    model = counted(case)
    assert (len(model.rows), sum(model.rows)) == (calls, EXAMPLES * points)
    assert model.backwards == backwards(case)


@cases(quick=1)
def test_a_first_call_looks_once_whether_rows_interact(case: Case):
    """By one forward of decoys and the batch, where any forward holds other rows than the batch's."""
    found, without = counted(case, looks=True), counted(case)
    looks = list(found.rows)
    for rows in without.rows:
        looks.remove(rows)
    inside_noise = case.method.name.startswith(("NoiseTunnel", "methods.NoiseTunnel"))
    others = [rows for rows in without.rows if rows != EXAMPLES]
    # The copies inside a NoiseTunnel are a batch, and calls of another size are looked at by themselves.
    assert len(looks) == (len(set(others)) if inside_noise else bool(others))
    assert inside_noise or sum(looks) <= 2 * EXAMPLES
    assert found.backwards == without.backwards


@cases(quick=1)
def test_a_second_call_does_not_look_again(case: Case):
    model, inputs = Counted(case.specimen.model()), case.specimen.inputs(EXAMPLES)
    for _ in range(2):
        model.forget()
        case.raw(model, inputs, **case.seed())
    assert sorted(model.rows) == sorted(counted(case).rows)


def backwards(case: Case) -> int:
    return case.method.calls[0] if case.method.backwards is None else case.method.backwards


@cases(lambda case: case.method.delta_calls[0])
def test_a_delta_adds_two_forwards_for_each_start_and_end(case: Case):
    (calls, points), (delta_calls, delta_points) = case.method.calls, case.method.delta_calls
    model = counted(case, return_convergence_delta=True)
    assert (len(model.rows), sum(model.rows)) == (calls + delta_calls, EXAMPLES * (points + delta_points))
    assert model.backwards == backwards(case)


@cases(lambda case: case.method.bounded, quick=1)
@pytest.mark.parametrize("most", [1, *(pytest.param(most, marks=pytest.mark.large) for most in (2, 3)), 7])
def test_no_forward_takes_more_rows_than_its_bound(case: Case, most: int):
    deltas = {"return_convergence_delta": True} if case.method.delta_calls[0] else {}
    model = counted(case, internal_batch_size=most, **deltas)
    assert max(model.rows) <= most
    assert sum(model.rows) == EXAMPLES * (case.method.calls[1] + case.method.delta_calls[1])


@cases(lambda case: case.method.many is not None, quick=1)
def test_the_rows_per_forward_do_not_grow_with_the_number_of_points(case: Case, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(BLOCK_BYTES, "cpu", 2**13)
    few, more, many = (counted(case, **{case.method.many: number}) for number in (10, 20, 30))
    assert max(many.rows) < 2 * max(few.rows)  # parts of one size, which is the most at best and half of it at worst
    assert sum(many.rows) - sum(more.rows) == sum(more.rows) - sum(few.rows) > 0


@cases(quick=1)
def test_counting_does_not_change_the_numbers(case: Case):
    model, inputs = case.specimen.model(), case.specimen.inputs(EXAMPLES)
    close(case(Counted(model), inputs, **case.seed()), case(model, inputs, **case.seed()))
