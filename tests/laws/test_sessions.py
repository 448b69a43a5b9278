"""A problem is a value, and a session that is opened around several calls changes what they cost and no number."""

import dataclasses
import gc
import threading
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from laws.baselines import distribution
from laws.counting import Counted
from pellucid.core.batching import BLOCK_BYTES
from pellucid.core.evaluation.coalition_memory import CoalitionMemory
from pellucid.core.evaluation.model_function import function_of
from pellucid.core.problem.composed_targets import MappedTarget
from pellucid.errors import WrongType
from pellucid.methods import (
    BanzhafValues,
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    KernelShap,
    NoiseTunnel,
    Options,
    Problem,
    Saliency,
    Session,
    ShapleyInteractions,
    ShapleyValues,
)
from zoo.specimens import SPECIMENS

specimen = SPECIMENS["reused"]
model, (x,) = specimen.model(), specimen.inputs(5)
DISTRIBUTION = {"baselines": distribution((x,))[0]}

CALLS = {
    "Saliency": (Saliency(), {}),
    "InputXGradient": (InputXGradient(), {}),
    "IntegratedGradients": (IntegratedGradients(n_steps=40), {"return_convergence_delta": True}),
    "GradientShap": (GradientShap(n_samples=6, seed=0), DISTRIBUTION | {"return_convergence_delta": True}),
    "smoothgrad": (NoiseTunnel(attribution_method=Saliency(), nt_samples=8, seed=0), {}),
    "vargrad of GradientShap": (
        NoiseTunnel(
            attribution_method=GradientShap(n_samples=2, seed=1), nt_type="vargrad", nt_samples_batch_size=2, seed=0
        ),
        DISTRIBUTION,
    ),
}  # fmt: skip

MODELS = {
    "per example": (model, 1),
    "loss": (lambda x: model(x)[:, 1].mean(), None),
}
FEATURES = 5


class Smooth(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(FEATURES, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).tanh())


