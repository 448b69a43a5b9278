"""What changes between the calls of a session is seen: it costs what was learnt, and no number is wrong."""

import contextvars
import functools
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid.methods import (
    FeatureAblation,
    InputXGradient,
    IntegratedGradients,
    KernelShap,
    Options,
    Problem,
    Saliency,
    Session,
    ShapleyValues,
)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)
        self.activation: Callable[[Tensor], Tensor] = torch.tanh
        self.dim, self.centred = -1, False

    def forward(self, x: Tensor, factor: float | Tensor = 1.0) -> Tensor:
        hidden = self.activation(self.norm(self.first(x)))
        hidden = hidden + hidden.view(-1, 2, 2).cumsum(self.dim).flatten(1)
        if self.centred:
            hidden = hidden - hidden.mean(0).square()
        found: Tensor = self.second(hidden) * factor
        return found


def net() -> Net:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Net().double().eval()


def data() -> Tensor:
    return torch.randn(3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


METHODS: dict[str, Any] = {
    "shapley": ShapleyValues(),
    "ablation": FeatureAblation(),
    "integrated gradients": IntegratedGradients(n_steps=8),
}
SOURCES: dict[str, dict[str, Any]] = {"inputs": {}, "layer": {"source": "first"}}


def hook(module: nn.Module, arguments: Any, output: Tensor) -> Tensor:
    return output * 3


def train(module: Net) -> None:
    module.norm.train()


def turn(module: Net) -> None:
    module.dim = -2


def rectify(module: Net) -> None:
    module.activation = torch.relu


def centre(module: Net) -> None:
    module.centred = True


def replace_numbers(module: Net) -> None:
    module.second.weight.data = module.second.weight.data * 3


def register(module: Net) -> None:
    module.first.register_forward_hook(hook)


def replace_forward(module: Net) -> None:
    module.first.forward = lambda x: x * 3  # type: ignore[method-assign]


CHANGES = (train, turn, rectify, centre, replace_numbers, register, replace_forward)


def check(problem: Callable[[], Problem], change: Callable[[], object]) -> None:
    """What is found in a session after a change is what is found without one."""
    for first in ("shapley", "ablation"):
        for then, method in METHODS.items():
            asked = problem()
            with Session(asked):
                METHODS[first](asked)
                change()
                found = method(asked).values[0]
            expected = method(problem()).values[0]
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12, msg=f"{first}, then {then}")


@pytest.mark.filterwarnings("ignore:.*training mode")
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("change", CHANGES)
def test_of_the_model(change: Callable[[Net], None], source: str):
    x = data()
    for first in ("shapley", "ablation"):
        for method in METHODS.values():
            module = net()
            asked = Problem(module, x, target=1, **SOURCES[source])
            with Session(asked):
                METHODS[first](asked)
                change(module)
                found = method(asked).values[0]
            expected = method(Problem(module, x, target=1, **SOURCES[source])).values[0]
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("which", ["inputs", "numpy", "per example", "for all"])
def test_of_the_data(which: str, source: str):
    x, module = data(), net()
    array = data().numpy()
    each, shared = torch.rand(3, 1, dtype=torch.float64), torch.rand(2, dtype=torch.float64)
    inputs = torch.from_numpy(array) if which == "numpy" else x
    more = {"per example": each, "for all": shared}.get(which)

    def change() -> None:
        np.multiply(array, 3, out=array)
        for tensor in (x, each, shared):
            tensor.mul_(3)

    check(lambda: Problem(module, inputs, target=1, additional_forward_args=more, **SOURCES[source]), change)


class Weighted:
    """A model that is no module."""

    def __init__(self) -> None:
        self.weights, self.power = torch.rand(4, 2, dtype=torch.float64), 2.0

    def __call__(self, x: Tensor) -> Tensor:
        return (x @ self.weights).tanh() ** self.power


@pytest.mark.parametrize("kind", ["closure", "object", "method", "partial", "number", "target"])
def test_of_what_functions_use(kind: str):
    weighted, module, x = Weighted(), net(), data()
    weights, factor = torch.rand(4, 2, dtype=torch.float64), torch.rand(2, dtype=torch.float64)
    models: dict[str, Callable[..., Tensor]] = {
        "closure": lambda x: (x @ weights).tanh(),
        "object": weighted,
        "method": weighted.__call__,
        "partial": functools.partial(module, factor=factor),
        "number": weighted,
        "target": module,
    }

    def change() -> None:
        weighted.power += kind == "number"
        for tensor in (weights, factor, *([] if kind == "number" else [weighted.weights])):
            tensor.mul_(1.5)

    target: Any = (lambda output: (output * factor).sum(1)) if kind == "target" else 1
    check(lambda: Problem(models[kind], x, target=target), change)


