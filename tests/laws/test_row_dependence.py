"""Models whose rows depend on each other, or that take their batch alone, are explained with the batch whole."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from laws.counting import Counted
from laws.registry import Case, cases
from pellucid import attr, methods
from pellucid.core.evaluation.row_independence import RowIndependenceCheck
from pellucid.models.linear import SkLearnLinearRegression

ROWS = 5
EDGES = torch.tensor([[0, 1, 2, 3, 4, 1], [1, 2, 3, 4, 0, 3]])
X = torch.randn(ROWS, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


class Graph(nn.Module):
    """Two hops of messages."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 6), nn.Linear(6, 2)

    def hop(self, nodes: Tensor, edges: Tensor) -> Tensor:
        return nodes + torch.zeros_like(nodes).index_add(0, edges[1], nodes[edges[0]])

    def forward(self, x: Tensor, edges: Tensor = EDGES) -> Tensor:
        return self.hop(self.b(torch.tanh(self.hop(self.a(x), edges))), edges)[:, 0]


class Attentive(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (torch.softmax(x @ x.T, -1) @ x).sum(1)


class Centred(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x - x.mean(0)).square().sum(1)


class Quantised(nn.Module):
    """Eight bits over the range of what it is given, as in dynamic quantisation."""

    def forward(self, x: Tensor) -> Tensor:
        scale = x.detach().abs().max() / 127
        return (x + ((x / scale).round() * scale - x).detach()).square().sum(1)


class LastLooksAhead(nn.Module):
    """Only one of the rows depends on another."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(1) + torch.cat([x[1:, 0] * 0, x[:1, 0]])


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make().double().eval()


MIXING = {make.__name__: make for make in (Graph, Attentive, Centred, Quantised, LastLooksAhead)}
every_model = pytest.mark.parametrize("name", MIXING)


def without(model: nn.Module, x: Tensor, feature: int) -> Tensor:
    return model(x * (torch.arange(x.shape[1]) != feature))


def by_hand(model: nn.Module, x: Tensor) -> Tensor:
    """Each feature taken away in turn, of all examples together."""
    return torch.stack([model(x) - without(model, x, feature) for feature in range(x.shape[1])], 1).detach()


@every_model
def test_ablation_is_that_of_the_batch(name: str):
    model = seeded(MIXING[name])
    for _ in range(2):
        torch.testing.assert_close(attr.FeatureAblation(model).attribute(X), by_hand(model, X))


@every_model
def test_shapley_values_add_up(name: str):
    model = seeded(MIXING[name])
    for method in (attr.ShapleyValues(model), attr.ShapleyValueSampling(model), attr.KernelShap(model)):
        found = method.attribute(X, 0.1)
        torch.testing.assert_close(found.sum(1), (model(X) - model(torch.full_like(X, 0.1))).detach())


@pytest.mark.parametrize("name", ["Graph", "Attentive", "Centred", "LastLooksAhead"])
def test_integrated_gradients_add_up_over_the_batch(name: str):
    model = seeded(MIXING[name])
    start = torch.full_like(X, 0.1)
    change = (model(X) - model(start)).sum().detach()
    for found in (
        attr.IntegratedGradients(model).attribute(X, start, n_steps=200),
        attr.IntegratedGradients(model).attribute(X, start, n_steps=200, internal_batch_size=7),
    ):
        torch.testing.assert_close(found.sum(), change, rtol=1e-4, atol=1e-4)


@every_model
def test_noise_of_no_size_leaves_the_gradient(name: str):
    model = seeded(MIXING[name])
    x = X.clone().requires_grad_()
    (expected,) = torch.autograd.grad(model(x).sum(), x)
    found = attr.NoiseTunnel(attr.Saliency(model)).attribute(X, stdevs=0.0, abs=False)
    torch.testing.assert_close(found, expected)
    problem = methods.Problem(model, X)
    found = methods.NoiseTunnel(attribution_method=methods.Saliency(), stdevs=0.0)(problem).values[0]
    torch.testing.assert_close(found.abs(), expected.abs())


def test_of_a_layer_to_the_output():
    model = seeded(Graph)
    found = attr.LayerFeatureAblation(model, "b").attribute(X)
    hidden = torch.tanh(model.hop(model.a(X), EDGES)).detach()
    outputs = model.b(hidden).detach()
    expected = torch.stack(
        [
            model.hop(outputs, EDGES)[:, 0] - model.hop(outputs * (torch.arange(2) != feature), EDGES)[:, 0]
            for feature in range(2)
        ],
        1,
    )
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", ["Attentive", "Centred"])
def test_a_batch_of_one(name: str):
    model, x = seeded(MIXING[name]), X[:1]
    torch.testing.assert_close(attr.FeatureAblation(model).attribute(x), by_hand(model, x))


def test_edges_of_other_values_are_another_model():
    model = seeded(Graph)
    alone = torch.zeros(2, 0, dtype=torch.long)
    for edges in (alone, EDGES, alone, EDGES.flip(1)):
        found = attr.FeatureAblation(model).attribute(X, additional_forward_args=(edges,))
        expected = by_hand(lambda x, edges=edges: model(x, edges), X)
        torch.testing.assert_close(found, expected)


@every_model
def test_it_is_said_beforehand(name: str):
    model = seeded(MIXING[name])
    counted = Counted(model)
    found = attr.FeatureAblation(counted).attribute(X, whole_batch=True)
    torch.testing.assert_close(found, by_hand(model, X))
    assert counted.rows == [ROWS] * 4
    counted.forget()
    attr.FeatureAblation(counted).attribute(X, whole_batch=False)
    assert counted.rows == [4 * ROWS]


class Gated(nn.Module):
    """Rows meet where something that is no argument says so."""

    def __init__(self, opened: Callable[["Gated"], Any]):
        super().__init__()
        self.opened, self.open = opened, 0
        self.gate = nn.Parameter(torch.zeros(()))
        self.gates = nn.Parameter(torch.zeros(3))
        self.register_buffer("edges", torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.opened(self) * x.mean(0)).square().sum(1)


def write(tensor: Tensor) -> None:
    with torch.no_grad():
        tensor.fill_(1)


OPENED: dict[str, tuple[Callable[[Gated], Any], Callable[[Gated], Any]]] = {
    "an attribute": (lambda net: net.open, lambda net: setattr(net, "open", 1)),
    "a parameter": (lambda net: net.gates, lambda net: write(net.gates)),
    "a number, unseen by autograd": (lambda net: net.gate, lambda net: net.gate.data.fill_(1)),
    "a buffer": (lambda net: net.edges[0], lambda net: write(net.edges)),
    "another buffer": (lambda net: net.edges[0], lambda net: setattr(net, "edges", torch.ones(2))),
    "a new state": (
        lambda net: net.gates,
        lambda net: net.load_state_dict({**net.state_dict(), "gates": torch.ones(3)}),
    ),
}


@pytest.mark.parametrize("name", OPENED)
def test_rows_that_come_to_meet_are_noticed(name: str):
    opened, change = OPENED[name]
    model = Gated(opened).double()
    attr.FeatureAblation(model).attribute(X)
    change(model)
    torch.testing.assert_close(attr.FeatureAblation(model).attribute(X), by_hand(model, X))


class Centre(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


def test_what_a_function_is_around_may_make_rows_interact():
    gates, model = torch.zeros(3, dtype=torch.float64), nn.Identity()

    def forward(x: Tensor) -> Tensor:
        return (model(x) - gates * x.mean(0)).square().sum(1)

    attr.FeatureAblation(forward).attribute(X)
    write(gates)
    torch.testing.assert_close(attr.FeatureAblation(forward).attribute(X), by_hand(forward, X))
    gates.zero_()
    attr.FeatureAblation(forward).attribute(X)
    model = Centre()
    torch.testing.assert_close(attr.FeatureAblation(forward).attribute(X), by_hand(forward, X))


NEIGHBOURS: dict[str, Callable[[Tensor], Tensor]] = {
    "the next": lambda v: v - v.roll(-1, 0) / 2,
    "the one before": lambda v: v - v.roll(1, 0) / 2,
    "the first": lambda v: v - v[:1] / 2,
    "the last": lambda v: v - v[-1:] / 2,
    "the mean": lambda v: v - v.mean(0),
    "the largest": lambda v: v - v.amax(0),
}


@pytest.mark.parametrize("length", [2, 3, 4, 5])
@pytest.mark.parametrize("name", NEIGHBOURS)
def test_a_single_example_of_ids(name: str, length: int):
    torch.manual_seed(length)
    embed, head = nn.Embedding(10, 8).double(), nn.Linear(8, 1).double()
    ids = torch.randint(2, 10, (1, length))

    def forward(ids: Tensor) -> Tensor:
        return head(torch.tanh(NEIGHBOURS[name](embed(ids).mean(1))))[:, 0]

    for method in (attr.FeatureAblation, attr.ShapleyValueSampling, attr.KernelShap, attr.Lime):
        found, right = (_seeded(method(forward).attribute, ids, whole_batch=whole) for whole in (None, True))
        torch.testing.assert_close(found, right)


def _seeded(attribute: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
    torch.manual_seed(0)
    return attribute(*args, **kwargs)


def test_a_single_example_of_zeros():
    def forward(x: Tensor) -> Tensor:
        return NEIGHBOURS["the next"](x.exp()).square().sum(1)

    x = torch.zeros(1, 4, dtype=torch.float64)
    found, right = (attr.FeatureAblation(forward).attribute(x, 1.0, whole_batch=whole) for whole in (None, True))
    torch.testing.assert_close(found, right)


@pytest.mark.parametrize("samples", [3, 4, 5, 6, 7])
@pytest.mark.parametrize("examples", [1, 2, 3, 4, 5])
def test_rows_that_go_by_whether_their_place_is_even(examples: int, samples: int):
    def forward(x: Tensor) -> Tensor:
        return torch.tanh(x * (1 - 2 * (torch.arange(len(x)) % 2))[:, None]).cumsum(1)[:, -1].exp()

    attribute = attr.ShapleyValueSampling(forward).attribute
    found, right = (_seeded(attribute, X[:examples], n_samples=samples, whole_batch=whole) for whole in (None, True))
    torch.testing.assert_close(found, right)


def test_it_is_logged_once_for_each_model(caplog: pytest.LogCaptureFixture):
    model = seeded(Graph)
    with caplog.at_level(logging.INFO, "pellucid"):
        for _ in range(2):
            attr.FeatureAblation(model).attribute(X)
            attr.IntegratedGradients(model).attribute(X)
            attr.NoiseTunnel(attr.Saliency(model)).attribute(X)
    (record,) = caplog.records
    assert (record.levelno, "rows of Graph" in record.getMessage()) == (logging.INFO, True)
    assert "Hint: whole_batch=True" in record.getMessage()


def test_methods_that_forward_the_batch_alone_do_not_look():
    counted = Counted(seeded(Graph))
    for method in (attr.Saliency, attr.InputXGradient, attr.DeepLift, attr.LRP, attr.GuidedBackprop):
        counted.forget()
        method(counted).attribute(X)
        assert set(counted.rows) == {ROWS}


def test_a_model_that_draws_is_not_looked_at_and_its_numbers_stay():
    counted = Counted(lambda x: x.sum(1) + torch.rand(len(x), dtype=x.dtype))
    torch.manual_seed(0)
    attr.FeatureAblation(counted).attribute(X)
    assert counted.rows == [4 * ROWS]
    model = seeded(Centred)
    torch.manual_seed(0)
    attr.FeatureAblation(model).attribute(X)
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))


def test_numbers_that_grow_out_of_a_table_are_tried_as_they_are():
    table = torch.arange(4.0, dtype=torch.float64)
    counted = Counted(lambda x: table[x.long()].sum(1))
    attr.FeatureAblation(counted).attribute(torch.tensor([[3.0, 1.0], [2.0, 3.0]], dtype=torch.float64))
    assert counted.rows[0] == 6
    assert len(counted.rows) == 3  # larger decoys fail, others do not
    counted.forget()
    attr.FeatureAblation(counted).attribute(torch.tensor([[3.0, 1.0], [2.0, 3.0]], dtype=torch.float64))
    assert counted.rows == [6]


@cases(lambda case: case.method.calls[1] > 1, quick=1)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_no_false_alarm(case: Case, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch):
    told: list[bool] = []
    monkeypatch.setattr(RowIndependenceCheck, "conclude", lambda self, apart: told.append(apart))
    case(case.specimen.model(dtype), case.specimen.inputs(5, dtype), **case.seed())
    assert all(told)


# Forwards that are tied to their batch.


def closed_over(labels: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda x: (x.sum(1) - labels).square()


class OfState(nn.Module):
    """Begins with hidden states that are kept."""

    def __init__(self):
        super().__init__()
        self.cells, self.states = nn.GRU(3, 4, batch_first=True), torch.zeros(1, ROWS, 4, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return self.cells(x[:, None], self.states)[0][:, -1, 0]


def one_alone(x: Tensor) -> Tensor:
    assert x.shape[0] == 1, "one document"
    return x.square().sum(1)


TIED: dict[str, tuple[Callable[[], Any], Tensor]] = {
    "labels": (lambda: closed_over(torch.arange(5.0, dtype=torch.float64)), X),
    "states": (lambda: seeded(OfState), X),
    "assertion": (lambda: one_alone, X[:1]),
    "squeezed": (lambda: lambda x: x.view(1, 3).squeeze(0).square().sum().reshape(1), X[:1]),
}
PERTURBING = {
    "FeatureAblation": attr.FeatureAblation,
    "ShapleyValueSampling": attr.ShapleyValueSampling,
    "ShapleyValues": attr.ShapleyValues,
    "KernelShap": attr.KernelShap,
    "Lime": attr.Lime,
    "IntegratedGradients": attr.IntegratedGradients,
}


@pytest.mark.parametrize("method", PERTURBING)
@pytest.mark.parametrize("name", TIED)
def test_a_forward_tied_to_its_batch_gets_the_batch(name: str, method: str):
    make, x = TIED[name]
    expected = PERTURBING[method](make()).attribute(x, whole_batch=True, **seed_of(method))
    model = make()
    for _ in range(2):
        found = PERTURBING[method](model).attribute(x, **seed_of(method))
        torch.testing.assert_close(found, expected)


def seed_of(method: str) -> dict[str, int]:
    return {} if method in ("FeatureAblation", "ShapleyValues", "IntegratedGradients") else {"seed": 3}


@pytest.mark.parametrize("name", ["labels", "states"])
def test_noise_and_distributions_of_a_forward_tied_to_its_batch(name: str):
    make, x = TIED[name]
    assert attr.NoiseTunnel(attr.IntegratedGradients(make())).attribute(x, nt_samples=2).shape == x.shape
    assert attr.GradientShap(make()).attribute(x, X[:2]).shape == x.shape
    torch.testing.assert_close(
        attr.DeepLiftShap(make()).attribute(x, X[:2]),
        torch.stack([attr.DeepLift(make()).attribute(x, start[None]) for start in X[:2]]).mean(0),
    )


def test_once_known_the_batch_is_given_at_once():
    counted = Counted(closed_over(torch.arange(5.0, dtype=torch.float64)))
    attr.FeatureAblation(counted).attribute(X)
    counted.forget()
    attr.FeatureAblation(counted).attribute(X)
    assert counted.rows == [ROWS] * 4


def test_futures_tied_to_their_batch():
    labels = torch.arange(5.0, dtype=torch.float64)

    def later(x: Tensor) -> torch.futures.Future:
        future: torch.futures.Future = torch.futures.Future()
        try:
            future.set_result(closed_over(labels)(x))
        except RuntimeError as error:
            future.set_exception(error)
        return future

    found = attr.FeatureAblation(later).attribute_future(X).wait()
    torch.testing.assert_close(found, by_hand(closed_over(labels), X))


def test_futures_of_rows_that_meet():
    model = seeded(Graph)

    def later(x: Tensor) -> torch.futures.Future:
        future: torch.futures.Future = torch.futures.Future()
        future.set_result(model(x))
        return future

    torch.testing.assert_close(attr.FeatureAblation(later).attribute_future(X).wait(), by_hand(model, X))


def test_an_error_names_the_shape_that_was_given():
    def model(x: Tensor) -> Tensor:
        if (x == 0).all(1).any():
            raise ValueError("zeros")
        return x.sum(1)

    with pytest.raises(ValueError, match="zeros") as raised:
        attr.Occlusion(model).attribute(X, sliding_window_shapes=(3,), perturbations_per_eval=2)
    assert "on inputs (5, 3) float64" in raised.value.__notes__[0]  # the batch, which was tried in the end
    with pytest.raises(ValueError, match="zeros") as raised:
        attr.IntegratedGradients(model).attribute(X, n_steps=1, method="riemann_left")
    assert "on inputs (5, 3) float64" in raised.value.__notes__[0]


def test_perturbations_of_several_sizes_go_shape_by_shape():
    sizes = iter([4, 5, 5, 3, 5, 5, 5, 4, 2, 2])

    def perturb(x: Tensor, **_: Any) -> Tensor:
        return torch.ones(1, next(sizes), dtype=x.dtype)

    seen: list[tuple[int, ...]] = []

    def model(x: Tensor) -> Tensor:
        seen.append(tuple(x.shape))
        return x.sum(1)

    lime = attr.LimeBase(
        model, SkLearnLinearRegression(), lambda *_, **__: 1.0, perturb, False,
        None, lambda sample, original, **_: torch.tensor([[float(sample.shape[1])]]),
    )  # fmt: skip
    lime.attribute(torch.ones(1, 5, dtype=torch.float64), n_samples=10)
    shapes = [shape for shape in seen if shape[0] > 0]
    assert {shape[1] for shape in shapes} == {2, 3, 4, 5}
