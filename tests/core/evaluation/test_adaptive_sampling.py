"""Sampling that goes on until its intervals are narrow enough, and says what it took."""

import functools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from laws.counting import Counted
from methods.shapley.unanimity import PLAYERS, game, shapley_values
from pellucid import attr, methods
from pellucid.core.batching import BLOCK_BYTES
from pellucid.errors import InvalidArgument, PellucidWarning
from pellucid.methods import Options, Problem, ShapleyValues, ShapleyValueSampling

pytestmark = pytest.mark.usefixtures("without_row_checks")

ORDERS = pytest.mark.parametrize("orders", ["random", "antithetic", "stratified"])


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2)).double().eval()


def inputs() -> Tensor:
    """Examples that need different numbers of orders."""
    torch.manual_seed(1)
    return torch.randn(5, 6).double() * torch.tensor([[0.0], [0.1], [1.0], [3.0], [9.0]]).double()


EVERY = {
    "ShapleyValueSampling": methods.ShapleyValueSampling,
    "OwenValueSampling": functools.partial(methods.OwenValueSampling, groups=torch.tensor([[0, 0, 1, 1, 2, 2]])),
    "BanzhafValueSampling": methods.BanzhafValueSampling,
    "KernelShap": functools.partial(methods.KernelShap, max_samples=2**20),
    "KernelShap-captum": functools.partial(methods.KernelShap, sampling="captum"),
    "Lime": methods.Lime,
    "GradientShap": methods.GradientShap,
    "NoiseTunnel": functools.partial(methods.NoiseTunnel, attribution_method=methods.Saliency()),
    "NoiseTunnel-squares": functools.partial(
        methods.NoiseTunnel, attribution_method=methods.InputXGradient(), nt_type="smoothgrad_sq", stdevs=0.1
    ),
    "NoiseTunnel-variances": functools.partial(
        methods.NoiseTunnel, attribution_method=methods.Saliency(), nt_type="vargrad"
    ),
}
every_method = pytest.mark.parametrize("name", EVERY)


def call(
    name: str, model: Any, x: Tensor, tolerance: float, options: Options | None = None, **settings: Any
) -> methods.Attributions:
    samples = "nt_samples" if name.startswith("NoiseTunnel") else "n_samples"
    method = EVERY[name](tolerance=tolerance, **{samples: "auto", "seed": 0} | settings)
    problem = Problem(model, x, target=1, options=options or Options())
    return method(problem, baselines=torch.zeros(3, 6).double()) if name == "GradientShap" else method(problem)


class TestEverySampledMethod:
    @every_method
    def test_goes_on_until_its_intervals_are_narrow(self, name: str):
        found = call(name, network(), inputs(), 0.05)
        assert found.converged.all()
        assert 1.96 * found.stderr[0].max() <= 0.05

    @every_method
    def test_finds_what_more_samples_find(self, name: str):
        found, better = (call(name, network(), inputs(), tolerance) for tolerance in (0.1, 0.02))
        assert (found.values[0] - better.values[0]).abs().max() <= 2 * 0.1
        assert (found.n_evaluations <= better.n_evaluations).all()

    @every_method
    def test_stops_for_those_who_are_done(self, name: str):
        x = inputs() if name != "KernelShap" else many()
        model = many_features() if name == "KernelShap" else network()
        found = call(name, model, x, {"NoiseTunnel-variances": 3e-4}.get(name, 0.003 if "Noise" in name else 0.03))
        assert found.n_evaluations.unique().numel() > 1
        assert found.converged.all()

    @every_method
    @pytest.mark.parametrize("rows", [[4], [0, 3], [3, 2, 1, 0, 4]])
    def test_batch_mates_and_blocks_make_no_difference(
        self, name: str, rows: list[int], monkeypatch: pytest.MonkeyPatch
    ):
        seeds = name.startswith(("GradientShap", "NoiseTunnel"))  # streams by position, else by these
        whole = call(name, network(), inputs(), 0.1, **({"seed": [3, 4, 5, 6, 7]} if seeds else {}))
        monkeypatch.setitem(BLOCK_BYTES, "cpu", 2**12)
        seed = {"seed": [3 + row for row in rows]} if seeds else {}
        part = call(name, network(), inputs()[rows], 0.1, **seed)
        torch.testing.assert_close(part.values[0], whole.values[0][rows])
        assert torch.equal(part.n_evaluations, whole.n_evaluations[rows])

    @every_method
    def test_gives_up_and_says_so(self, name: str):
        x = inputs() if name != "KernelShap" else many()
        model = many_features() if name == "KernelShap" else network()
        with pytest.warns(
            PellucidWarning, match=r"tolerance is not reached in \d+ samples for examples \[.*4\]: .* Hint: "
        ):
            found = call(name, model, x, 1e-9, max_samples=130)
        assert not found.converged[-1]
        assert found.n_evaluations.max() <= 130

    @every_method
    def test_draws_from_global_generators_without_a_seed(self, name: str):
        torch.manual_seed(0)
        np.random.seed(0)
        one = call(name, network(), inputs(), 0.1, seed=None)
        other = call(name, network(), inputs(), 0.1, seed=None)
        assert one.converged.all()
        assert other.converged.all()
        assert (one.values[0] - other.values[0]).abs().max() <= 2 * 0.1