def test_attributions_with_a_graph_have_one_each():
    module, x = net(), data().requires_grad_()
    problem = Problem(module, x, target=1, source="first", options=Options(create_graph=True))
    gradients = []
    with Session(problem):
        for _ in range(2):
            IntegratedGradients(n_steps=4)(problem).values[0].sum().backward()
            assert x.grad is not None
            gradients.append(x.grad.clone())
    torch.testing.assert_close(gradients[1], 2 * gradients[0])


def test_of_the_precision():
    module, x = net().float(), data().float()
    problem = Problem(module, x, target=1)
    with Session(problem):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            ShapleyValues()(problem)
        found = ShapleyValues()(problem).values[0]
    torch.testing.assert_close(found, ShapleyValues()(Problem(module, x, target=1)).values[0])


# What is told of is of one call.


def test_methods_without_gradients_say_nothing_of_gradients():
    problem = Problem(lambda x: torch.sigmoid(1e4 * x.sum(1)), torch.ones(2, 3))
    with Session(problem):
        for _ in range(2):
            with pytest.warns(UserWarning, match="levelled off"):
                Saliency()(problem)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                FeatureAblation()(problem)


def test_gradients_elsewhere_do_not_hide_that_there_are_none():
    problem = Problem(lambda x: torch.sigmoid(100 * x.sum(1)), torch.ones(2, 3))
    with Session(problem):
        IntegratedGradients()(problem)
        with pytest.warns(UserWarning, match="levelled off"):
            Saliency()(problem)


def test_every_call_tells_of_inputs_without_gradients():
    weight = torch.ones(2, requires_grad=True)
    problem = Problem(lambda x: x.detach().sum(1) * weight, torch.ones(2, 3))
    with Session(problem):
        for method in (Saliency(), InputXGradient()):
            with pytest.warns(UserWarning, match="no gradient reaches inputs"):
                method(problem)


# However sessions are opened and left.


def counted() -> tuple[Problem, list[int]]:
    rows: list[int] = []

    def model(x: Tensor) -> Tensor:
        rows.append(len(x))
        return x.square().sum(1)

    return Problem(model, data()), rows


def costs(problem: Problem, rows: list[int]) -> bool:
    before = len(rows)
    ShapleyValues()(problem)
    return len(rows) > before


def test_a_session_is_opened_twice():
    problem, rows = counted()
    session = Session(problem)
    with session:
        with session:
            assert costs(problem, rows)
        assert not costs(problem, rows)
    assert costs(problem, rows)
    assert costs(problem, rows)


def test_sessions_are_left_in_any_order():
    (one, its), (other, others) = counted(), counted()
    first, second = Session(one), Session(other)
    first.__enter__()
    second.__enter__()
    assert costs(one, its)
    assert costs(other, others)
    first.__exit__(None, None, None)
    assert costs(one, its)
    assert not costs(other, others)
    second.__exit__(None, None, None)
    second.__exit__(None, None, None)
    for problem, rows in ((one, its), (other, others)):
        assert costs(problem, rows)
        assert costs(problem, rows)


def test_a_session_is_left_where_it_was_not_opened():
    problem, rows = counted()
    session, elsewhere = Session(problem), contextvars.copy_context()
    elsewhere.run(session.__enter__)
    assert elsewhere.run(costs, problem, rows)
    assert not elsewhere.run(costs, problem, rows)
    session.__exit__(None, None, None)
    assert elsewhere.run(costs, problem, rows)
    assert elsewhere.run(costs, problem, rows)


def test_a_thread_with_a_copy_of_the_context_has_its_own():
    problem, rows = counted()
    found: list[bool] = []
    with Session(problem):
        assert costs(problem, rows)
        context = contextvars.copy_context()
        thread = threading.Thread(target=lambda: found.append(context.run(costs, problem, rows)))
        thread.start()
        thread.join()
    assert found == [True]


def test_what_a_model_draws_is_drawn_anew():
    """A model in training mode answers by chance, so nothing that it answered is said again."""
    module, x = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2)).double(), data()
    problem = Problem(module, x, target=1)
    with Session(problem), pytest.warns(UserWarning, match="in training mode"):
        one, other = (KernelShap(seed=0)(problem).values[0] for _ in range(2))
    assert not torch.allclose(one, other)
