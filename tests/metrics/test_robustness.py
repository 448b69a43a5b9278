"""Metrics of robustness, beside loops over single copies: their formulas, their limits, and what they share."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid import metrics
from pellucid.core.evaluation.model_function import ModelFunction, function_of
from pellucid.core.problem.attributions import Attributions
from pellucid.errors import InvalidArgument, NotScalar, OneForBatch, PellucidWarning, WrongShape, WrongType
from pellucid.methods import FeatureAblation, InputXGradient, IntegratedGradients, Problem, Saliency, Session, Several
from pellucid.metrics import (
    AverageSensitivity,
    Consistency,
    Continuity,
    LocalLipschitz,
    MaxSensitivity,
    RelativeInputStability,
    RelativeOutputStability,
    RelativeRepresentationStability,
    Scores,
    SmoothParameterRandomisation,
)
from pellucid.metrics.given import span_of
from pellucid.metrics.robustness import noise
from pellucid.metrics.robustness.noise import Noise

SMALLEST = 1e-6
OF_DISTANCES: list[Any] = [MaxSensitivity, AverageSensitivity, LocalLipschitz, Continuity]
OF_STABILITY: list[Any] = [RelativeInputStability, RelativeOutputStability]
every_metric = pytest.mark.parametrize("metric", [*OF_DISTANCES, *OF_STABILITY], ids=lambda metric: metric.__name__)


class Joined(nn.Module):
    """A small network of one input or more, of any shapes."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.hidden, self.bend, self.output = nn.Linear(features, 6), nn.Tanh(), nn.Linear(6, 3)

    def forward(self, *inputs: Tensor) -> Tensor:
        joined = torch.cat([tensor.flatten(1) for tensor in inputs], 1)
        return self.output(self.bend(self.hidden(joined)))


def case(*shapes: tuple[int, ...], examples: int = 3) -> Problem:
    torch.manual_seed(0)
    inputs = tuple(torch.rand(examples, *shape, dtype=torch.float64) for shape in shapes)
    model = Joined(sum(map(math.prod, shapes))).double()
    return Problem(model, inputs if len(inputs) > 1 else inputs[0], target=1)


CASES = {
    "table": lambda: case((5,)),
    "one feature": lambda: case((1,)),
    "image": lambda: case((1, 8, 8)),
    "two inputs": lambda: case((4,), (1, 2, 3)),
    "one example": lambda: case((5,), examples=1),
}
every_case = pytest.mark.parametrize("make", CASES.values(), ids=CASES)


def flat(tensors: tuple[Tensor, ...]) -> list[float]:
    return [float(value) for tensor in tensors for value in tensor.flatten()]


def norm(values: list[float]) -> float:
    return math.sqrt(sum(value**2 for value in values))


def explained(problem: Problem, point: tuple[Tensor, ...]) -> list[float]:
    """What is attributed to one point, by itself: its values times their slopes."""
    leaves = tuple(tensor[None].clone().requires_grad_() for tensor in point)
    grads = torch.autograd.grad(problem.model(*leaves)[0, 1], leaves)
    return flat(tuple(leaf.detach() * grad for leaf, grad in zip(leaves, grads, strict=True)))


def copies_of(problem: Problem, example: int, noise: Noise) -> list[tuple[Tensor, ...]]:
    found = []
    for which, tensors in noise.copies(function_of(problem)):
        count = which.stop - which.start
        found += [
            tuple(tensor.unflatten(0, (-1, count))[example, number] for tensor in tensors) for number in range(count)
        ]
    return found


