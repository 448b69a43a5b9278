"""FGSM and PGD: Captum's numbers and draws, balls and bounds, and what differs from Captum on purpose."""

from __future__ import annotations

import warnings

import captum.robust as captums
import pytest
import torch
from torch import Tensor, nn

from pellucid.errors import InvalidArgument, PellucidWarning
from pellucid.robust import FGSM, PGD

X = torch.tensor([[1.0, 2.0, 0.5], [0.0, -1.0, 2.0]])
CLASSES = torch.tensor([1, 0])


def linear() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 2, bias=False), nn.Softmax(dim=1))
    model[0].weight.data = torch.tensor([[1.0, -2.0, 0.0], [0.0, 1.0, 3.0]])
    return model


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2), nn.Softmax(dim=1))


def captum(attack: object, *args: object, **kwargs: object) -> Tensor:
    with warnings.catch_warnings():  # Captum tells of every input that it has set requires_grad
        warnings.simplefilter("ignore")
        return attack.perturb(*args, **kwargs)


SETTINGS = [{}, {"targeted": True}, {"mask": torch.tensor([[1.0, 0.0, 1.0]])}]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: ",".join(settings))
@pytest.mark.parametrize("target", [0, CLASSES], ids=["one class", "a class for each"])
@pytest.mark.parametrize("make", [linear, network])
def test_numbers_are_those_of_captum(make, target: object, settings: dict):
    bounds = {"lower_bound": -0.95, "upper_bound": 2.05}
    for loss in (None, nn.CrossEntropyLoss(reduction="none")):
        if loss is not None and isinstance(target, int):
            target = torch.full((2,), target)
        model = make()
        expected = captum(captums.FGSM(model, loss, **bounds), X, 0.1, target, **settings)
        assert torch.allclose(FGSM(model, loss, **bounds).perturb(X, 0.1, target, **settings), expected, atol=1e-6)
        for random_start in (False, True):
            torch.manual_seed(0)
            expected = captum(
                captums.PGD(model, loss, **bounds), X, 0.3, 0.1, 5, target, random_start=random_start, **settings
            )
            torch.manual_seed(0)
            found = PGD(model, loss, **bounds).perturb(X, 0.3, 0.1, 5, target, random_start=random_start, **settings)
            assert torch.allclose(found, expected, atol=1e-6)


def test_one_step_of_the_formula():
    model, x = linear(), X.clone().requires_grad_()
    loss = -model(x)[:, 0].log().sum()
    (gradient,) = torch.autograd.grad(loss, x)
    assert torch.equal(FGSM(model).perturb(X, 0.1, 0), X + 0.1 * gradient.sign())
    assert FGSM(model)(X, 0.1, 0).tolist() == FGSM(model).perturb(X, 0.1, 0).tolist()


@pytest.mark.parametrize("norm", ["Linf", "L2"])
@pytest.mark.parametrize("seed", range(3))
def test_attacks_stay_in_their_ball_and_bounds_and_raise_the_loss(norm: str, seed: int):
    model = network()
    x = torch.randn(16, 3, generator=torch.Generator().manual_seed(seed)).clamp(-1.5, 1.5)
    attack = PGD(model, lower_bound=-1.5, upper_bound=1.5)
    moved = attack.perturb(x, 0.4, 0.15, 10, 0, random_start=True, norm=norm, seed=seed)
    change = (moved - x).abs().amax(1) if norm == "Linf" else (moved - x).norm(dim=1)
    assert change.max() <= 0.4 + 1e-5
    assert moved.abs().max() <= 1.5
    with torch.no_grad():
        assert (model(moved)[:, 0] <= model(x)[:, 0] + 1e-6).all()


def l2_by_hand(model: nn.Module, x: Tensor, radius: float, step: float, steps: int) -> Tensor:
    """Steps of one length along the gradient, in the usual form."""
    moved = x.clone()
    for _ in range(steps):
        point = moved.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(-model(point)[:, 0].log().sum(), point)
        moved = moved + step * gradient / gradient.norm(dim=1, keepdim=True)
        change = moved - x
        moved = x + change * (radius / change.norm(dim=1, keepdim=True)).clamp(max=1)
    return moved


def test_steps_of_l2_go_along_the_gradient_and_not_along_its_sign():
    model = network()
    found = PGD(model).perturb(X, 0.3, 0.1, 4, 0, norm="L2")
    assert torch.allclose(found, l2_by_hand(model, X, 0.3, 0.1, 4), atol=1e-6)
    theirs = captum(captums.PGD(linear()), X, 0.3, 0.2, 5, 0, norm="L2")
    assert torch.allclose((theirs - X).abs(), torch.full((2, 3), 0.3 / 3**0.5), atol=1e-5)
    assert not torch.allclose(PGD(linear()).perturb(X, 0.3, 0.2, 5, 0, norm="L2"), theirs, atol=1e-2)


