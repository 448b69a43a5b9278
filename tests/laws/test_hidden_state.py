"""What decides how often a module runs, and is no argument: attributes, configuration, globals."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from pellucid import attr
from pellucid.errors import PellucidWarning

GLOBAL = {"steps": 2}
X = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@dataclass
class Settings:
    steps: int = 2
    sizes: list[int] = field(default_factory=list)


class Loop(nn.Module):
    """Calls its cell as often as something says."""

    def __init__(self, steps: Callable[["Loop"], int]):
        super().__init__()
        self.cell, self.head, self.how_often = nn.Linear(4, 4), nn.Linear(4, 2), steps
        self.steps, self.settings, self.config = 2, Settings(), SimpleNamespace(deep=SimpleNamespace(steps=2), steps=2)
        self.register_buffer("often", torch.tensor(2))
        self.register_buffer("often_each", torch.tensor([2, 2]))
        self.often_too = torch.tensor(2)
        self.options, self.cache, self.calls = {"steps": 2}, [0, 0], 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1  # decides nothing
        for _ in range(self.how_often(self)):
            x = torch.tanh(self.cell(x))
        return self.head(x)


def loop(steps: Callable[[Loop], int]) -> Loop:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Loop(steps).double().eval()


def by_hand(net: Loop, steps: int) -> Tensor:
    x = X
    with torch.no_grad():
        for _ in range(steps):
            cell = net.cell(x)
            x = torch.tanh(cell)
    return cell


SEEN: dict[str, tuple[Callable[[Loop], int], Callable[[Loop, int], None]]] = {
    "attribute": (lambda net: net.steps, lambda net, steps: setattr(net, "steps", steps)),
    "dataclass": (lambda net: net.settings.steps, lambda net, steps: setattr(net.settings, "steps", steps)),
    "configuration": (lambda net: net.config.steps, lambda net, steps: setattr(net.config, "steps", steps)),
    "dict": (lambda net: net.options["steps"], lambda net, steps: net.options.update(steps=steps)),
    "buffer": (lambda net: int(net.often), lambda net, steps: net.often.fill_(steps)),
    "buffer of several": (lambda net: int(net.often_each[0]), lambda net, steps: net.often_each.fill_(steps)),
    "tensor": (lambda net: int(net.often_too), lambda net, steps: net.often_too.fill_(steps)),
    "cache": (lambda net: len(net.cache), lambda net, steps: net.cache.extend([0] * (steps - len(net.cache)))),
    "of a child": (
        lambda net: getattr(net.head, "steps", 2),
        lambda net, steps: setattr(net.head, "steps", steps),
    ),
}
UNSEEN: dict[str, tuple[Callable[[Loop], int], Callable[[Loop, int], None]]] = {
    "global": (lambda net: GLOBAL["steps"], lambda net, steps: GLOBAL.update(steps=steps)),
    "deep configuration": (
        lambda net: net.config.deep.steps,
        lambda net, steps: setattr(net.config.deep, "steps", steps),
    ),
}


@pytest.fixture(autouse=True)
def as_before():
    yield
    GLOBAL["steps"] = 2


def stopped(net: Loop) -> bool:
    """Whether a forward ends with the cell."""
    heads: list[int] = []
    handle = net.head.register_forward_hook(lambda *_: heads.append(1))
    attr.LayerActivation(net, "cell").attribute(X)
    handle.remove()
    return not heads


@pytest.mark.parametrize("name", SEEN)
def test_what_a_module_holds_is_part_of_what_is_remembered(name: str):
    steps, change = SEEN[name]
    net = loop(steps)
    for count in (2, 3, 5):
        change(net, count)
        for _ in range(2):
            assert torch.equal(attr.LayerActivation(net, "cell").attribute(X), by_hand(net, count))
        assert stopped(net)


# Fewer calls are noticed by any forward, which then never stops.
@pytest.mark.parametrize(("more", "full"), [(1, "the same batch"), (3, "the same batch"), (3, "another size")])
@pytest.mark.parametrize("name", UNSEEN)
def test_what_nobody_can_see_is_noticed_at_the_next_full_forward(name: str, more: int, full: str):
    steps, change = UNSEEN[name]
    net = loop(steps)
    assert torch.equal(attr.LayerActivation(net, "cell").attribute(X), by_hand(net, 2))
    change(net, more)
    if full == "another size":  # which may be the reason: the next forward of this size tells
        attr.LayerIntegratedGradients(net, "cell").attribute(X, target=0, n_steps=5)
    with pytest.warns(PellucidWarning, match=r"'cell' \(Linear\).*early_exit=False"):
        attr.LayerGradientXActivation(net, "cell").attribute(X, target=0)
    for _ in range(2):
        assert torch.equal(attr.LayerActivation(net, "cell").attribute(X), by_hand(net, more))


def test_counters_do_not_keep_forwards_from_stopping():
    net = loop(lambda net: net.steps)
    attr.LayerActivation(net, "cell").attribute(X)
    assert stopped(net)
