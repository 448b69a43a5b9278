"""Threads that share a model get what each would get alone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from laws.models import SPECIMENS, Specimen
from laws.registry import METHODS, Case, close
from laws.state import as_found

THREADS = 8


@pytest.mark.parametrize("specimen", SPECIMENS.values(), ids=lambda specimen: specimen.name)
def test_mixed_calls_on_one_model(specimen: Specimen):
    model, inputs = specimen.model(), [specimen.inputs(3, seed=thread) for thread in range(THREADS)]
    cases = [Case(method, specimen) for method in METHODS]
    serial = [[case(model, each, **case.seed()) for case in cases] for each in inputs]
    start = threading.Barrier(THREADS)

    def work(thread: int) -> None:
        start.wait()
        for turn in range(len(cases)):
            index = (thread + turn) % len(cases)
            close(cases[index](model, inputs[thread], **cases[index].seed()), serial[thread][index])

    with as_found(model, inputs), ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))


def test_predictions_beside_attributions():
    specimen = SPECIMENS["cnn"]
    model, inputs = specimen.model(), specimen.inputs(3)
    case = Case(METHODS[3], specimen)
    expected = model(*inputs)
    stop = threading.Event()

    def attribute() -> None:
        while not stop.is_set():
            case(model, inputs)

    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(attribute)
        for _ in range(100):
            assert torch.equal(model(*inputs), expected)
        stop.set()
        busy.result()