def test_starts_of_l2_are_uniform_in_the_ball_for_any_batch():
    x = torch.zeros(4000, 2, 3)
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 2), nn.Softmax(dim=1))
    start = PGD(model).perturb(x, 2.0, 0.1, 0, 0, random_start=True, norm="L2", seed=0)
    lengths = start.flatten(1).norm(dim=1)
    assert lengths.max() <= 2.0 + 1e-5
    for share in (0.25, 0.5, 0.75):
        assert (lengths <= 2.0 * share ** (1 / 6)).float().mean() == pytest.approx(share, abs=0.03)
    with pytest.raises(RuntimeError):  # Captum's radius of each example meets the columns
        captum(captums.PGD(model), x, 2.0, 0.1, 0, 0, random_start=True, norm="L2")
    one = torch.randn(1, 2, 3)
    torch.manual_seed(0)
    expected = captum(captums.PGD(model), one, 2.0, 0.1, 0, 0, random_start=True, norm="L2")
    torch.manual_seed(0)
    assert torch.allclose(PGD(model).perturb(one, 2.0, 0.1, 0, 0, random_start=True, norm="L2"), expected, atol=1e-6)


def test_a_mask_keeps_all_inputs():
    def model(a: Tensor, b: Tensor) -> Tensor:
        return torch.softmax(a * torch.tensor([1.0, -2.0, 0.5]) + b, dim=1)

    mask = torch.tensor([1.0, 0.0, 1.0])
    theirs = captum(captums.FGSM(model), (X, X + 1), 0.1, 0, mask=mask)
    assert len(theirs) == 1
    a, b = FGSM(model).perturb((X, X + 1), 0.1, 0, mask=mask)
    free_a, free_b = FGSM(model).perturb((X, X + 1), 0.1, 0)
    assert torch.equal(a, torch.where(mask > 0, free_a, X))
    assert torch.equal(b, torch.where(mask > 0, free_b, X + 1))
    a, b = FGSM(model).perturb((X, X + 1), 0.1, 0, mask=(mask, torch.zeros(3)))
    assert torch.equal(a, torch.where(mask > 0, free_a, X))
    assert torch.equal(b, X + 1)


def test_seeds_are_of_examples_and_leave_the_global_generator_alone():
    attack = PGD(network())
    before = torch.get_rng_state()
    arguments = {"random_start": True, "seed": 3}
    for norm in ("Linf", "L2"):
        both = attack.perturb(X, 0.3, 0.1, 2, 0, norm=norm, **arguments)
        assert torch.allclose(both[:1], attack.perturb(X[:1], 0.3, 0.1, 2, 0, norm=norm, **arguments), atol=1e-6)
    assert torch.equal(torch.get_rng_state(), before)


def test_inputs_the_model_and_gradients_are_as_they_were():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2), nn.Softmax(dim=1)).train()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    x = X.clone()
    with torch.no_grad():
        moved = FGSM(model).perturb(x, 0.1, 0)
    assert torch.equal(x, X)
    assert not x.requires_grad
    assert not moved.requires_grad
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert all(parameter.grad is None for parameter in model.parameters())
    assert FGSM(network()).perturb(X.clone().requires_grad_(), 0.1, 0).requires_grad


def test_no_steps_return_the_inputs():
    x = X.clone()
    assert PGD(network()).perturb(x, 0.3, 0.1, 0, 0) is x


def test_what_is_no_probability_is_told_of():
    with pytest.warns(PellucidWarning, match="0 or below, which has no logarithm.*Hint: a model that returns prob"):
        moved = FGSM(nn.Linear(3, 2, bias=False)).perturb(torch.eye(3), 0.1, 0)
    assert moved.isfinite().all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: FGSM(network()).perturb(X.long(), 0.1, 0), r"inputs must be floating.*Hint: x\.float\(\)"),
        (lambda: FGSM(network()).perturb(X, 0.1, 2), "target"),
        (lambda: FGSM(network()).perturb(X, 0.1, 0, mask=torch.ones(4)), "mask must be expandable"),
        (lambda: FGSM(network()).perturb(X, 0.1, 0, mask=(X, X)), "mask must be one tensor, or as many"),
        (lambda: FGSM(network(), lower_bound=1, upper_bound=0), "lower_bound must be at most upper_bound"),
        (lambda: PGD(network()).perturb(X, 0.1, 0.1, 1, 0, norm="L1"), 'norm must be "Linf" or "L2"'),
    ],
)
def test_what_cannot_be_is_refused(call, said: str):
    with pytest.raises(InvalidArgument, match=said):
        call()