def by_hand(metric: Any, problem: Problem, example: int) -> float:
    """The definition, one copy at a time; NaN where no copy has the example's class."""
    point = tuple(tensor[example] for tensor in problem.inputs)
    x, base = flat(point), explained(problem, point)
    said = flat((problem.model(*(tensor[None] for tensor in point)).detach(),))
    ratios = []
    for copy in copies_of(problem, example, Noise(metric.radius, metric.n_samples, metric.seed)):
        moved = [b - a for a, b in zip(x, flat(copy), strict=True)]
        changed = [b - a for a, b in zip(base, explained(problem, copy), strict=True)]
        says = flat((problem.model(*(tensor[None] for tensor in copy)).detach(),))
        relative = norm([c / (a if abs(a) >= SMALLEST else SMALLEST) for c, a in zip(changed, base, strict=True)])
        same = int(np.argmax(said)) == int(np.argmax(says))
        match metric:
            case MaxSensitivity() | AverageSensitivity():
                ratios.append(norm(changed) / norm(base))
            case LocalLipschitz():
                ratios.append(norm(changed) / norm(moved))
            case Continuity():
                ratios.append(sum(map(abs, changed)) / norm(moved))
            case RelativeInputStability() if same:
                below = norm([m / (a if abs(a) >= SMALLEST else SMALLEST) for m, a in zip(moved, x, strict=True)])
                ratios.append(relative / max(below, metric.smallest))
            case RelativeOutputStability() if same:
                below = norm([b - a for a, b in zip(said, says, strict=True)])
                ratios.append(relative / max(below, metric.smallest))
    if isinstance(metric, AverageSensitivity):
        return sum(ratios) / len(ratios)
    return max(ratios, default=math.nan)


TIMES_SLOPES = InputXGradient()


def scores_of(metric: Any, problem: Problem, method: Any = TIMES_SLOPES) -> Scores:
    return metric(problem, method(problem), method=method)


@every_metric
@every_case
def test_scores_are_their_formulas_over_single_copies(metric: Any, make: Any):
    problem = make()
    for parameters in ({}, {"radius": 0.3, "n_samples": 4, "seed": 3}):
        found = scores_of(metric(**parameters), problem)
        expected = [by_hand(metric(**parameters), problem, example) for example in range(problem.batch_size)]
        np.testing.assert_allclose(found.values, expected, rtol=1e-6, atol=1e-9)


def test_representation_stability_is_its_formula():
    problem = case((5,))
    metric = RelativeRepresentationStability(layer="hidden", radius=0.2, n_samples=4)
    found = scores_of(metric, problem)
    for example in range(3):
        point = problem.inputs[0][example]
        base, layer = explained(problem, (point,)), problem.model.hidden(point).detach()
        said = problem.model(point[None]).argmax()
        largest = math.nan
        for (copy,) in copies_of(problem, example, Noise(0.2, 4, 0)):
            if problem.model(copy[None]).argmax() != said:
                continue
            changed = [(b - a) / a for a, b in zip(base, explained(problem, (copy,)), strict=True)]
            below = norm(flat(((problem.model.hidden(copy).detach() - layer) / layer,)))
            largest = np.fmax(largest, norm(changed) / below)
        assert float(found.values[example]) == pytest.approx(largest, rel=1e-6)


def test_the_standard_error_is_that_of_a_mean_of_copies():
    problem = case((5,))
    found = scores_of(AverageSensitivity(n_samples=6), problem)
    for example in range(3):
        base = explained(problem, (problem.inputs[0][example],))
        ratios = [
            norm([b - a for a, b in zip(base, explained(problem, copy), strict=True)]) / norm(base)
            for copy in copies_of(problem, example, Noise(0.02, 6, 0))
        ]
        assert float(found.stderr[example]) == pytest.approx(np.std(ratios, ddof=1) / math.sqrt(6))
    assert scores_of(AverageSensitivity(n_samples=1), problem).stderr is None
    assert scores_of(MaxSensitivity(), problem).stderr is None


@every_case
def test_copies_are_uniform_within_the_radius(make: Any):
    problem = make()
    for tensor, all_of in zip(
        problem.inputs, zip(*copies_of(problem, 0, Noise(0.1, 300, 0)), strict=True), strict=True
    ):
        low, high = span_of(tensor)
        reach = 0.1 * float(high[0] - low[0])
        moved = (torch.stack(all_of) - tensor[0]) / reach
        assert moved.abs().max() <= 1 + 1e-9
        assert moved.min() < -0.9 < 0.9 < moved.max()
        assert moved.mean(0).abs().max() < 5 / math.sqrt(3 * 300)


