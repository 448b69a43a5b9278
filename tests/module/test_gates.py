"""Stochastic gates: the formulas, Captum's numbers and draws, and what learns by them."""

from __future__ import annotations

import copy
import io
import math

import captum.module as captums
import pytest
import torch
from torch import Tensor, nn

import pellucid.module as ours
from pellucid.errors import InvalidArgument
from pellucid.module import BinaryConcreteStochasticGates, GaussianStochasticGates, StochasticGatesBase

CLASSES = ["BinaryConcreteStochasticGates", "GaussianStochasticGates"]
LEARNT = {CLASSES[0]: torch.tensor([-2.0, 0.0, 3.0]), CLASSES[1]: torch.tensor([-0.2, 0.5, 1.4])}
X = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
SETTINGS = [
    {},
    {"reg_reduction": "mean", "reg_weight": 2.0},
    {"reg_reduction": "none"},
    {"mask": torch.tensor([2, 0, 1])},
]


def pretrained(name: str, **settings: object) -> StochasticGatesBase:
    gates: StochasticGatesBase = getattr(ours, name).from_pretrained(LEARNT[name], **settings)
    return gates


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: ",".join(settings))
@pytest.mark.parametrize("name", CLASSES)
def test_numbers_and_draws_are_those_of_captum(name: str, settings: dict):
    theirs = getattr(captums, name)._from_pretrained(LEARNT[name].clone(), **settings)
    gates = pretrained(name, **settings)
    for training in (True, False):
        theirs.train(training)
        gates.train(training)
        for seed in range(3):
            torch.manual_seed(seed)
            expected = theirs(X)
            torch.manual_seed(seed)
            for found, right in zip(gates(X), expected, strict=True):
                assert torch.equal(found, right)
    for clamp in (True, False):
        assert torch.equal(gates.get_gate_values(clamp), theirs.get_gate_values(clamp))
    assert torch.equal(gates.get_gate_active_probs(), theirs.get_gate_active_probs())
    assert list(gates.state_dict()) == list(theirs.state_dict())
    gates.load_state_dict(theirs.state_dict())


@pytest.mark.parametrize("name", CLASSES)
def test_new_ones_begin_as_those_of_captum(name: str):
    torch.manual_seed(0)
    theirs = getattr(captums, name)(5)
    torch.manual_seed(0)
    gates = getattr(ours, name)(5)
    for found, expected in zip(gates.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(found, expected)


def test_gates_of_the_concrete_distribution_are_those_of_the_formulas():
    gates = pretrained(CLASSES[0]).eval()
    log_alpha = LEARNT[CLASSES[0]].tolist()
    raw = [1.2 / (1 + math.exp(-each)) - 0.1 for each in log_alpha]
    assert gates.get_gate_values(clamp=False).tolist() == pytest.approx(raw, abs=1e-6)
    assert gates.get_gate_values().tolist() == pytest.approx([min(max(each, 0), 1) for each in raw], abs=1e-6)
    shift = 2 / 3 * math.log(0.1 / 1.1)
    active = [1 / (1 + math.exp(shift - each)) for each in log_alpha]
    assert gates.get_gate_active_probs().tolist() == pytest.approx(active)
    assert gates(X)[1].item() == pytest.approx(sum(active))


def test_gates_of_the_normal_distribution_are_those_of_the_formulas():
    gates = pretrained(CLASSES[1]).eval()
    active = [(1 + math.erf(each / 0.5 / math.sqrt(2))) / 2 for each in LEARNT[CLASSES[1]].tolist()]
    assert gates.get_gate_values().tolist() == pytest.approx([0, 0.5, 1])
    assert gates.get_gate_active_probs().tolist() == pytest.approx(active)


@pytest.mark.parametrize("name", CLASSES)
def test_probabilities_are_the_shares_of_open_gates(name: str):
    gates = pretrained(name, seed=0)
    open_gates = (gates(torch.ones(20_000, 3))[0] > 0).double()
    assert open_gates.mean(0).tolist() == pytest.approx(gates.get_gate_active_probs().tolist(), abs=0.012)


@pytest.mark.parametrize("name", CLASSES)
def test_gradients_are_those_of_the_formulas(name: str):
    gates = pretrained(name)
    (parameter,) = gates.parameters()
    torch.manual_seed(0)
    gated, price = gates(X)
    torch.autograd.backward(gated.sum() + price)
    shaken, step = [], 1e-3
    for number in range(3):
        ends = []
        for sign in (1, -1):
            moved = copy.deepcopy(gates).double()
            next(moved.parameters()).data[number] += sign * step
            torch.manual_seed(0)
            gated, price = moved(X.double())
            ends.append(float(gated.detach().sum() + price.detach()))
        shaken.append((ends[0] - ends[1]) / (2 * step))
    assert parameter.grad.tolist() == pytest.approx(shaken, rel=0.02, abs=0.02)


@pytest.mark.parametrize("mask", [[[0, 0, 1], [1, 2, 2]], [[[0, 0, 1], [1, 2, 2]]], [[0, 1, 2]], [[0], [2]]])
@pytest.mark.parametrize("name", CLASSES)
def test_features_of_one_number_share_a_gate(name: str, mask: list):
    ids = torch.tensor(mask)
    count = int(ids.max()) + 1
    learnt = torch.linspace(0.3, 0.7, count)
    gates = getattr(ours, name).from_pretrained(learnt, ids, seed=0)
    gated, _ = gates(torch.ones(4, 2, 3))
    ids = ids.expand(4, 2, 3)
    for example in range(4):
        for gate in range(count):
            assert len(gated[example][ids[example] == gate].unique()) <= 1
    assert len(gated[:, 0, 0].unique()) > 1  # drawn for each example
    same, _ = gates.eval()(torch.ones(4, 2, 3))
    assert torch.equal(same, gates.get_gate_values()[ids])


def test_a_mask_for_each_example():
    ids = torch.tensor([[0, 1, 1], [1, 0, 0]])
    gates = GaussianStochasticGates.from_pretrained(torch.tensor([0.25, 0.75]), ids).eval()
    assert gates(torch.ones(2, 3))[0].tolist() == [[0.25, 0.75, 0.75], [0.75, 0.25, 0.25]]


@pytest.mark.parametrize("name", CLASSES)
def test_seeds_and_generators_leave_the_global_generator_alone(name: str):
    before = torch.get_rng_state()
    one, same = (getattr(ours, name)(3, seed=7) for _ in range(2))
    assert torch.equal(one(X)[0], same(X)[0])
    assert not torch.equal(one(X)[0], one(X)[0])  # each call draws anew
    drawn = getattr(ours, name)(3, generator=torch.Generator().manual_seed(3))(X)[0]
    assert torch.equal(drawn, getattr(ours, name)(3, generator=torch.Generator().manual_seed(3))(X)[0])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", CLASSES)
def test_an_empty_batch_half_precision_and_files(name: str):
    gates = pretrained(name).eval()
    assert gates(torch.ones(0, 3))[0].shape == (0, 3)
    assert gates(X.half())[0].dtype == torch.float32
    torch.save(gates.state_dict(), file := io.BytesIO())
    file.seek(0)
    other = getattr(ours, name)(3)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other.eval()(X)[0], gates(X)[0])
    assert not gates.get_gate_values().requires_grad
    assert not gates.get_gate_active_probs().requires_grad


