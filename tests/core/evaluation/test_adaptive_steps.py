"""Integrated gradients that take as many steps as an example needs add up as they say."""

import pytest
import torch
from torch import Tensor, nn

from laws.counting import Counted
from pellucid import attr
from pellucid.core.evaluation.model_function import function_of
from pellucid.core.problem.points import Points
from pellucid.errors import InvalidArgument, PellucidWarning
from pellucid.methods import IntegratedGradients, Neuron, Problem
from zoo.specimens import SPECIMENS

pytestmark = pytest.mark.usefixtures("without_row_checks")

PLACES = {"inputs": {"target": 1}, "layer": {"target": 1, "source": "0"}, "neuron": {"target": Neuron("2", 3)}}


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    layers = nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)
    return nn.Sequential(*layers).double().eval()


def spread_inputs(seed: int = 0) -> Tensor:
    """Examples at very different distances from zero, so that they need different numbers of steps."""
    torch.manual_seed(seed + 1)
    return torch.randn(6, 5).double() * torch.tensor([[0.0], [0.1], [0.5], [1.0], [3.0], [9.0]]).double()


def gaps(problem: Problem, values: Tensor, x0: Tensor) -> Tensor:
    """How far the attributions are from the change of the output, with the model run by hand."""
    f = function_of(problem)
    change = f(f.points) - f(Points((x0,), f.examples))
    return values.flatten(1).sum(1) - change


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-4])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_said_to_be_reached_is(place: str, tolerance: float, seed: int):
    problem = Problem(network(seed), spread_inputs(seed), **PLACES[place])
    f = function_of(problem)
    start = f.to_source(f.baselines(None))[0]
    found = IntegratedGradients(n_steps="auto", tolerance=tolerance)(problem)
    assert found.converged.all()
    assert gaps(problem, found.values[0], start).abs().max() <= tolerance * (1 + 1e-9)


def test_a_tolerance_may_be_a_share_of_the_change():
    problem = Problem(network(), spread_inputs()[1:], target=1)
    found = IntegratedGradients(n_steps="auto", tolerance=1e-3, relative=True)(problem)
    f, zeros = function_of(problem), torch.zeros_like(problem.inputs[0])
    change = f(f.points) - f(Points((zeros,), f.examples))
    assert (gaps(problem, found.values[0], zeros).abs() <= 1e-3 * change.abs() * (1 + 1e-9)).all()


def test_who_needs_more_steps_gets_them_and_nobody_else():
    model = Counted(network())
    found = IntegratedGradients(n_steps="auto", tolerance=1e-3)(Problem(model, spread_inputs(), target=1))
    assert found.n_evaluations[0] == 5  # the baseline itself
    assert found.n_evaluations[-1] > found.n_evaluations[1]
    assert sum(model.rows) == found.n_evaluations.sum() + 2 * 6


@pytest.mark.parametrize("rows", [[0, 1, 2], [5], [3, 5, 1, 1]])
def test_batch_mates_make_no_difference(rows: list[int]):
    x, method = spread_inputs(), IntegratedGradients(n_steps="auto", tolerance=1e-3)
    whole, part = (method(Problem(network(), each, target=1)) for each in (x, x[rows]))
    torch.testing.assert_close(part.values[0], whole.values[0][rows])
    assert torch.equal(part.n_evaluations, whole.n_evaluations[rows])


def test_it_is_the_trapezoid_rule_of_as_many_steps():
    x = spread_inputs()[-1:]
    found = IntegratedGradients(n_steps="auto", tolerance=1e-2)(Problem(network(), x, target=1))
    steps = int(found.n_evaluations) - 1
    nodes = torch.linspace(0, 1, steps + 1).double()[:, None].requires_grad_()
    points = (nodes * x).detach().requires_grad_()
    (grads,) = torch.autograd.grad(network()(points)[:, 1].sum(), points)
    by_hand = torch.trapezoid(grads, nodes.detach().flatten(), dim=0) * x
    torch.testing.assert_close(found.values[0], by_hand)


def test_it_gives_up_and_says_so():
    problem = Problem(network(), spread_inputs(), target=1)
    with pytest.warns(PellucidWarning, match=r"tolerance is not reached in 16 steps for examples \[.*5\]: .* Hint: "):
        found = IntegratedGradients(n_steps="auto", tolerance=1e-9, max_steps=16)(problem)
    assert not found.converged[-1]
    assert found.n_evaluations.max() == 17


def test_what_is_no_number_is_not_refined_any_further():
    x = spread_inputs()
    x[1, 0] = torch.nan
    with pytest.warns(PellucidWarning, match="attributions contain NaN"):
        found = IntegratedGradients(n_steps="auto", tolerance=1e-3)(Problem(network(), x, target=1))
    assert found.converged.tolist() == [True, False, True, True, True, True]
    assert found.n_evaluations[1] == 5


@pytest.mark.parametrize("make", ["IntegratedGradients", "LayerIntegratedGradients", "NeuronIntegratedGradients"])
def test_under_captum_s_names(make: str):
    model, x = network(), spread_inputs()
    inside = {"IntegratedGradients": (), "LayerIntegratedGradients": ("0",), "NeuronIntegratedGradients": ("2",)}[make]
    chosen = {"neuron_selector": 3} if "Neuron" in make else {"target": 1}
    found = getattr(attr, make)(model, *inside).attribute(x, n_steps="auto", tolerance=1e-4, **chosen)
    many = getattr(attr, make)(model, *inside).attribute(x, n_steps=3000, method="riemann_middle", **chosen)
    torch.testing.assert_close(found, many, rtol=0, atol=3e-3)


@pytest.mark.parametrize("tolerance", [0.0, -1.0, float("nan")])
def test_a_tolerance_must_be_above_zero(tolerance: float):
    with pytest.raises(InvalidArgument, match="tolerance must be above zero"):
        attr.IntegratedGradients(network()).attribute(spread_inputs(), target=0, n_steps="auto", tolerance=tolerance)


@pytest.mark.parametrize(
    "quadrature", ["riemann_left", "riemann_middle", "riemann_right", "captum_trapezoid", "simpson"]
)
def test_a_quadrature_that_is_not_refined_is_refused(quadrature: str):
    for make, given in ((attr.IntegratedGradients, {}), (attr.LayerIntegratedGradients, {"layer": "0"})):
        with pytest.raises(InvalidArgument, match=f'method must be "riemann_trapezoid".*"auto": got .{quadrature}'):
            make(network(), *given.values()).attribute(spread_inputs(), target=1, n_steps="auto", method=quadrature)


@pytest.mark.parametrize("quadrature", ["gausslegendre", "riemann_trapezoid"])
def test_the_quadrature_is_the_trapezoid_rule_by_name_or_by_default(quadrature: str):
    problem = Problem(network(), spread_inputs(), target=1)
    found, expected = (
        IntegratedGradients(n_steps="auto", **given)(problem).values for given in ({"method": quadrature}, {})
    )
    assert torch.equal(found[0], expected[0])


def test_one_value_for_the_batch_is_refused():
    model = network()
    with pytest.raises(InvalidArgument, match="one value for each example"):
        attr.IntegratedGradients(lambda x: model(x).sum()).attribute(spread_inputs(), n_steps="auto")


def test_half_precision_keeps_its_dtype():
    specimen = SPECIMENS["reused"]
    x = specimen.inputs(2)[0].half()
    found = attr.IntegratedGradients(specimen.model().half()).attribute(x, target=0, n_steps="auto", tolerance=0.05)
    assert found.dtype == torch.float16
