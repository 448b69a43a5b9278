"""Threads that share a model get what each would get alone."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from laws.registry import CASES, close
from laws.state import as_found
from pellucid import attr
from zoo.specimens import SPECIMENS, Specimen

THREADS = 8


@pytest.mark.parametrize("threads", [4, pytest.param(THREADS, marks=pytest.mark.large)])
@pytest.mark.parametrize(
    "specimen",
    [
        pytest.param(specimen, marks=[] if name in ("cnn", "in-place", "transformer") else [pytest.mark.large])
        for name, specimen in SPECIMENS.items()
    ],
    ids=lambda specimen: specimen.name,
)
def test_mixed_calls_on_one_model(specimen: Specimen, threads: int):
    model, inputs = specimen.model(), [specimen.inputs(3, seed=thread) for thread in range(threads)]
    cases = [case for case in CASES if case.specimen is specimen]
    serial = [[case(model, each, **case.seed()) for case in cases] for each in inputs]
    start = threading.Barrier(threads)

    def work(thread: int) -> None:
        start.wait()
        for turn in range(len(cases)):
            index = (thread + turn) % len(cases)
            close(cases[index](model, inputs[thread], **cases[index].seed()), serial[thread][index])

    with as_found(model, inputs), ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))


def hooks(model: nn.Module) -> int:
    """How many hooks are on the modules."""
    return sum(len(value) for module in model.modules() for name, value in vars(module).items() if "_hooks" in name)


@pytest.mark.parametrize(
    "specimen",
    [SPECIMENS["cnn"], pytest.param(SPECIMENS["lstm"], marks=pytest.mark.large)],
    ids=lambda specimen: specimen.name,
)
def test_predictions_beside_attributions(specimen: Specimen):
    """Eight threads of fifty calls each, at inputs, layers and neurons; the ninth only predicts."""
    model, inputs = specimen.model(), [specimen.inputs(3, seed=thread) for thread in range(THREADS)]
    cases = [case for case in CASES if case.specimen is specimen and "NoiseTunnel" not in case.method.name]
    serial = [[case(model, each, **case.seed()) for case in cases] for each in inputs]
    plain = tree_leaves(model(*inputs[0]))
    start, stop, predictions = threading.Barrier(THREADS), threading.Event(), 0

    def work(thread: int) -> None:
        start.wait()
        for turn in range(50):
            index = (5 * thread + turn) % len(cases)
            close(cases[index](model, inputs[thread], **cases[index].seed()), serial[thread][index])

    def predict() -> int:
        count = 0
        while not stop.is_set():
            for found, expected in zip(tree_leaves(model(*inputs[0])), plain, strict=True):
                assert torch.equal(found, expected)
            count += 1
        return count

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        with as_found(model, inputs), ThreadPoolExecutor(THREADS + 1) as pool:
            predicting = pool.submit(predict)
            try:
                list(pool.map(work, range(THREADS)))
            finally:
                stop.set()
            predictions = predicting.result()
    finally:
        sys.setswitchinterval(interval)
    assert predictions > 10
    assert hooks(model) == 0


def test_threads_that_start_inside_a_model_pass_no_gates():
    """What another thread does with the layer is not what the layer does in the forward."""

    class Delegating(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.last = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            hidden = torch.tanh(self.layer(x))
            with ThreadPoolExecutor(1) as pool:
                pool.submit(self.layer, 5 * x.detach()).result()
            return self.last(hidden)

    model = Delegating().double()
    x = torch.ones(2, 4, dtype=torch.float64)
    for _ in range(2):
        close((attr.LayerActivation(model, "layer").attribute(x),), (model.layer(x).detach(),))
        close((attr.LayerActivation(model, "layer").attribute(x, attribute_to_layer_input=True),), (x,))
        close((attr.NeuronGradient(model, "layer").attribute(x, 1),), (model.layer.weight[1].detach().expand(2, 4),))