@every_metric
@pytest.mark.parametrize("shapes", [[(5,)], [(3,), (1, 2)]], ids=["one input", "two inputs"])
@pytest.mark.parametrize("most", [1, 3])
def test_copies_in_blocks_are_those_at_once(metric: Any, shapes: Any, most: int, monkeypatch: pytest.MonkeyPatch):
    problem = case(*shapes)
    whole = scores_of(metric(), problem).values
    monkeypatch.setattr(noise, "MOST_HELD", most * 15)  # three examples of five features
    torch.testing.assert_close(scores_of(metric(), problem).values, whole)


def test_inputs_without_features_are_told():
    problem = Problem(lambda x: x.sum(1), torch.rand(2, 0))
    with pytest.raises(InvalidArgument, match=r"inputs must have features: got \(2, 0\)"):
        MaxSensitivity()(problem, torch.rand(2, 0), method=lambda f: torch.rand(len(f), 0))


@pytest.mark.parametrize("metric", OF_DISTANCES, ids=lambda metric: metric.__name__)
def test_slopes_of_a_linear_model_do_not_change(metric: Any):
    torch.manual_seed(0)
    problem = Problem(nn.Linear(4, 2), torch.rand(3, 4), target=0)
    assert scores_of(metric(), problem, Saliency()).values.tolist() == [0, 0, 0]


def test_the_slopes_of_squares_change_twice_as_fast_as_inputs():
    x = torch.rand(3, 4, dtype=torch.float64) + 1
    problem = Problem(lambda x: x.square().sum(1), x)
    torch.testing.assert_close(
        scores_of(LocalLipschitz(), problem, Saliency()).values, torch.full((3,), 2.0, dtype=torch.float64)
    )
    continuity = scores_of(Continuity(), problem, Saliency()).values
    assert ((continuity > 2) & (continuity <= 2 * math.sqrt(4))).all()


def test_zero_attributions_are_scored_by_how_far_they_move():
    def explain(f: ModelFunction) -> Attributions:
        return Attributions((torch.full_like(f.x[0], 3.0 if len(f) > 2 else 0.0),))

    problem = Problem(lambda x: x.sum(1), torch.rand(2, 4))
    found = MaxSensitivity()(problem, torch.zeros(2, 4), method=explain)
    assert found.values.tolist() == [6, 6]


@every_metric
def test_one_example_with_nan_leaves_the_others_as_they_are(metric: Any):
    problem = case((5,))
    clean = scores_of(metric(), problem).values
    broken = InputXGradient()(problem).values[0].clone()
    broken[1, 2] = math.nan
    of_method = pytest.warns(PellucidWarning, match="other attributions than those given")
    with of_method, pytest.warns(PellucidWarning, match=r"attributions of examples \[1\] contain NaN"):
        found = metric()(problem, broken, method=InputXGradient()).values
    assert found.isnan().tolist() == [False, True, False]
    torch.testing.assert_close(found[[0, 2]], clean[[0, 2]])


def test_an_input_with_nan_leaves_the_noise_of_others_as_it_is():
    inputs = torch.tensor([[0.0, 1.0], [0.5, 0.25], [0.3, 0.4]])
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    clean = scores_of(MaxSensitivity(), Problem(model, inputs, target=0), Saliency()).values
    broken = inputs.clone()
    broken[2, 0] = math.nan
    problem = Problem(model, broken, target=0)
    with pytest.warns(PellucidWarning, match="NaN"):
        attributions = Saliency()(problem)
    with pytest.warns(PellucidWarning, match="NaN"):
        found = MaxSensitivity()(problem, attributions, method=Saliency()).values
    torch.testing.assert_close(found[:2], clean[:2])
    assert found[2].isnan()


@every_metric
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrow_floats(metric: Any, dtype: torch.dtype):
    problem = Problem(case((5,)).model.to(dtype), case((5,)).inputs[0].to(dtype), target=1)
    found = scores_of(metric(radius=0.1), problem).values
    assert found.dtype == torch.float64
    assert (found >= 0).all()


def test_a_range_that_half_precision_does_not_hold():
    x = torch.tensor([[6e4, -6e4, 1.0]], dtype=torch.float16)
    found = scores_of(MaxSensitivity(radius=1e-4), Problem(lambda x: x.sum(1), x), Saliency()).values
    assert found.tolist() == [0]


