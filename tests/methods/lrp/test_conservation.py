"""The table of where relevance goes: it adds up on any model, example by example, and says what absorbs."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from matrices import in_turn
from methods.lrp.networks import MODELS, network
from pellucid import attr, methods
from pellucid.attr.lrp_rules import GammaRule
from pellucid.errors import PellucidWarning
from pellucid.methods import LRP, Composite, Conservation, Epsilon, Gamma, Options, Pass, Problem, WSquare, ZPlus
from zoo.transformers import numbers, seeded

COMPOSITES = {
    "epsilon": Composite(),
    "large epsilon": Composite(default=Epsilon(0.3), stabiliser=0.1),
    "gamma": Composite(default=Gamma(1e-3, gamma=0.5)),
    "z+, without biases": Composite(default=ZPlus(bias=False)),
    "plus": methods.EpsilonPlus(0.1),
    "plus, flat": methods.EpsilonPlusFlat(),
    "alpha, beta": methods.EpsilonAlpha2Beta1(stabiliser=1e-2),
    "box": methods.EpsilonGammaBox(-3, 3),
    "squares first": Composite(first=WSquare()),
    "AttnLRP": methods.AttnLRP(gamma=0.1),
}


def adds_up(table: Conservation, **within: float) -> None:
    torch.testing.assert_close(table.relevance + table.absorbed, table.explained, **within)
    for each in table.calls:
        assert each.module == "" or not each.module.startswith("'")
        torch.testing.assert_close(each.by_bias + each.by_stabiliser + each.by_rule, each.absorbed)


@pytest.mark.parametrize(
    "dtype", [torch.float64, pytest.param(torch.float32, marks=pytest.mark.large)], ids=["float64", "float32"]
)
@pytest.mark.parametrize(("name", "composite"), in_turn(MODELS, COMPOSITES, quick=2))
def test_what_arrives_and_what_is_absorbed_are_what_is_explained(name: str, composite: str, dtype: torch.dtype):
    make, shape = MODELS[name]
    model, x = seeded(make).to(dtype), numbers(3, *shape).to(dtype)
    problem, method = Problem(model, x, target=1), LRP(composite=COMPOSITES[composite])
    table = method.conservation(problem)
    within = {"rtol": 1e-9, "atol": 1e-9} if dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-4}
    adds_up(table, **within)
    torch.testing.assert_close(table.explained, model(x)[:, 1].detach().double(), rtol=1e-5, atol=1e-5)
    found = method(problem, return_convergence_delta=True)
    torch.testing.assert_close(table.relevance, found.values[0].flatten(1).sum(1).double(), rtol=1e-3, atol=1e-3)
    if dtype == torch.float64:
        torch.testing.assert_close(table.absorbed, found.delta.double(), rtol=1e-9, atol=1e-9)


def by_name(table: Conservation) -> dict[str, Any]:
    return {each.module or each.function: each for each in table.calls}


def test_what_each_call_absorbs_is_as_by_hand():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    x, epsilon, more = numbers(5, 3), 0.25, 0.5
    table = LRP(composite=Composite({"2": Epsilon(epsilon)}, default=ZPlus(more))).conservation(
        Problem(model, x, target=0)
    )
    with torch.no_grad():
        first, last = model[0], model[2]
        hidden = first(x).relu()
        out = last(hidden)[:, 0]
        unit = out / (out + epsilon * out.sign())
        relevance = hidden * last.weight[0] * unit[:, None]
        positive = x.clamp(min=0) @ first.weight.clamp(min=0).T + x.clamp(max=0) @ first.weight.clamp(max=0).T
        z = positive + first.bias.clamp(min=0)
        each = relevance / (z + more)
    found = by_name(table)
    torch.testing.assert_close(found["2"].by_bias, unit * last.bias[0].detach())
    torch.testing.assert_close(found["2"].by_stabiliser, out - unit * out)
    torch.testing.assert_close(found["0"].by_bias, (each * first.bias.clamp(min=0)).sum(1).detach())
    torch.testing.assert_close(found["0"].by_stabiliser, (relevance - each * z).sum(1))
    torch.testing.assert_close(table.relevance, (each * positive).sum(1))
    assert all(row.by_rule.abs().max() < 1e-12 for row in table.calls)
    assert [row.rule for row in table.calls] == ["Epsilon", "pass_through", "ZPlus"]
    assert found["1"].absorbed.abs().max() == 0


def test_constants_get_their_part_as_biases_do():
    constant, mask = numbers(2), torch.tensor([True, False, False])

    def model(x: Tensor) -> Tensor:
        x = torch.cat([x, constant.expand(len(x), -1)], 1) * torch.tensor([1.0, 2, 3, 4, 5]).double()
        return x[:, :3].masked_fill(mask, 7.0).sum(1) + x[:, 3:].sum(1) + 2 * constant.sum()

    x = numbers(4, 3)
    table = LRP().conservation(Problem(model, x))
    adds_up(table)
    lost = model(x) - (x[:, 1] * 2 + x[:, 2] * 3)
    torch.testing.assert_close(sum(each.by_bias for each in table.calls), lost, rtol=1e-6, atol=1e-6)
    assert {"Cat", "MaskedFill"} <= {each.function for each in table.calls}


def test_what_a_function_gives_for_zero_is_its_own():
    x = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    table = LRP().conservation(Problem(lambda x: x.sigmoid().sum(1), x))
    torch.testing.assert_close(by_name(table)["sigmoid"].by_bias, torch.tensor([0.5, 0.5]).double())
    adds_up(table)


def test_what_a_softmax_keeps_is_kept_by_its_rule():
    table = LRP().conservation(Problem(lambda x: x.softmax(1), numbers(3, 4), target=0))
    (row,) = (each for each in table.calls if each.function == "softmax")
    torch.testing.assert_close(row.by_rule, row.absorbed)
    assert row.absorbed.abs().min() > 1e-3
    adds_up(table)


def test_rules_of_one_s_own_keep_what_they_do_not_pass():
    class Half(methods.LayerRule):
        def __call__(self, call: Any, relevance: Tensor) -> Any:
            return tuple(each / 2 for each in Epsilon()(call, relevance))

    model = seeded(lambda: nn.Linear(3, 2, bias=False))
    table = LRP(composite=Composite(default=Half())).conservation(Problem(model, numbers(2, 3), target=0))
    torch.testing.assert_close(table.calls[0].by_rule, table.explained / 2, rtol=1e-6, atol=1e-6)
    adds_up(table)


def test_relevance_that_is_passed_on_is_all_there():
    model = seeded(lambda: nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2)))
    table = LRP(composite=Composite({"0": Pass()})).conservation(Problem(model, numbers(2, 3), target=0))
    assert [each.rule for each in table.calls] == ["Epsilon", "Pass"]
    assert table.calls[1].absorbed.abs().max() == 0
    adds_up(table)


def test_modules_with_a_rule_of_captum():
    model = seeded(lambda: nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2)))
    model[0].rule = GammaRule()
    table = LRP().conservation(Problem(model, numbers(2, 3), target=0))
    assert table.calls[-1].rule == "GammaRule"
    assert table.calls[-1].by_bias.abs().min() > 1e-3
    assert table.calls[-1].by_rule.abs().max() < 1e-6
    adds_up(table)


def test_models_whose_examples_meet():
    """Each column is of the output of one example, whatever of the batch it is made of."""
    model = seeded(network)
    model.train()
    model[8].eval()
    problem = Problem(model, numbers(4, 2, 8, 8), target=2)
    table = LRP().conservation(problem)
    assert table.explained.shape == (4,)
    torch.testing.assert_close(table.explained, model(numbers(4, 2, 8, 8))[:, 2].detach())
    adds_up(table, rtol=1e-6, atol=1e-6)


def test_complex_numbers_have_the_relevance_of_both_parts():
    def model(x: Tensor) -> Tensor:
        return (torch.fft.rfft(x) * torch.complex(numbers(4), numbers(4).flip(0)) + 0.5).abs().sum((1, 2))

    adds_up(LRP().conservation(Problem(model, numbers(2, 3, 6))))


def test_a_model_that_collapses_the_batch():
    x = numbers(3, 2)
    table = LRP().conservation(Problem(lambda x: (x * torch.tensor([1.0, 2.0])).sum(), x))
    assert table.explained.shape == (1,)
    adds_up(table)


def test_a_model_that_makes_other_calls_for_each_example():
    def model(x: Tensor) -> Tensor:
        y = functional.linear(x, torch.eye(2).double(), torch.ones(2).double())
        for _ in range(int(x[0, 0])):
            y = y.tanh() + 1.5 * x
        return y

    x = torch.tensor([[1.0, 0.5], [3.0, -0.7]]).double()
    table = LRP().conservation(Problem(model, x, target=1, options=Options(whole_batch=False)))
    adds_up(table)
    received = [each.received for each in table.calls if each.function == "tanh"]
    assert [[bool(one) for one in each != 0] for each in received] == [[True, True], [False, True], [False, True]]


def test_at_a_layer_that_all_relevance_passes():
    model, x = seeded(network), numbers(3, 2, 8, 8)
    table = LRP().conservation(Problem(model, x, target=0, gradient_at="4"))
    adds_up(table)
    assert "0" not in {each.module for each in table.calls}


def test_calls_without_a_rule_are_told_of_and_are_in_the_table():
    problem = Problem(lambda x: x.renorm(2, 0, 0.5).sum(1), numbers(3, 4))
    with pytest.warns(PellucidWarning, match="no rule for renorm"):
        table = LRP().conservation(problem)
    adds_up(table)


def test_a_table_as_text_and_a_guest():
    model = seeded(network)
    found = str(LRP().conservation(Problem(model, numbers(3, 2, 8, 8), target=0)))
    assert "by stabiliser" in found.splitlines()[0]
    assert "linear in 9" in found.splitlines()[1]
    assert all(not module._forward_hooks and not module._backward_hooks for module in model.modules())


# ---------------------------------------------------------------------------------------------------------------------
# Stabilisers of composites
# ---------------------------------------------------------------------------------------------------------------------


def test_the_stabiliser_of_a_composite_is_that_of_all_other_calls():
    x, other = torch.tensor([[2.0, -1.0]]), torch.tensor([[0.5, 0.25]])
    found = attr.LRP(lambda x: (x + other).sum(1)).attribute(x, composite=Composite(stabiliser=0.5))
    z = x + other
    total = z.sum()
    of_sum = z * total / (total + 0.5)
    torch.testing.assert_close(found, x * of_sum / (z + 0.5 * z.sign()))


PRESETS: dict[str, Callable[..., Composite]] = {
    "plus": methods.EpsilonPlus,
    "plus, flat": methods.EpsilonPlusFlat,
    "alpha, beta": methods.EpsilonAlpha2Beta1,
    "box": lambda **more: methods.EpsilonGammaBox(-3, 3, **more),
    "AttnLRP": methods.AttnLRP,
}


@pytest.mark.parametrize("name", PRESETS)
def test_composites_that_are_ready_take_a_stabiliser(name: str):
    model, x = seeded(network), numbers(3, 2, 8, 8)
    absorbed = {}
    for stabiliser in (1e-9, 0.5):
        table = LRP(composite=PRESETS[name](stabiliser=stabiliser)).conservation(Problem(model, x, target=1))
        adds_up(table)
        absorbed[stabiliser] = sum(each.by_stabiliser.abs() for each in table.calls if each.module != "9")
    assert absorbed[1e-9].max() < 1e-3
    assert absorbed[0.5].min() > 1e-2


def test_a_stabiliser_is_no_negative_number():
    with pytest.raises(ValueError, match="stabiliser must be at least 0"):
        Composite(stabiliser=-1.0)
