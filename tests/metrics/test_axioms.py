"""Completeness, NonSensitivity and InputInvariance beside their definitions, example by example."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.problem.attributions import Attributions
from pellucid.errors import InvalidArgument, PellucidWarning, WrongShape
from pellucid.methods import InputXGradient, IntegratedGradients, Problem, Saliency
from pellucid.metrics import Completeness, InputInvariance, NonSensitivity, pixels

GENERATOR = torch.Generator().manual_seed(0)


def network(features: int) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(features, 6), nn.Tanh(), nn.Linear(6, 3)).double()


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=GENERATOR, dtype=torch.float64)


CASES = {
    "table": lambda: Problem(network(5), drawn(3, 5), target=1),
    "one feature": lambda: Problem(network(1), drawn(3, 1), target=1),
    "one example": lambda: Problem(network(5), drawn(1, 5), target=1),
    "image": lambda: Problem(network(64), drawn(2, 1, 8, 8), target=1),
    "two inputs": lambda: Problem(
        lambda a, b: (a.prod(1) + b.flatten(1).square().sum(1))[:, None], (drawn(3, 2), drawn(3, 2, 2)), target=0
    ),
}
every_case = pytest.mark.parametrize("make", CASES.values(), ids=CASES)


def says(problem: Problem, inputs: tuple[Tensor, ...], example: int) -> float:
    output = problem.model(*(tensor[[example]] for tensor in inputs))[0]
    return float(output[0 if len(inputs) > 1 else 1].detach())


@every_case
@pytest.mark.parametrize("baseline", [None, 0.5])
def test_completeness_is_the_gap(make: Any, baseline: float | None):
    problem = make()
    attributions = tuple(map(torch.randn_like, problem.inputs))
    baselines = baseline if len(problem.inputs) == 1 or baseline is None else (baseline,) * len(problem.inputs)
    found = Completeness()(problem, attributions, baselines=baselines)
    without = tuple(torch.full_like(x, baseline or 0.0) for x in problem.inputs)
    for example in range(problem.batch_size):
        change = says(problem, problem.inputs, example) - says(problem, without, example)
        total = sum(float(tensor[example].sum()) for tensor in attributions)
        assert float(found.values[example]) == pytest.approx(abs(total - change))
        assert float(found.details["relative"][example]) == pytest.approx(abs(total - change) / abs(change))


@every_case
def test_integrated_gradients_are_complete(make: Any):
    problem = make()
    method = IntegratedGradients(n_steps=100)
    assert (Completeness()(problem, method(problem)).values < 1e-4).all()
    assert Completeness.better == "lower"


def test_completeness_without_a_change_has_no_relative_gap():
    problem = Problem(lambda x: 0 * x.sum(1), torch.ones(1, 2))
    found = Completeness()(problem, torch.ones(1, 2))
    assert found.values.tolist() == [2]
    assert found.details["relative"].isnan().all()


def test_completeness_counts_a_feature_of_several_elements_once():
    images = torch.rand(2, 3, 2, 2)
    problem = Problem(lambda x: x.sum((1, 2, 3)), images)
    repeated = images.sum(1, keepdim=True).expand_as(images)
    for attributions in (images, repeated):
        found = Completeness()(problem, attributions, feature_mask=pixels(images))
        assert found.values.tolist() == pytest.approx([0, 0], abs=1e-5)


def sensitive(problem: Problem, example: int, noises: list[tuple[Tensor, ...]]) -> list[bool]:
    """Whether each feature moves the output when it takes its value in one of the noises."""
    moves, before = [], says(problem, problem.inputs, example)
    for number, x in enumerate(problem.inputs):
        for place in range(x[example].numel()):
            found = False
            for noise in noises:
                changed = [tensor.clone() for tensor in problem.inputs]
                changed[number][example].view(-1)[place] = noise[number][example].view(-1)[place]
                found |= abs(says(problem, tuple(changed), example) - before) > 1e-14
            moves.append(found)
    return moves


def test_non_sensitivity_is_the_symmetric_difference():
    weights = torch.tensor([1.0, 0.0, 2.0, 0.0, -1.0, 0.0], dtype=torch.float64)
    x = drawn(5, 6)
    problem = Problem(lambda x: torch.stack([x[:, 0], x @ weights], 1), x, target=1)
    attributions = drawn(5, 6) * (torch.rand(5, 6, generator=GENERATOR) < 0.5)
    numbers = [np.random.default_rng((0, 0, example, 2, 0)).random(18).reshape(3, 6) for example in range(5)]
    low, high = float(x.min()), float(x.max())
    noises = [(torch.stack([torch.from_numpy(low + (high - low) * n[s]) for n in numbers]),) for s in range(3)]
    found = NonSensitivity(n_samples=3)(problem, attributions)
    for example in range(5):
        moves = sensitive(problem, example, noises)
        expected = sum((value == 0) != (not moved) for value, moved in zip(attributions[example], moves, strict=True))
        assert float(found.values[example]) == expected
    by_baselines = NonSensitivity()(problem, attributions, baselines=0.0).values
    torch.testing.assert_close(found.values, by_baselines)


@every_case
def test_non_sensitivity_of_random_and_of_no_attributions(make: Any):
    problem = make()
    count = sum(x[0].numel() for x in problem.inputs)
    of_all = tuple(map(torch.ones_like, problem.inputs))
    assert NonSensitivity()(problem, of_all).values.tolist() == [0] * problem.batch_size
    of_none = tuple(map(torch.zeros_like, problem.inputs))
    assert NonSensitivity()(problem, of_none).values.tolist() == [count] * problem.batch_size


def test_what_counts_as_no_attribution():
    problem = Problem(lambda x: x[:, 0], torch.tensor([[2.0, 3.0, 4.0]]))
    attributions = torch.tensor([[1.0, 1e-3, 0.0]])
    assert NonSensitivity()(problem, attributions).values.tolist() == [1]
    assert NonSensitivity(zero=0.01)(problem, attributions).values.tolist() == [0]
    assert NonSensitivity(zero=0)(problem, attributions).values.tolist() == [1]
    for zero in (-1, math.nan):
        with pytest.raises(InvalidArgument, match="zero must be a share from zero on: got"):
            NonSensitivity(zero=zero)(problem, attributions)
    with pytest.raises(InvalidArgument, match="n_samples must be an integer of at least 1: got 0"):
        NonSensitivity(n_samples=0)(problem, attributions)


def by_hand(problem: Problem, attributions: tuple[Tensor, ...], method: Any, shift: float) -> list[float]:
    """The definition, one example at a time, with a model that takes the shift back."""
    shifts = [shift] * len(problem.inputs)
    found = []
    for example in range(problem.batch_size):
        moved = tuple(x[[example]] + shift for x, shift in zip(problem.inputs, shifts, strict=True))

        def model(*inputs: Tensor) -> Tensor:
            return problem.model(*(x - shift for x, shift in zip(inputs, shifts, strict=True)))

        others = method(Problem(model, moved, target=problem.target.argument(torch.tensor([example])))).values
        before, after = (
            torch.cat([tensor.flatten() for tensor in tensors])
            for tensors in (tuple(tensor[example] for tensor in attributions), others)
        )
        found.append(float((after - before).norm() / before.norm()))
    return found


@every_case
@pytest.mark.parametrize("shift", [1.0, -0.3])
def test_invariance_is_the_change_under_a_shift(make: Any, shift: float):
    problem = make()
    for method in (Saliency(), InputXGradient()):
        attributions = method(problem)
        found = InputInvariance(shift=shift)(problem, attributions, method=method).values
        expected = by_hand(problem, attributions.values, method, shift)
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)
        if isinstance(method, Saliency):
            assert (found < 1e-9).all()
        else:
            assert (found > 0.05).all()
    assert InputInvariance.better == "lower"


def test_baselines_that_move_along_are_needed():
    problem = Problem(network(5), torch.rand(3, 5, dtype=torch.float64), target=1)
    fixed = functools.partial(IntegratedGradients(), baselines=0.0)

    def mean_of_inputs(f: ModelFunction) -> Attributions:
        return IntegratedGradients()(f, baselines=f.x[0].mean(0, keepdim=True))

    assert (InputInvariance()(problem, fixed(problem), method=fixed).values > 0.1).all()
    moving = IntegratedGradients()(problem, baselines=problem.inputs[0].mean(0, keepdim=True))
    assert (InputInvariance()(problem, moving, method=mean_of_inputs).values < 1e-6).all()


def test_layers_and_further_arguments_are_as_before():
    model = network(5)
    at_layer = Problem(model, drawn(3, 5), target=1, source="1")
    assert (InputInvariance()(at_layer, InputXGradient()(at_layer), method=InputXGradient()).values < 1e-6).all()
    scaled = Problem(lambda x, scale: (x * scale).sum(1), drawn(3, 5), additional_forward_args=drawn(3, 1))
    assert (InputInvariance()(scaled, Saliency()(scaled), method=Saliency()).values < 1e-9).all()


def test_zero_attributions_are_scored_by_how_far_they_move():
    problem = Problem(lambda x: x.sum(1), torch.tensor([[3.0, 4.0], [0.0, 4.0]]))
    found = InputInvariance(shift=4)(problem, torch.zeros(2, 2), method=lambda f: f.x[0] - 4)
    assert found.values.tolist() == [5, 4]


def test_an_input_of_one_number_is_shifted_too():
    problem = Problem(lambda x: x.sum(1), torch.ones(1, 1))
    assert InputInvariance()(problem, torch.ones(1, 1), method=InputXGradient()).values.tolist() == [1]


@pytest.mark.parametrize("shift", [0, math.nan, math.inf, -math.inf, None])
def test_shifts_are_finite_numbers(shift: Any):
    problem = Problem(lambda x: x.sum(1), torch.ones(1, 2))
    with pytest.raises(InvalidArgument, match="shift must be a finite number other than zero: got"):
        InputInvariance(shift=shift)(problem, torch.ones(1, 2), method=Saliency())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrow_floats(dtype: torch.dtype):
    problem = Problem(network(5).to(dtype), torch.rand(3, 5).to(dtype), target=1)
    assert (InputInvariance()(problem, Saliency()(problem), method=Saliency()).values < 0.1).all()
    assert NonSensitivity()(problem, torch.ones(3, 5, dtype=dtype)).values.isfinite().all()
    assert Completeness()(problem, Saliency()(problem)).values.isfinite().all()


@pytest.mark.parametrize("metric", [Completeness(), NonSensitivity(), InputInvariance()])
def test_nan_stays_in_its_example(metric: Any):
    problem = Problem(network(5), drawn(3, 5), target=1)
    more = {"method": Saliency()} if isinstance(metric, InputInvariance) else {}
    attributions = Saliency()(problem).values[0].clone()
    clean = metric(problem, attributions, **more).values
    attributions[1, 2] = math.nan
    with pytest.warns(PellucidWarning, match=r"\[1\] contain NaN"):
        found = metric(problem, attributions, **more).values
    assert found.isnan().tolist() == [False, True, False]
    torch.testing.assert_close(found[[0, 2]], clean[[0, 2]])
    with pytest.raises(WrongShape, match="attributions must have the shapes of the inputs"):
        metric(problem, torch.ones(3, 4), **more)


def test_rows_that_mix_are_shifted_together():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 2)).double().train()
    problem = Problem(model, drawn(4, 4), target=0)
    buffers = [buffer.clone() for buffer in model.buffers()]
    with pytest.warns(PellucidWarning, match="training mode"):
        attributions = Saliency()(problem)
    assert (InputInvariance()(problem, attributions, method=Saliency()).values < 1e-9).all()
    assert all(map(torch.equal, model.buffers(), buffers))