@every_metric
def test_integers_are_moved_as_floats(metric: Any):
    x = torch.tensor([[1, 2, 3], [4, 0, 2]])
    problem = Problem(lambda x: torch.stack([x.float().sum(1), x.float().prod(1)], 1), x, target=1)
    assert (scores_of(metric(), problem, FeatureAblation()).values >= 0).all()


@every_metric
def test_an_input_of_one_number(metric: Any):
    problem = Problem(lambda x: x.square().sum(1), torch.full((2, 3), 2.0))
    found = scores_of(metric(), problem, Saliency()).values
    assert found.isfinite().all()
    assert (found > 0).all()


def test_copies_that_rounding_does_not_move_say_nothing():
    x = torch.tensor([[1e7, 1e7 + 1]])
    problem = Problem(lambda x: x.square().sum(1), x)
    for metric in (LocalLipschitz, Continuity):
        assert scores_of(metric(radius=0.02), problem, Saliency()).values.isnan().all()
        assert scores_of(metric(radius=0.6, n_samples=20), problem, Saliency()).values.isfinite().all()


@every_metric
@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"radius": 0}, "radius must be a finite number above zero: got 0"),
        ({"radius": math.nan}, "radius must be a finite number above zero: got nan"),
        ({"radius": math.inf}, "radius must be"),
        ({"radius": None}, "radius must be"),
        ({"n_samples": 0}, "n_samples must be an integer of at least 1: got 0"),
        ({"n_samples": 1.5}, "n_samples must be an integer"),
        ({"seed": 1.5}, "seed must be an integer"),
    ],
)
def test_invalid_parameters_are_named(metric: Any, parameters: dict[str, Any], match: str):
    with pytest.raises(InvalidArgument, match=match):
        scores_of(metric(**parameters), case((5,)))


@pytest.mark.parametrize("smallest", [0, -1.0, math.nan, math.inf, None])
def test_what_is_divided_by_is_above_zero(smallest: Any):
    with pytest.raises(InvalidArgument, match="smallest must be a finite number above zero"):
        scores_of(RelativeInputStability(smallest=smallest), case((5,)))


def test_what_does_not_fit_is_refused():
    problem = case((5,))
    with pytest.raises(WrongShape, match="attributions must have the shapes of the inputs"):
        MaxSensitivity()(problem, torch.rand(3, 4), method=Saliency())
    with pytest.raises(WrongShape, match="method must return attributions like those given"):
        MaxSensitivity()(problem, torch.rand(3, 5), method=lambda f: torch.rand(len(f), 4))
    with pytest.raises(NotScalar, match="target must be a single one"):
        MaxSensitivity()(
            Problem(problem.model, problem.inputs, target=Several([0, 1])), torch.rand(3, 5), method=Saliency()
        )
    with pytest.raises(WrongType, match="must be called with a Problem"):
        MaxSensitivity()(problem.model, torch.rand(3, 5), method=Saliency())


def test_a_method_that_returns_other_attributions_is_warned_of():
    problem = case((5,))
    with pytest.warns(PellucidWarning, match="method returns other attributions than those given"):
        MaxSensitivity()(problem, InputXGradient()(problem), method=Saliency())


def test_copies_of_another_class_do_not_count():
    model = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0], [-1.0]]))
    problem = Problem(model, torch.tensor([[1e-9], [1.0]]), target=0)
    unknown = []
    for seed in range(20):
        ((_, (copies,)),) = Noise(0.9, 1, seed).copies(function_of(problem))
        found = scores_of(RelativeInputStability(radius=0.9, n_samples=1, seed=seed), problem).values
        assert found.isnan().tolist() == (copies[:, 0] < 0).tolist()
        unknown.append(bool(found[0].isnan()))
    assert set(unknown) == {True, False}


@every_metric
def test_the_same_seed_is_the_same_score_and_another_is_not(metric: Any):
    problem = case((5,))
    first = scores_of(metric(), problem).values
    torch.testing.assert_close(scores_of(metric(), problem).values, first, rtol=0, atol=0)
    assert not torch.equal(scores_of(metric(seed=1), problem).values, first)