def together(x: Tensor) -> Tensor:
    """One value for the batch."""
    return (x[:, 0] * x[:, 1] + x[:, 2].sin()).sum()


@pytest.mark.parametrize("name", ["BanzhafValueSampling", "KernelShap-captum", "Lime", "ShapleyValueSampling"])
def test_of_one_value_for_the_batch(name: str):
    x = torch.rand(3, 4, generator=torch.Generator().manual_seed(0)).double()
    found = EVERY[name](n_samples="auto", tolerance=0.02, seed=0)(Problem(together, x))
    assert found.values[0].shape == (1, 4)
    assert found.converged.all()
    assert found.n_evaluations.unique().numel() == 1


@pytest.mark.parametrize("sampling", ["auto", "captum"])
def test_kernel_shap_of_nobody(sampling: str):
    x = inputs()
    with pytest.warns(PellucidWarning, match="baselines are equal to the inputs"):
        found = methods.KernelShap(n_samples="auto", sampling=sampling)(Problem(network(), x, target=0), x)
    assert not found.values[0].any()
    assert found.converged.all()


@pytest.mark.parametrize("name", ["ShapleyValueSampling", "KernelShap", "GradientShap"])
def test_what_is_no_number_is_not_sampled_any_further(name: str):
    x = inputs()
    x[1, 0] = torch.nan
    with pytest.warns(PellucidWarning, match="attributions contain NaN"):
        found = call(name, network(), x, 0.05)
    assert found.converged.tolist() == [True, False, True, True, True]
    assert found.n_evaluations[1] == found.n_evaluations.min()
    assert found.stderr[0][1].isnan().any()


def in_whole_batches(x: Tensor) -> Problem:
    """Quadratic in inputs that are drawn wide and narrow, in forwards that hold the whole batch."""
    weight = torch.randn(6, 6, generator=torch.Generator().manual_seed(0)).double()
    return Problem(lambda x: torch.relu(x @ weight).sum(1) ** 2, x, options=Options(whole_batch=True))


@every_method
def test_a_whole_batch_goes_on_while_any_example_is_too_wide(name: str):
    found = call(name, network(), inputs()[[0, 1, 3]], 0.1, options=Options(whole_batch=True))
    assert found.converged.all()
    assert 1.96 * found.stderr[0].max() <= 0.1
    assert found.n_evaluations.unique().numel() == 1


def test_a_whole_batch_gives_up_for_those_who_are_too_wide():
    with pytest.warns(PellucidWarning, match=r"tolerance is not reached in 64 samples for examples \[1, 2\]: "):
        found = until(1e-3, max_samples=64)(in_whole_batches(inputs()[[0, 3, 4]]))
    assert found.converged.tolist() == [True, False, False]
    assert found.n_evaluations.tolist() == [64, 64, 64]


def test_a_whole_batch_does_not_wait_for_what_is_no_number_nor_stop_at_it():
    x = inputs()[[0, 3, 4]] / 9
    x[1, 0] = torch.nan
    with pytest.warns(PellucidWarning, match="attributions contain NaN"):
        found = until(0.3)(in_whole_batches(x))
    assert found.converged.tolist() == [True, False, True]
    assert 1.96 * found.stderr[0][2].max() <= 0.3


def test_an_interval_that_is_no_number_is_not_narrow():
    """Squares of such outputs overflow, so that nothing is known of the errors."""
    x = torch.randn(2, 6, generator=torch.Generator().manual_seed(0))
    found = until(0.1)(Problem(lambda x: x.sum(1) ** 2 * x[:, 0] * 1e28, x))
    assert found.values[0].isfinite().all()
    assert found.stderr[0].isnan().any()
    assert not found.converged.any()


