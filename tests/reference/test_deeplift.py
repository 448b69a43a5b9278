"""DeepLIFT is what it is for one number at a time."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from laws.registry import close
from pellucid import attr
from reference.deeplift import Number, applied, contributions, largest, softmax

FEATURES, HIDDEN = 3, 4


def weights(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


FIRST, SECOND = weights(0, HIDDEN, FEATURES), weights(1, HIDDEN)


def dense(x: Sequence[Number], matrix: Tensor) -> list[Number]:
    return [sum((w * each for w, each in zip(row, x, strict=True)), start=0.1) for row in matrix.tolist()]


def read(hidden: Sequence[Number]) -> Number:
    return dense(hidden, SECOND[None])[0]


def relu(x: float) -> float:
    return max(x, 0.0)


NETS: dict[str, tuple[Callable[[Sequence[Number]], Number], Callable[[Tensor], Tensor]]] = {
    "a layer of relu": (
        lambda x: read([applied(relu, h) for h in dense(x, FIRST)]),
        lambda x: (x @ FIRST.T + 0.1).relu() @ SECOND + 0.1,
    ),
    "tanh of tanh": (
        lambda x: applied(math.tanh, read([applied(math.tanh, h) for h in dense(x, FIRST)])),
        lambda x: ((x @ FIRST.T + 0.1).tanh() @ SECOND + 0.1).tanh(),
    ),
    "a product of activations": (
        lambda x: read([applied(relu, h) * h for h in dense(x, FIRST)]),
        lambda x: ((x @ FIRST.T + 0.1).relu() * (x @ FIRST.T + 0.1)) @ SECOND + 0.1,
    ),
    "a maximum": (
        lambda x: applied(math.tanh, largest(dense(x, FIRST))),
        lambda x: (x @ FIRST.T + 0.1).amax(1).tanh(),
    ),
    "a softmax": (
        lambda x: read(softmax(dense(x, FIRST))),
        lambda x: (x @ FIRST.T + 0.1).softmax(1) @ SECOND + 0.1,
    ),
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", NETS)
def test_as_one_number_at_a_time(name: str, seed: int):
    slow, model = NETS[name]
    x, x0 = weights(10 + seed, 2, FEATURES), weights(20 + seed, 2, FEATURES)
    found = attr.DeepLift(model).attribute(x, x0)
    for row in range(2):
        inputs = [Number(*pair) for pair in zip(x[row].tolist(), x0[row].tolist(), strict=True)]
        expected = torch.tensor(contributions(slow(inputs), inputs), dtype=torch.float64)
        close((found[row],), (expected,), rtol=1e-9, atol=1e-9)