@every_metric
def test_an_example_does_not_depend_on_others_of_the_same_range(metric: Any):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(4, 5, generator=generator, dtype=torch.float64)
    inputs[:, 0], inputs[:, 1] = 0.0, 1.0
    model = case((5,)).model
    together = scores_of(metric(), Problem(model, inputs, target=1)).values
    for others in (slice(0, 1), [0, 3], [0, 2, 1]):
        apart = scores_of(metric(), Problem(model, inputs[others], target=1)).values
        torch.testing.assert_close(apart[0], together[0])


def test_without_a_seed_draws_are_of_the_global_generators():
    problem = case((5,))
    np.random.seed(0)
    first, second = (scores_of(MaxSensitivity(seed=None), problem).values for _ in range(2))
    assert not torch.equal(first, second)
    np.random.seed(0)
    torch.testing.assert_close(scores_of(MaxSensitivity(seed=None), problem).values, first, rtol=0, atol=0)


def test_without_a_seed_outputs_are_those_of_the_copies_that_are_explained():
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(1.0)
    problem = Problem(model.double(), torch.tensor([[2.0], [4.0]], dtype=torch.float64), target=0)
    found = scores_of(RelativeOutputStability(seed=None), problem).values  # |dx / x| / |dx|
    torch.testing.assert_close(found, torch.tensor([0.5, 0.25], dtype=torch.float64))


class Counted:
    """A method whose calls are counted, those of the model that is explained apart from others."""

    def __init__(self, model: Any) -> None:
        self.model, self.own, self.others = model, 0, 0

    def __call__(self, f: ModelFunction) -> Attributions:
        if f.problem.model is self.model:
            self.own += 1
        else:
            self.others += 1
        return InputXGradient()(f)


def test_metrics_share_one_set_of_noisy_copies():
    problem = case((5,))
    sharing = [metric() for metric in [*OF_DISTANCES, *OF_STABILITY]]
    sharing += [RelativeRepresentationStability(layer="hidden"), SmoothParameterRandomisation()]
    apart = [scores_of(metric, problem).values for metric in sharing]
    method = Counted(problem.model)
    with Session(problem):
        attributions = InputXGradient()(problem)
        together = [metric(problem, attributions, method=method).values for metric in sharing]
        assert (method.own, method.others) == (2, 2)  # the examples and their copies; the copies of two random models
        MaxSensitivity(seed=1)(problem, attributions, method=method)
        assert method.own == 4
        MaxSensitivity()(problem, attributions, method=Counted(problem.model))
        assert method.own == 4
    for one, other in zip(apart, together, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_what_is_shared_is_of_the_same_target():
    problem = case((5,))
    of_other = Problem(problem.model, problem.inputs, target=2)
    expected = scores_of(MaxSensitivity(), of_other).values
    with Session(problem):
        method = InputXGradient()
        f = function_of(problem)
        first = MaxSensitivity()(f, method(f), method=method).values
        g = f.replace(target=of_other.target)
        second = MaxSensitivity()(g, method(g), method=method).values
    torch.testing.assert_close(second, expected)
    assert not torch.equal(first, second)


def test_layers_are_moved_where_attributions_are_theirs():
    problem = case((5,))
    at_layer = Problem(problem.model, problem.inputs, target=1, source="bend")
    assert scores_of(MaxSensitivity(), at_layer, Saliency()).values.tolist() == [0, 0, 0]
    of_hidden = scores_of(MaxSensitivity(), Problem(problem.model, problem.inputs, target=1, source="hidden"))
    rest = nn.Sequential(problem.model.bend, problem.model.output)
    alone = Problem(rest, problem.model.hidden(problem.inputs[0]).detach(), target=1)
    torch.testing.assert_close(of_hidden.values, scores_of(MaxSensitivity(), alone).values)


@pytest.mark.parametrize("metric", OF_DISTANCES, ids=lambda metric: metric.__name__)
def test_one_output_for_the_batch_is_explained_with_the_whole_batch(metric: Any):
    x = torch.rand(3, 4, dtype=torch.float64) + 1
    apart = scores_of(metric(), Problem(lambda x: x.square().sum(1), x), Saliency()).values
    found = scores_of(metric(), Problem(lambda x: x.square().sum(), x), Saliency()).values
    torch.testing.assert_close(found, apart)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_one_output_for_the_batch_has_no_class_of_each(shape: tuple[int, ...]):
    problem = Problem(lambda x: x.square().sum().reshape(shape), torch.rand(3, 4))
    for metric in OF_STABILITY:
        with pytest.raises(OneForBatch, match="model must return an output for each of 3 examples"):
            scores_of(metric(), problem, Saliency())
    with pytest.raises(OneForBatch, match="model must return an output for each of 3 examples"):
        Consistency()(problem, torch.rand(3, 4))


def test_rows_that_mix_are_moved_together():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 2)).double().train()
    x = torch.rand(4, 4, dtype=torch.float64)
    problem = Problem(model, x, target=0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.warns(PellucidWarning, match="training mode"):
        attributions = Saliency()(problem)
    found = MaxSensitivity(n_samples=3)(problem, attributions, method=Saliency()).values
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())

    def slopes(rows: Tensor) -> Tensor:
        rows = rows.clone().requires_grad_()
        return torch.autograd.grad(model(rows)[:, 0].sum(), rows)[0].abs()

    # Saliency has the slopes of each output, which here depend on all rows: those of the sum.
    base = attributions.values[0]
    torch.testing.assert_close(slopes(x), base)
    draws = [np.random.default_rng((0, 0, example, 2, 0)).random(12).reshape(3, 4) for example in range(4)]
    reach = 0.02 * (x.amax(1, keepdim=True) - x.amin(1, keepdim=True))
    largest = torch.zeros(4, dtype=torch.float64)
    for sample in range(3):
        moved = x + torch.stack([torch.from_numpy(2 * numbers[sample] - 1) for numbers in draws]) * reach
        largest = torch.maximum(largest, (slopes(moved) - base).norm(dim=1) / base.norm(dim=1))
    torch.testing.assert_close(found, largest)