def test_anything_is_within_an_infinite_tolerance():
    problem = Problem(lambda x: 0 * x.sum(1), inputs())
    found = ShapleyValueSampling(n_samples="auto", tolerance=float("inf"), relative=True)(problem)
    assert found.converged.all()
    assert (found.n_evaluations == 32).all()


@pytest.mark.parametrize(
    ("method", "least"),
    [
        (methods.KernelShap(n_samples="auto", max_samples=3), 14),
        (methods.BanzhafValueSampling(n_samples="auto", max_samples=3), 4),
        (methods.ShapleyValueSampling(n_samples="auto", permutations="stratified", max_samples=11), 12),
    ],
)
def test_a_bound_below_what_can_be_told_anything_of_is_refused(method: Any, least: int):
    with pytest.raises(InvalidArgument, match=f"max_samples must be an integer of at least {least}"):
        method(Problem(network(), inputs(), target=0))


def test_a_layer_whose_tensors_have_the_examples_elsewhere():
    torch.manual_seed(0)

    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(3, 4, batch_first=True)

        def forward(self, x):
            return self.lstm(x)[0].sum((1, 2))

    found = attr.LayerGradientShap(Reads().double(), "lstm").attribute(
        torch.randn(2, 5, 3).double(), torch.zeros(2, 5, 3).double(), n_samples="auto", seed=0
    )
    assert found[0].shape == (2, 5, 4)


def test_memory_does_not_grow_with_the_samples():
    held = []
    x = torch.randn(1, 3, generator=torch.Generator().manual_seed(0))

    def model(x: Tensor) -> Tensor:
        held.append(len(x))
        return (x * 9).sin().sum(1)

    with pytest.warns(PellucidWarning, match="tolerance is not reached in 4096 samples"):
        attr.GradientShap(model).attribute(
            x, torch.zeros(2, 3), n_samples="auto", tolerance=1e-9, max_samples=4096, seed=0
        )
    assert max(held) <= 256
    assert sum(held) == 4096


@pytest.mark.parametrize("name", ["ShapleyValueSampling", "KernelShap", "Lime", "FeaturePermutation"])
def test_noise_around_methods_whose_examples_share_draws(name: str):
    tunnel = attr.NoiseTunnel(getattr(attr, name)(network()))
    one, other = (tunnel.attribute(inputs(), target=1, nt_samples=4, seed=3) for _ in range(2))
    assert torch.equal(one, other)


def test_seeds_of_each_example_where_the_last_is_done_first():
    def model(x: Tensor) -> Tensor:
        return (x[:, 0] ** 2 * x[:, 1]).sin() * x[:, 2]

    x = torch.tensor([[1.0, 2, 3], [1, 2, 30], [0.001, 0.001, 0.001]])
    with pytest.warns(PellucidWarning, match="tolerance is not reached"):
        found = attr.NoiseTunnel(attr.GradientShap(model)).attribute(
            x,
            baselines=torch.zeros(2, 3),
            nt_samples="auto",
            seed=[1, 2, 3],
            tolerance=0.1,
            max_samples=200,
            stdevs=0.01,
        )
    assert found.shape == (3, 3)


def many_features() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(14, 8), nn.Tanh(), nn.Linear(8, 2)).double().eval()


def many() -> Tensor:
    """Examples of more features than have all their coalitions evaluated at once."""
    torch.manual_seed(1)
    return torch.randn(5, 14).double() * torch.tensor([[0.0], [0.1], [1.0], [3.0], [9.0]]).double()


def test_deltas_need_a_number_of_samples():
    model, x = network(), inputs()
    arguments: dict[str, Any] = {"target": 1, "return_convergence_delta": True}
    tunnel = attr.NoiseTunnel(attr.IntegratedGradients(model))
    with pytest.raises(InvalidArgument, match='return_convergence_delta must be False for n_samples="auto"'):
        attr.GradientShap(model).attribute(x, torch.zeros(2, 6).double(), n_samples="auto", **arguments)
    with pytest.raises(InvalidArgument, match='return_convergence_delta must be False for nt_samples="auto"'):
        tunnel.attribute(x, nt_samples="auto", **arguments)


def test_a_model_of_one_s_own_cannot_be_refined():
    problem = Problem(network(), inputs(), target=1)
    with pytest.raises(InvalidArgument, match=r'^Lime: n_samples="auto" needs'):
        methods.Lime(n_samples="auto", similarity_func=lambda *_, **__: 1.0)(problem)


