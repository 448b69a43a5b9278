"""Out of memory halves the block, and recurrent layers on cuDNN are run again without it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from laws.counting import Counted, noticing
from laws.registry import METHODS, Case, cases, close
from laws.state import as_found
from pellucid import attr
from zoo.specimens import SPECIMENS

pytestmark = pytest.mark.usefixtures("without_row_checks")

EXAMPLES = 5
OUT_OF_MEMORY = [
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB)"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory: you tried to ..."),
    MemoryError(),
]


@cases(quick=1)
def test_out_of_memory_halves_the_block(case: Case):
    model, inputs = case.specimen.model(), case.specimen.inputs(EXAMPLES)
    deltas = {"return_convergence_delta": True} if case.method.delta_calls[0] else {}
    small = Counted(model, most=2, error=OUT_OF_MEMORY[0])
    found = case.raw(small, inputs, **case.seed(), **deltas)
    expected = case.raw(model, inputs, **case.seed(), **deltas)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)
    assert max(small.rows) <= 2
    assert sum(small.rows) == EXAMPLES * (case.method.calls[1] + case.method.delta_calls[1])
    # Every block that is too large is halved, and none after it is as large.
    calls, points = case.method.calls
    assert small.refused <= calls * (EXAMPLES * points).bit_length()


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: str(error)[:12] or "MemoryError")
def test_every_device_says_it_in_its_own_way(error: Exception):
    (x,) = SPECIMENS["reused"].inputs(EXAMPLES)
    model = SPECIMENS["reused"].model()
    small = Counted(model, most=3, error=error)
    close((attr.Saliency(small).attribute(x, 1),), (attr.Saliency(model).attribute(x, 1),))
    with pytest.raises(type(error)) as raised:
        attr.Saliency(Counted(model, most=0, error=error)).attribute(x, 1)
    assert raised.value is error


@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_the_ends_of_a_line_may_lie_in_different_blocks(most: int):
    (x,) = SPECIMENS["reused"].inputs(1)
    model = SPECIMENS["reused"].model()
    for made in (attr.IntegratedGradients, lambda given: attr.LayerConductance(given, model.square)):
        halved = made(Counted(model, most=most, error=MemoryError())).attribute(x, target=1, n_steps=30)
        close((halved,), (made(model).attribute(x, target=1, n_steps=30),))


@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_what_was_drawn_for_a_block_that_does_not_fit_is_used_for_its_parts(most: int):
    (x,) = SPECIMENS["reused"].inputs(2)
    model = SPECIMENS["reused"].model()
    drawn = {"n_samples": 20, "stdevs": 0.5, "seed": 3, "target": 1}
    halved = attr.GradientShap(Counted(model, most=most, error=MemoryError())).attribute(
        x, torch.zeros_like(x), **drawn
    )
    close((halved,), (attr.GradientShap(model).attribute(x, torch.zeros_like(x), **drawn),))


def test_other_errors_are_not_taken_for_it():
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    model = Counted(SPECIMENS["reused"].model(), most=2, error=error)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        attr.Saliency(model).attribute(*SPECIMENS["reused"].inputs(EXAMPLES), 1)
    assert model.rows == []


REFUSAL = "cudnn RNN backward can only be called in training mode"


def refuse_with_cudnn() -> None:
    if torch.backends.cudnn.enabled:
        raise RuntimeError(REFUSAL)


RECURRENT = [method for method in METHODS if "lstm" in (method.specimens or SPECIMENS) or not method.spatial]


@pytest.mark.parametrize("method", RECURRENT, ids=lambda method: method.name)
def test_recurrent_layers_are_run_again_without_cudnn(method):
    case = Case(method, SPECIMENS["lstm"])
    model, inputs = case.specimen.model(), case.specimen.inputs(3)
    with as_found(model, inputs):
        found = case(lambda *x: noticing(model(*x), refuse_with_cudnn), inputs, **case.seed())
    close(found, case(model, inputs, **case.seed()))


def test_cudnn_is_switched_on_again_when_calls_overlap():
    """The second call is refused, the first switches cuDNN off, the second comes in if it can, and the first leaves."""
    specimen = SPECIMENS["lstm"]
    model, inputs = specimen.model(), specimen.inputs(3)
    refused, first_inside, second_inside, first_left = (threading.Event() for _ in range(4))

    def first(x: torch.Tensor):
        if not torch.backends.cudnn.enabled:
            first_inside.set()
            second_inside.wait(0.5)  # it has to stay outside, so this is how long the test takes
        return noticing(model(x), refuse_with_cudnn)

    def second(x: torch.Tensor):
        if not torch.backends.cudnn.enabled:
            second_inside.set()
            first_left.wait(5)
        return noticing(model(x), refuse_second)

    def refuse_second() -> None:
        if torch.backends.cudnn.enabled:
            refused.set()
            first_inside.wait(5)
            raise RuntimeError(REFUSAL)

    def call_first() -> None:
        refused.wait(5)
        Case(METHODS[0], specimen)(first, inputs)
        first_left.set()

    with as_found(model), ThreadPoolExecutor(2) as pool:
        calls = pool.submit(call_first), pool.submit(Case(METHODS[0], specimen), second, inputs)
        for each in calls:
            each.result()
    assert first_left.is_set()
    assert second_inside.is_set()