def smooth() -> tuple[Counted, Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Counted(Smooth().double()), torch.randn(3, FEATURES, dtype=torch.float64)


def results(problem: Problem, name: str) -> list[Tensor]:
    method, arguments = CALLS[name]
    found = method(problem, **arguments)
    return [each for each in (*found.values, found.delta) if each is not None]


def fresh(kind: str) -> Problem:
    function, target = MODELS[kind]
    return Problem(function, x, target=target)


def check(found: list[Tensor], expected: list[Tensor]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one - other).abs().max() < 1e-10


@pytest.mark.parametrize("opened", [False, True], ids=["one each", "one for all"])
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("order", [1, -1], ids=["forwards", "backwards"])
def test_in_any_order(kind: str, order: int, opened: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(BLOCK_BYTES, "cpu", 2**14)
    problem = fresh(kind)
    session = Session(problem)
    if opened:
        session.__enter__()
    try:
        for name in [*CALLS, *CALLS][::order]:
            check(results(problem, name), results(fresh(kind), name))
    finally:
        if opened:
            session.__exit__(None, None, None)


# Problems are values.


def test_a_problem_is_itself_and_stays_as_it_is():
    problem, other = fresh("per example"), fresh("per example")
    assert problem == problem
    assert problem != other
    assert len({problem, other}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        problem.target = 2  # type: ignore[misc, assignment]
    assert repr(problem) == f"Problem({type(model).__name__}, float64 [5, 4], target=1)"


def test_nothing_of_a_call_stays_in_the_problem():
    counted, inputs = smooth()
    problem = Problem(counted, inputs, target=1)
    before = dict(vars(problem))
    for method in (Saliency(), ShapleyValues()):
        method(problem)
    assert vars(problem) == before


def test_a_problem_like_another():
    """But for one thing."""
    counted, inputs = smooth()
    problem = Problem(counted, inputs, target=1, source=counted.model.first)
    other = dataclasses.replace(problem, target=0, inputs=inputs[:2])
    expected = Problem(counted, inputs[:2], target=0, source=counted.model.first)
    torch.testing.assert_close(Saliency()(other).values, Saliency()(expected).values)
    assert other.batch_size == 2


@pytest.mark.parametrize("given", [None, nn.Linear(2, 2), torch.ones(2)])
def test_a_session_is_of_a_problem(given: Any):
    with pytest.raises(WrongType, match="problem must be a Problem: got"):
        Session(given)


# What is shared in a session.


def evaluated(counted: Counted, method: Any, problem: Problem) -> tuple[Any, int]:
    """What a method finds, and how many rows of the model it takes."""
    counted.forget()
    return method(problem), sum(counted.rows)


def test_coalitions_are_evaluated_once():
    counted, inputs = smooth()
    problem = Problem(counted, inputs, target=1)
    methods: list[Any] = [ShapleyValues(), BanzhafValues(), KernelShap(seed=0), ShapleyInteractions()]
    alone = [evaluated(counted, method, problem)[0] for method in methods]
    with Session(problem):
        together = [evaluated(counted, method, problem) for method in methods]
    for (found, rows), expected, first in zip(together, alone, [True, False, False, False], strict=True):
        torch.testing.assert_close(found.values, expected.values, rtol=1e-9, atol=1e-12)
        assert (rows > 0) == first
    assert evaluated(counted, methods[0], problem)[1] > 0  # after the session everything is as before


def test_targets_that_come_and_go_are_told_apart():
    """A target may be freed after its call, and the next one lie at its address."""
    counted, inputs = smooth()
    problem = Problem(counted, inputs, target=1)
    expected = ShapleyValues()(problem).values[0]
    with Session(problem):
        for factor in range(8):
            target = MappedTarget(problem.target, lambda value, factor=factor: factor * value)
            found = ShapleyValues()(function_of(problem).replace(target=target)).values[0]
            torch.testing.assert_close(found, factor * expected)
            del target


@pytest.mark.parametrize(
    "change", [{"baselines": 1.0}, {"feature_mask": torch.tensor([[0, 0, 1, 2, 3]])}], ids=["baselines", "features"]
)
def test_another_game_is_evaluated_by_itself(change: dict[str, Any]):
    counted, inputs = smooth()
    problem = Problem(counted, inputs, target=1)
    expected = ShapleyValues()(problem, **change).values
    with Session(problem):
        ShapleyValues()(problem)
        found = ShapleyValues()(problem, **change).values
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_of_a_model_that_has_changed_all_is_forgotten():
    counted, inputs = smooth()
    for source in ({}, {"source": "first"}):
        problem = Problem(counted, inputs, target=1, **source)
        with Session(problem):
            for method in (ShapleyValues(), Saliency(abs=False)):
                before = method(problem).values[0]
                with torch.no_grad():
                    counted.model.first.weight.mul_(1.5)
                    counted.model.second.weight.mul_(-2)
                found = method(problem).values[0]
                torch.testing.assert_close(found, method(Problem(counted, inputs, target=1, **source)).values[0])
                assert not torch.allclose(found, before)


def test_another_problem_and_another_thread_have_their_own():
    counted, inputs = smooth()
    problem, other = Problem(counted, inputs, target=1), Problem(counted, inputs, target=1)
    rows: list[int] = []
    with Session(problem):
        ShapleyValues()(problem)
        rows.append(evaluated(counted, ShapleyValues(), other)[1])
        thread = threading.Thread(target=lambda: rows.append(evaluated(counted, ShapleyValues(), problem)[1]))
        thread.start()
        thread.join()
        with Session(other):
            rows.append(evaluated(counted, ShapleyValues(), other)[1])
        rows.append(evaluated(counted, ShapleyValues(), problem)[1])
    assert [count > 0 for count in rows] == [True, True, True, False]


def test_a_session_ends_with_an_error_and_can_be_opened_again():
    counted, inputs = smooth()
    problem = Problem(counted, inputs, target=1)
    session = Session(problem)
    with pytest.raises(KeyError), session:
        counted.forget(), ShapleyValues()(problem), {}["missing"]
    assert evaluated(counted, ShapleyValues(), problem)[1] > 0
    with session:
        assert evaluated(counted, ShapleyValues(), problem)[1] > 0
        assert evaluated(counted, ShapleyValues(), problem)[1] == 0


def test_rows_that_meet_are_not_remembered_apart():
    """What was evaluated before it was known that rows depend on each other is forgotten."""

    def centred(x: Tensor) -> Tensor:
        return (x - x.mean(0)).square().sum(1)

    inputs = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    problem = Problem(centred, inputs)
    with Session(problem):
        found = [ShapleyValues()(problem).values[0] for _ in range(2)]
    expected = ShapleyValues()(Problem(centred, inputs)).values[0]
    for each in found:
        torch.testing.assert_close(each, expected)


def test_the_memory_is_bounded():
    memory = CoalitionMemory(most_bytes=100)
    keys = [bytes([number]) for number in range(50)]
    memory.remember("game", keys, torch.arange(50.0).double()[None])
    known = memory.known("game")
    assert len(known) == 100 // 9
    assert [value.item() for value in known.values()] == list(range(11))
    memory.remember("another", keys, torch.zeros(1, 50).double())
    assert memory.known("another") == {}
    memory.forget()
    memory.remember("another", keys[:2], torch.zeros(1, 2).double())
    assert list(memory.known("another")) == keys[:2]


# What is known of a model.


class Twice(nn.Module):
    """Calls its block as often as that says."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.block, self.last = Repeated(times), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.block(x))


class Repeated(nn.Module):
    def __init__(self, times: int) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3)
        self.times = times

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.times):
            x = self.inner(x)
        return x


@pytest.mark.filterwarnings("ignore:layer .* is called .* times")
def test_a_replaced_layer_is_no_longer_known():
    net, inputs = Twice(1).double(), torch.randn(2, 3, dtype=torch.float64)
    inner = net.block.inner
    for times in (1, 3, 2):
        block = Repeated(times).double()
        block.inner = inner
        net.block = block
        expected = inputs
        for _ in range(times):
            expected = inner(expected)
        for _ in range(3):  # the second stops early
            found = InputXGradient()(Problem(net, inputs, target=0, gradient_at="block.inner")).values[0]
            torch.testing.assert_close(found, expected.detach() * net.last.weight[0].detach())


def test_nothing_that_is_known_keeps_a_model_alive():
    net, inputs = Twice(2), torch.randn(2, 3)
    net.parent = [net]  # a module that knows itself, as some do
    net.forward = lambda x, own=net: Twice.forward(own, x)  # type: ignore[method-assign]
    for method in (Saliency(), ShapleyValues()):
        method(Problem(net, inputs, target=0))
    dead = weakref.ref(net)
    del net
    gc.collect()
    assert dead() is None


class Counter(nn.Module):
    """Adds to what passes how often it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x + self.calls


def test_a_replay_that_was_wrong_is_not_tried_again(caplog: pytest.LogCaptureFixture):
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.count, self.layer, self.last = Counter(), nn.Linear(3, 3), nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            counted = self.count(x)
            return self.last(self.layer(x).tanh()) * counted.mean()

    net, inputs = Around().double().eval(), torch.randn(20, 3, dtype=torch.float64)
    caplog.set_level("DEBUG", logger="pellucid")
    for _ in range(3):
        ShapleyValues()(Problem(net, inputs, target=0, source="layer", options=Options(whole_batch=False)))
    assert len([record for record in caplog.records if "all modules run" in record.message]) == 1


@pytest.mark.parametrize("change", ["eval", "child", "function", "norm"])
def test_a_change_of_a_model_is_seen(change: str):
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 2)).double()
    net.eval()
    inputs = torch.randn(4, 3, dtype=torch.float64)
    Saliency()(Problem(net, inputs, target=0))
    if change == "eval":
        net[2].train()
        with pytest.warns(UserWarning, match="in training mode"):
            Saliency()(Problem(net, inputs, target=0))
        return
    if change == "child":
        net[3] = nn.Linear(3, 2).double()
    elif change == "function":
        net[0].forward = lambda x, weight=net[0].weight: x @ weight  # type: ignore[method-assign]
    else:
        net[1].running_mean = net[1].running_var = None
    leaf = inputs.clone().requires_grad_()
    (expected,) = torch.autograd.grad(net(leaf)[:, 0].sum(), leaf)
    found = Saliency(abs=False)(Problem(net, inputs, target=0)).values[0]
    torch.testing.assert_close(found, expected)