def until(tolerance: float, **settings) -> ShapleyValueSampling:
    return ShapleyValueSampling(n_samples="auto", tolerance=tolerance, **{"seed": 0} | settings)


@ORDERS
def test_what_is_said_to_be_reached_is(orders: str):
    problem = Problem(network(), inputs(), target=1)
    found = until(0.02, permutations=orders)(problem)
    assert found.converged.all()
    assert 1.96 * found.stderr[0].max() <= 0.02
    exact = ShapleyValues()(problem).values[0]
    assert (found.values[0] - exact).abs().max() <= 2 * 0.02
    torch.testing.assert_close(found.values[0].sum(1), exact.sum(1))


@pytest.mark.large
def test_intervals_hold_the_answer_as_often_when_stopped():
    problem = Problem(game, torch.ones(1, PLAYERS).double())
    inside = []
    for seed in range(2000):
        found = until(0.1, seed=seed)(problem)
        inside.append((found.values[0][0] - shapley_values()).abs() <= 1.96 * found.stderr[0][0])
    assert 0.93 <= torch.stack(inside).double().mean() <= 0.97


def test_only_the_unfinished_go_on():
    model = Counted(network())
    found = until(0.02)(Problem(model, inputs(), target=1))
    assert found.n_evaluations[0] == found.n_evaluations[1] < found.n_evaluations[-1]
    all_go_on = Counted(network())
    until(0.02)(Problem(all_go_on, inputs()[[4] * 5], target=1))
    assert sum(model.rows) < 0.7 * sum(all_go_on.rows)


@ORDERS
@pytest.mark.parametrize("rows", [[4], [0, 3], [3, 3, 1, 0, 4]])
def test_batch_mates_and_blocks_make_no_difference(orders: str, rows: list[int], monkeypatch: pytest.MonkeyPatch):
    whole = until(0.05, permutations=orders)(Problem(network(), inputs(), target=1))
    monkeypatch.setitem(BLOCK_BYTES, "cpu", 2**12)
    part = until(0.05, permutations=orders)(Problem(network(), inputs()[rows], target=1))
    torch.testing.assert_close(part.values[0], whole.values[0][rows])
    assert torch.equal(part.n_evaluations, whole.n_evaluations[rows])


def test_a_tolerance_may_be_a_share_of_the_largest_attribution():
    found = until(0.05, relative=True)(Problem(network(), inputs()[1:], target=1))
    assert (1.96 * found.stderr[0].amax(1) <= 0.05 * found.values[0].abs().amax(1)).all()


def test_it_gives_up_and_says_so():
    with pytest.warns(PellucidWarning, match=r"tolerance is not reached in 64 samples for examples \[.*4\]"):
        found = until(1e-6, max_samples=64)(Problem(network(), inputs(), target=1))
    assert found.converged.tolist() == [True, False, False, False, False]
    assert found.n_evaluations.tolist() == [32, 64, 64, 64, 64]


def test_several_outputs_and_one_for_the_batch():
    model = network()
    each = until(0.05)(Problem(model, inputs()))
    assert each.values[0].shape == each.stderr[0].shape == (5, 2, 6)
    together = until(0.2)(Problem(lambda x: model(x).sum(), inputs()))
    assert together.values[0].shape == (1, 6)
    assert together.n_evaluations.unique().numel() == 1


def test_where_nobody_plays_there_is_nothing_to_find_out():
    x = inputs()
    with pytest.warns(PellucidWarning, match="baselines are equal to the inputs"):
        found = until(0.01)(Problem(network(), x, target=0), x)
    assert not found.values[0].any()
    assert found.converged.all()


def test_from_a_layer_and_under_captum_s_name():
    model, x = network(), inputs()
    problem = Problem(model, x, target=0, source="1")
    found = until(0.05)(problem)
    assert found.converged.all()
    assert found.values[0].shape == (5, 16)
    values, errors = attr.ShapleyValueSampling(model).attribute(
        x, target=1, n_samples="auto", tolerance=0.02, seed=0, return_stderr=True
    )
    direct = until(0.02)(Problem(model, x, target=1))
    assert torch.equal(values, direct.values[0])
    assert torch.equal(errors, direct.stderr[0])


@pytest.mark.parametrize(
    "wrong", [{"tolerance": 0.0}, {"tolerance": float("nan")}, {"tolerance": 1, "permutations": "sorted"}]
)
def test_bad_settings(wrong: dict):
    with pytest.raises(InvalidArgument, match=r"tolerance must be above zero|permutations must be one of"):
        until(**wrong)(Problem(network(), inputs(), target=0))
