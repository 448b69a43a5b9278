"""infidelity and sensitivity_max: Captum's numbers and draws, the formulas, and what differs from Captum on purpose."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import captum.attr
import captum.metrics as captums
import pytest
import torch
from torch import Tensor, nn

import pellucid.attr
import pellucid.metrics as ours
from pellucid.errors import InvalidArgument, NotScalar, PellucidWarning
from pellucid.metrics import infidelity, infidelity_perturb_func_decorator, sensitivity_max
from pellucid.metrics.captum.sensitivity import default_perturb_func

X = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
CLASSES = torch.tensor([0, 2])


def squares(x: Tensor) -> Tensor:
    return (x**2).sum(1)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3))


def shifted(x: Tensor) -> tuple[Tensor, Tensor]:
    return torch.full_like(x, 0.1), x - 0.1


def noisy(x: Tensor) -> tuple[Tensor, Tensor]:
    noise = torch.randn_like(x) * 0.1
    return noise, x - noise


def beside(call: Callable[[Any], Tensor]) -> tuple[Tensor, Tensor]:
    """The same call of both libraries, from the same seed."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in (captums, ours):
            torch.manual_seed(0)
            found.append(call(module))
    return found[0], found[1]


@pytest.mark.parametrize(
    ("factor", "plain", "scaled"),
    [(2, 0.0004, 0.0), (10, (5.8564, 2.6244), 0.0), (0, (0.3364, 0.1444), (0.3364, 0.1444))],
)
def test_numbers_that_were_worked_out(factor: float, plain: Any, scaled: Any):
    for normalize, expected in ((False, plain), (True, scaled)):
        found = infidelity(squares, shifted, X, factor * X, normalize=normalize)
        assert torch.allclose(found, torch.as_tensor(expected), atol=1e-4)
        assert (found >= 0).all()


@pytest.mark.parametrize("most", [None, 2, 4, 6, 7, 100])
@pytest.mark.parametrize("normalize", [False, True])
def test_infidelity_is_that_of_captum(most: int | None, normalize: bool):
    model = network()
    arguments = {"target": CLASSES, "n_perturb_samples": 6, "max_examples_per_batch": most, "normalize": normalize}
    theirs, found = beside(lambda module: module.infidelity(model, noisy, X, 3 * X, **arguments))
    assert torch.allclose(found, theirs, atol=1e-6)
    assert not found.requires_grad


def test_infidelity_of_several_inputs_with_further_arguments_and_baselines():
    def model(a: Tensor, b: Tensor, weights: Tensor, factor: float) -> Tensor:
        return factor * (a * weights).sum(1) + b.square().sum(1)

    def perturb(inputs: tuple[Tensor, Tensor], baselines: tuple[Tensor, float]) -> tuple[Any, Any]:
        (a, b), (start, _) = inputs, baselines
        assert start.shape == a.shape  # repeated with the rows
        return (a - start, torch.full_like(b, 0.5)), (start, b - 0.5)

    attributions, starts = (X, 2 * X), (X / 2, 0.0)
    theirs, found = beside(
        lambda module: module.infidelity(
            model, perturb, (X, X + 1), attributions, starts, (torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 0.5)
        )
    )
    assert torch.allclose(found, theirs, atol=1e-5)


def test_infidelity_is_the_mean_of_squares_by_hand():
    model, generator = network().double(), torch.Generator().manual_seed(0)
    x, noise = X.double(), torch.randn(2, 5, 2, generator=generator).double()
    attributions = x * 0.7

    def perturb(rows: Tensor) -> tuple[Tensor, Tensor]:
        return noise.flatten(0, 1), rows - noise.flatten(0, 1)

    found = infidelity(model, perturb, x, attributions, target=1, n_perturb_samples=5)
    for example in range(2):
        squares = []
        for sample in range(5):
            said = (noise[example, sample] * attributions[example]).sum()
            with torch.no_grad():
                done = model(x[example : example + 1])[0, 1] - model((x[example] - noise[example, sample])[None])[0, 1]
            squares.append((said - done).square())
        assert found[example].item() == pytest.approx(torch.stack(squares).mean().item())


@pytest.mark.parametrize("by_inputs", [True, False])
@pytest.mark.parametrize("with_baselines", [True, False])
def test_the_decorator_is_that_of_captum(by_inputs: bool, with_baselines: bool):
    def call(module: Any) -> Tensor:
        @module.infidelity_perturb_func_decorator(multiply_by_inputs=by_inputs)
        def halved(inputs: Tensor, baselines: Tensor | None = None) -> Tensor:
            return inputs / 2

        starts = torch.tensor([[0.5, 2.0], [3.0, 0.0]]) if with_baselines else None
        return module.infidelity(squares, halved, X, 2 * X, starts)

    theirs, found = beside(call)
    assert torch.allclose(found, theirs, atol=1e-5)