def test_partial_methods_have_their_arguments_follow_the_copies():
    problem = case((5,))
    starts = torch.rand(3, 5, dtype=torch.float64)
    method = functools.partial(IntegratedGradients(), baselines=starts)
    found = MaxSensitivity(n_samples=2)(problem, method(problem), method=method).values
    for example in range(3):
        base = IntegratedGradients()(
            Problem(problem.model, problem.inputs[0][[example]], target=1), baselines=starts[[example]]
        ).values[0]
        largest = 0.0
        for (copy,) in copies_of(problem, example, Noise(0.02, 2, 0)):
            again = IntegratedGradients()(Problem(problem.model, copy[None], target=1), baselines=starts[[example]])
            largest = max(largest, float((again.values[0] - base).norm() / base.norm()))
        assert float(found[example]) == pytest.approx(largest, rel=1e-6)


def test_targets_and_arguments_follow_the_copies():
    def model(x: Tensor, weights: Tensor) -> Tensor:
        return torch.cat([weights * x.square(), 3 * weights * x.square()], 1)

    weights = torch.tensor([[1.0], [2.0], [5.0]], dtype=torch.float64)
    x = torch.rand(3, 1, dtype=torch.float64) + 1
    problem = Problem(model, x, target=torch.tensor([0, 1, 0]), additional_forward_args=weights)
    found = scores_of(LocalLipschitz(), problem, Saliency()).values
    torch.testing.assert_close(found, torch.tensor([2.0, 12.0, 10.0], dtype=torch.float64))


def consistent(values: Tensor, classes: list[int], top: int) -> list[float]:
    """The definition: the share of others with the same explanation that have the same class."""
    kinds = []
    for row in values:
        order = sorted(range(len(row)), key=lambda feature: -abs(float(row[feature])))[:top]
        kinds.append(frozenset((feature, float(torch.sign(row[feature]))) for feature in order if row[feature] != 0))
    scores = []
    for example in range(len(kinds)):
        alike = [other for other in range(len(kinds)) if other != example and kinds[other] == kinds[example]]
        same = [classes[other] == classes[example] for other in alike]
        scores.append(sum(same) / len(same) if same else math.nan)
    return scores