def relevant(gates: StochasticGatesBase, names: Tensor) -> list[int]:
    """Train a linear model behind gates on ten features, of which three count, and list those whose gates stay open."""
    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = x[:, names] @ torch.tensor([2.0, -3.0, 1.5]) + 0.1 * torch.randn(400)
    model = nn.Linear(10, 1)
    optimizer = torch.optim.Adam([*gates.parameters(), *model.parameters()], lr=0.03)
    for _ in range(400):
        gated, price = gates(x)
        loss = (model(gated)[:, 0] - y).square().mean() + price
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return torch.where(gates.eval().get_gate_values() > 0.5)[0].tolist()


@pytest.mark.parametrize("name", CLASSES)
def test_training_finds_the_features_that_count(name: str):
    assert relevant(getattr(ours, name)(10, reg_weight=0.15, seed=0), torch.tensor([1, 4, 8])) == [1, 4, 8]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: GaussianStochasticGates(0), "n_gates must be"),
        (lambda: GaussianStochasticGates(3, torch.tensor([0, 1])), "mask must have numbers of gates from 0"),
        (lambda: GaussianStochasticGates(2, torch.tensor([-1, 1])), "mask must have numbers of gates from 0"),
        (lambda: GaussianStochasticGates(2, torch.tensor([0.0, 1.0])), "mask must be a tensor of integers"),
        (lambda: GaussianStochasticGates(2, reg_reduction="max"), "reg_reduction must be one of sum, mean, none"),
        (lambda: GaussianStochasticGates(2, std=0.0), "std must be above 0"),
        (lambda: GaussianStochasticGates(2, seed=0, generator=torch.Generator()), "exclude each other"),
        (lambda: BinaryConcreteStochasticGates(2, temperature=1.0), "temperature must be between 0 and 1"),
        (lambda: BinaryConcreteStochasticGates(2, lower_bound=0.0), "lower_bound must be below 0"),
        (lambda: BinaryConcreteStochasticGates(2, upper_bound=1.0), "upper_bound must be above 1"),
        (lambda: BinaryConcreteStochasticGates(2, eps=0.5), "eps must be from 0"),
        (lambda: GaussianStochasticGates(2)(torch.ones(2)), r"input_tensor must be a batch"),
        (lambda: GaussianStochasticGates(2)(torch.ones(2, 3)), "input_tensor must have 2 features"),
        (lambda: GaussianStochasticGates(2, torch.tensor([0, 1]))(torch.ones(2, 3)), "that mask .* can be expanded to"),
        (lambda: GaussianStochasticGates.from_pretrained(torch.ones(2, 2)), r"parameter must be \(n_gates,\)"),
    ],
)
def test_what_cannot_be_is_refused(make, said: str):
    with pytest.raises(InvalidArgument, match=said):
        make()
