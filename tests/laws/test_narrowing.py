"""Sampling that goes on until its intervals are narrow enough, and says what it took."""

import pytest
import torch
from torch import Tensor, nn

from laws.counting import Counted
from laws.test_stderr_of_games import PLAYERS, game, shapley_values
from pellucid import attr
from pellucid.core.budget import CHUNK_BYTES
from pellucid.errors import InvalidArgument, PellucidWarning
from pellucid.methods import Pathway, ShapleyValues, ShapleyValueSampling

ORDERS = pytest.mark.parametrize("orders", ["random", "antithetic", "stratified"])


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2)).double().eval()


def inputs() -> Tensor:
    """Examples that need different numbers of orders."""
    torch.manual_seed(1)
    return torch.randn(5, 6).double() * torch.tensor([[0.0], [0.1], [1.0], [3.0], [9.0]]).double()


def until(tolerance: float, **settings) -> ShapleyValueSampling:
    return ShapleyValueSampling(samples="auto", tolerance=tolerance, **{"seed": 0} | settings)


@ORDERS
def test_what_is_said_to_be_reached_is(orders: str):
    path = Pathway.of(network(), inputs(), target=1)
    found = until(0.02, orders=orders)(path)
    assert found.reached.all()
    assert 1.96 * found.stderr[0].max() <= 0.02
    exact = ShapleyValues()(path).values[0]
    assert (found.values[0] - exact).abs().max() <= 2 * 0.02
    torch.testing.assert_close(found.values[0].sum(1), exact.sum(1))


@pytest.mark.large
def test_intervals_hold_the_answer_as_often_when_stopped():
    path = Pathway.of(game, torch.ones(1, PLAYERS).double())
    inside = []
    for seed in range(2000):
        found = until(0.1, seed=seed)(path)
        inside.append((found.values[0][0] - shapley_values()).abs() <= 1.96 * found.stderr[0][0])
    assert 0.93 <= torch.stack(inside).double().mean() <= 0.97


def test_only_the_unfinished_go_on():
    model = Counted(network())
    found = until(0.02)(Pathway.of(model, inputs(), target=1))
    assert found.evaluations[0] == found.evaluations[1] < found.evaluations[-1]
    all_go_on = Counted(network())
    until(0.02)(Pathway.of(all_go_on, inputs()[[4] * 5], target=1))
    assert sum(model.rows) < 0.7 * sum(all_go_on.rows)


@ORDERS
@pytest.mark.parametrize("rows", [[4], [0, 3], [3, 3, 1, 0, 4]])
def test_batch_mates_and_chunks_make_no_difference(orders: str, rows: list[int], monkeypatch: pytest.MonkeyPatch):
    whole = until(0.05, orders=orders)(Pathway.of(network(), inputs(), target=1))
    monkeypatch.setitem(CHUNK_BYTES, "cpu", 2**12)
    part = until(0.05, orders=orders)(Pathway.of(network(), inputs()[rows], target=1))
    torch.testing.assert_close(part.values[0], whole.values[0][rows])
    assert torch.equal(part.evaluations, whole.evaluations[rows])


def test_a_tolerance_may_be_a_share_of_the_largest_attribution():
    found = until(0.05, relative=True)(Pathway.of(network(), inputs()[1:], target=1))
    assert (1.96 * found.stderr[0].amax(1) <= 0.05 * found.values[0].abs().amax(1)).all()


def test_it_gives_up_and_says_so():
    with pytest.warns(PellucidWarning, match=r"tolerance is not reached in 64 orders for examples \[.*4\]"):
        found = until(1e-6, most_samples=64)(Pathway.of(network(), inputs(), target=1))
    assert found.reached.tolist() == [True, False, False, False, False]
    assert found.evaluations.tolist() == [32, 64, 64, 64, 64]


def test_several_outputs_and_one_for_the_batch():
    model = network()
    each = until(0.05)(Pathway.of(model, inputs()))
    assert each.values[0].shape == each.stderr[0].shape == (5, 2, 6)
    together = until(0.2)(Pathway.of(lambda x: model(x).sum(), inputs()))
    assert together.values[0].shape == (1, 6)
    assert together.evaluations.unique().numel() == 1


def test_where_nobody_plays_there_is_nothing_to_find_out():
    x = inputs()
    with pytest.warns(PellucidWarning, match="baselines are equal to the inputs"):
        found = until(0.01)(Pathway.of(network(), x, target=0), x)
    assert not found.values[0].any()
    assert found.reached.all()


def test_from_a_layer_and_under_captum_s_name():
    model, x = network(), inputs()
    path = Pathway.of(model, x, target=0, source="1")
    found = until(0.05)(path)
    assert found.reached.all()
    assert found.values[0].shape == (5, 16)
    values, errors = attr.ShapleyValueSampling(model).attribute(
        x, target=1, n_samples="auto", tolerance=0.02, seed=0, return_stderr=True
    )
    direct = until(0.02)(Pathway.of(model, x, target=1))
    assert torch.equal(values, direct.values[0])
    assert torch.equal(errors, direct.stderr[0])


@pytest.mark.parametrize(
    "wrong", [{"tolerance": 0.0}, {"tolerance": float("nan")}, {"tolerance": 1, "orders": "sorted"}]
)
def test_bad_settings(wrong: dict):
    with pytest.raises(InvalidArgument, match=r"tolerance must be above zero|orders must be one of"):
        until(**wrong)(Pathway.of(network(), inputs(), target=0))