@pytest.mark.parametrize("top", [1, 2, 9])
@pytest.mark.parametrize("tied", [False, True])
def test_consistency_is_its_definition(top: int, tied: bool):
    generator = torch.Generator().manual_seed(top)
    values = torch.randn(40, 3, generator=generator, dtype=torch.float64)
    values = values.round() if tied else values
    outputs = torch.randn(40, 3, generator=generator)
    problem = Problem(lambda x: x, outputs, target=0)
    found = Consistency(top=top)(problem, values).values
    np.testing.assert_allclose(found.numpy(), consistent(values, outputs.argmax(1).tolist(), top))


def test_consistency_of_single_outputs_is_by_their_signs():
    problem = Problem(lambda x: x.sum(1), torch.tensor([[1.0, 2.0], [3.0, 1.0], [-5.0, 1.0]]))
    found = Consistency(top=1)(problem, torch.tensor([[0.0, 1.0], [0.0, 2.0], [0.5, 3.0]])).values
    assert found.tolist() == [0.5, 0.5, 0.0]


def test_consistency_takes_no_example_with_nan_for_one_without_attributions():
    problem = Problem(lambda x: x, torch.tensor([[2.0, 1.0], [1.0, 2.0], [2.0, 1.0]]), target=0)
    values = torch.zeros(3, 2)
    values[1, 0] = math.nan
    with pytest.warns(PellucidWarning, match=r"\[1\] contain NaN"):
        found = Consistency()(problem, values).values
    np.testing.assert_allclose(found.numpy(), [1, math.nan, 1])


def test_consistency_of_one_example_and_of_masks():
    assert Consistency()(Problem(lambda x: x, torch.rand(1, 3), target=0), torch.rand(1, 3)).values.isnan().all()
    values = torch.tensor([[1.0, 2.0, 2.5], [2.0, 1.0, 2.5]])  # two features in a sum: the first in both
    problem = Problem(lambda x: x, torch.tensor([[1.0, 0.0, 0.0]] * 2), target=0)
    found = Consistency(top=1)(problem, values, feature_mask=torch.tensor([[0, 0, 1]])).values
    assert found.tolist() == [1, 1]
    with pytest.raises(InvalidArgument, match="top must be an integer of at least 1: got 0"):
        Consistency(top=0)(problem, values)


def test_the_least_is_better_but_for_consistency():
    assert {metric.better for metric in [*OF_DISTANCES, *OF_STABILITY, RelativeRepresentationStability]} == {"lower"}
    assert metrics.Consistency.better == "higher"


def test_the_radius_is_a_share_of_the_spread_that_users_say():
    problem = case((5,))
    spread = torch.tensor([[1.0, 0.0, 10.0, 2.0, 0.5]])
    ((_, (copies,)),) = Noise(0.1, 50, 0, (spread,)).copies(function_of(problem))
    moved = (copies.view(3, 50, 5) - problem.inputs[0][:, None]).abs().amax((0, 1))
    assert (moved <= 0.1 * spread[0] + 1e-9).all()
    assert (moved >= 0.09 * spread[0]).all()
    method = InputXGradient()
    scores = MaxSensitivity()(problem, method(problem), method=method, spread=spread)
    assert not torch.equal(scores.values, scores_of(MaxSensitivity(), problem).values)
    with Session(problem):
        first = MaxSensitivity()(problem, method(problem), method=method, spread=spread)
        other = MaxSensitivity()(problem, method(problem), method=method, spread=2 * spread)
    torch.testing.assert_close(first.values, scores.values)
    assert (other.values > first.values).all()


@pytest.mark.parametrize(
    ("spread", "match"),
    [
        (torch.ones(1, 4), r"spread must broadcast to the inputs, \(3, 5\): got \(1, 4\)"),
        (torch.ones(5), "spread must broadcast to the inputs"),
        (-torch.ones(1, 5), "spread must be of finite numbers from zero on"),
    ],
)
def test_a_spread_that_cannot_be_is_told(spread: torch.Tensor, match: str):
    problem = case((5,))
    with pytest.raises(InvalidArgument, match=match):
        MaxSensitivity()(problem, Saliency()(problem), method=Saliency(), spread=spread)