def test_integrated_gradients_from_the_perturbed_inputs_are_faithful():
    zeros = infidelity_perturb_func_decorator()(torch.zeros_like)
    attributions = pellucid.attr.IntegratedGradients(squares).attribute(X)
    assert infidelity(squares, zeros, X, attributions).tolist() == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize("most", [None, 2, 4, 7])
@pytest.mark.parametrize("norm", ["fro", 1, float("inf")])
def test_sensitivity_is_that_of_captum(most: int | None, norm: Any):
    model = network()
    methods = {captums: captum.attr.Saliency(model), ours: pellucid.attr.Saliency(model)}

    def call(module: Any) -> Tensor:
        explain = methods[module].attribute
        return module.sensitivity_max(
            explain, X, n_perturb_samples=5, norm_ord=norm, max_examples_per_batch=most, target=CLASSES
        )

    theirs, found = beside(call)
    assert torch.allclose(found, theirs, atol=1e-6)


def test_sensitivity_of_baselines_of_each_example_and_of_another_perturbation():
    model = network()
    methods = {captums: captum.attr.IntegratedGradients(model), ours: pellucid.attr.IntegratedGradients(model)}

    def doubled(x: Any) -> Any:
        return tuple(2 * each for each in x) if isinstance(x, tuple) else 2 * x

    def call(module: Any) -> Tensor:
        return module.sensitivity_max(methods[module].attribute, X, doubled, target=CLASSES, baselines=X / 3)

    theirs, found = beside(call)
    assert torch.allclose(found, theirs, atol=1e-5)


def test_sensitivity_is_the_largest_change_by_hand():
    model, explain = network(), pellucid.attr.Saliency(network())
    generator = torch.Generator().manual_seed(0)
    moves = torch.rand(2, 4, 2, generator=generator) * 0.1
    found = sensitivity_max(
        explain.attribute, X, lambda rows: (rows + moves.flatten(0, 1),), n_perturb_samples=4, target=1
    )
    for example in range(2):
        x = X[example : example + 1]
        before = pellucid.attr.Saliency(model).attribute(x, target=1)
        changes = [
            (pellucid.attr.Saliency(model).attribute(x + move, target=1) - before).norm() / before.norm()
            for move in moves[example]
        ]
        assert found[example].item() == pytest.approx(max(changes).item(), abs=1e-5)


def test_masks_of_each_example_go_with_its_copies():
    """A feature_mask of each example is repeated; Captum fails."""
    masks = torch.tensor([[0, 1], [0, 0]])
    model = network()
    found = sensitivity_max(
        pellucid.attr.FeatureAblation(model).attribute, X, target=CLASSES, feature_mask=masks, perturb_func=lambda x: x
    )
    assert found.tolist() == [0, 0]
    with pytest.raises((AssertionError, RuntimeError)):
        captums.sensitivity_max(captum.attr.FeatureAblation(model).attribute, X, target=CLASSES, feature_mask=masks)


def test_the_default_perturbation_draws_as_captum_and_from_a_generator():
    x = torch.rand(3, 2, dtype=torch.float64)
    (moved,) = default_perturb_func(x, 0.5, generator=torch.Generator().manual_seed(0))
    assert moved.dtype == torch.float64
    assert (moved - x).abs().max() <= 0.5
    before = torch.get_rng_state()
    default_perturb_func((x, x), generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: infidelity(squares, shifted, X, X[:, :1]), InvalidArgument, "attributions must be of the shape"),
        (lambda: infidelity(squares, shifted, X, (X, X)), InvalidArgument, "attributions must be as many as inputs"),
        (
            lambda: infidelity(squares, lambda x: x - 0.1, X, X),
            InvalidArgument,
            "must return two.*decorator",
        ),
        (lambda: infidelity(squares, lambda x: (x, x[:1]), X, X), InvalidArgument, "of the shape of its inputs"),
        (lambda: infidelity(network(), shifted, X, X), NotScalar, "target must"),
        (lambda: infidelity(squares, shifted, X, X, n_perturb_samples=0), InvalidArgument, "n_perturb_samples must be"),
        (lambda: sensitivity_max(lambda x: x, X, norm_ord="nuc"), InvalidArgument, "norm_ord must be"),
    ],
)
def test_what_cannot_be_is_refused(call: Callable[[], Any], error: type[Exception], said: str):
    with pytest.raises(error, match=said):
        call()


def test_a_limit_beyond_all_copies_is_told_of():
    with pytest.warns(PellucidWarning, match="max_examples_per_batch must be from 2 to 20"):
        infidelity(squares, shifted, X, X, max_examples_per_batch=100)
