"""What the page says of diabetes is what the network and the numbers say."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import Tensor

from examples import is_short_and_public, reported, row_of, section
from pellucid.examples import diabetes
from pellucid.examples.split import as_tensor
from pellucid.pages import Page
from pellucid.plot import Bars, GroupedBars, Scatter, Waterfall

FEATURES = list(diabetes.MEANINGS)


@pytest.fixture(scope="module")
def page() -> Page:
    return reported(diabetes)


@pytest.fixture(scope="module")
def rows() -> Tensor:
    return as_tensor(diabetes.data().test).double()


@pytest.fixture(scope="module")
def net() -> torch.nn.Sequential:
    return diabetes.trained().double()


def test_the_headline_is_what_the_table_says(page: Page):
    shown = section(page, "glucose and blood_pressure move it most")
    table = shown.table
    assert list(table.index[:3]) == ["glucose", "blood_pressure", "age"]
    assert page.title.endswith("glucose and blood_pressure move it most")
    assert "glucose or blood pressure: the intervals leave it open" in row_of("diabetes")
    lows, highs = table["mean size"] - table["± 95 %"], table["mean size"] + table["± 95 %"]
    assert highs["blood_pressure"] > lows["glucose"]
    assert lows["blood_pressure"] > highs["age"]
    ahead, half = map(float, re.search(r"([\d.]+) ± ([\d.]+) more", shown.paragraphs[0]).groups())
    assert ahead == pytest.approx(table["mean size"]["glucose"] - table["mean size"]["blood_pressure"], abs=1e-3)
    assert half > ahead


def test_the_sizes_are_those_of_shapley_values_drawn_by_hand(page: Page, rows: Tensor, net: torch.nn.Sequential):
    """Each woman goes from 200 of the training set to herself, feature by feature, in orders of chance."""
    chance, train = np.random.default_rng(0), as_tensor(diabetes.data().train).double()
    sums = torch.zeros_like(rows)
    for _ in range(200):
        at = train[torch.from_numpy(chance.integers(len(train), size=len(rows)))].clone()
        with torch.no_grad():
            before = net(at)[:, 1]
            for feature in chance.permutation(len(FEATURES)):
                at[:, feature] = rows[:, feature]
                after = net(at)[:, 1]
                sums[:, feature] += after - before
                before = after
    by_hand = dict(zip(FEATURES, (sums / 200).abs().mean(0).tolist(), strict=True))
    table = section(page, "glucose and blood_pressure").table
    assert table["mean size"].to_dict() == pytest.approx(by_hand, abs=0.01)


def test_pressure_goes_along_with_diabetes_and_lowers_the_probability(page: Page):
    women = diabetes.data()
    measured = women.train["blood_pressure"].to_numpy() > 0
    pressure, ill = women.train["blood_pressure"].to_numpy()[measured], women.train_target.numpy()[measured]
    (said,) = section(page, "glucose and blood_pressure").paragraphs
    assert f"in training (r = +{np.corrcoef(pressure, ill)[0, 1]:.2f})" in said
    assert float(re.search(r"probability \(r = \u2212([\d.]+)\)", said)[1]) > 0.8


def test_the_network_is_hardly_better_than_nobody_and_than_a_cut(page: Page, rows: Tensor, net: torch.nn.Sequential):
    shown, women = section(page, "What the network knows"), diabetes.data()
    right = shown.table["right in the test"].to_dict()
    truth = women.test_target
    with torch.no_grad():
        is_right = net(rows).argmax(1) == truth
    assert right["class 0 for all"] == pytest.approx(157 / 231)
    assert right["this network"] == pytest.approx(float(is_right.double().mean())) == pytest.approx(167 / 231)
    cuts = {cut: float(((women.train["glucose"] > cut) == women.train_target.numpy()).mean()) for cut in range(60, 200)}
    assert max(cuts.values()) == cuts[144]
    assert right["glucose above 144"] == pytest.approx(((women.test["glucose"] > 144) == truth.numpy()).mean())
    assert right["glucose above 144"] >= right["this network"]
    gain = is_right.double() - (truth == 0).double()
    half = 1.96 * gain.std() / len(gain) ** 0.5
    assert f"{100 * gain.mean():.1f} ± {100 * half:.1f} points" in shown.paragraphs[0]
    assert half > gain.mean()
    assert f"finds {is_right[truth == 1].double().mean():.0%} of those who have it" in shown.paragraphs[0]
    assert [name.startswith("glucose, blood_pressure, ") for name in shown.table["moved most by"]] == [
        0,
        0,
        1,
        1,
        1,
        1,
        1,
    ]


def test_what_was_not_measured_is_counted(page: Page):
    shown, test = section(page, "Zeros that mean"), diabetes.data().test
    missing = test[list(diabetes.ZERO_IS_MISSING)] == 0
    assert shown.table["lack it"].to_dict() == missing.sum().to_dict()
    assert shown.paragraphs[0].startswith(f"{missing.any(axis=1).sum()} of 231 women")
    dots, _ = shown.charts
    assert isinstance(dots, Scatter)
    pressure, adds = np.array(dots.x), np.array(dots.y)
    assert (pressure == 0).sum() == 10
    assert shown.table["in these"]["blood_pressure"] == pytest.approx(adds[pressure == 0].mean())
    assert shown.table["in others"]["blood_pressure"] == pytest.approx(adds[pressure > 0].mean())


def test_the_woman_without_a_pressure_adds_up(page: Page, rows: Tensor, net: torch.nn.Sequential):
    shown, women = section(page, "Zeros that mean"), diabetes.data()
    _, waterfall = shown.charts
    assert isinstance(waterfall, Waterfall)
    assert waterfall.start + sum(waterfall.steps) == pytest.approx(waterfall.end, abs=1e-5)
    case = list(women.test.index).index(int(re.search(r"Woman (\d+)", shown.paragraphs[0])[1]))
    assert waterfall.end == pytest.approx(float(net(rows)[case, 1].detach()), abs=1e-5)
    assert waterfall.names[0] == "blood_pressure"
    assert women.test["blood_pressure"].iloc[case] == 0
    assert women.test_target[case] == 0
    assert "had no diabetes" in shown.paragraphs[0]


def test_from_zeros_pressure_comes_first_with_more_than_a_probability(
    page: Page, rows: Tensor, net: torch.nn.Sequential
):
    shown = section(page, "Why the baseline matters: from zeros, as people usually start, blood_pressure is first")
    compared, zeros = shown.charts
    assert isinstance(compared, GroupedBars)
    assert isinstance(zeros, Bars)
    total = torch.zeros_like(rows)
    for step in range(1000):
        point = (rows * (step + 0.5) / 1000).requires_grad_()
        total += torch.autograd.grad(net(point)[:, 1].sum(), point)[0]
    by_hand = (rows * total / 1000).mean(0).detach()
    means = dict(zip(zeros.names, zeros.values, strict=True))
    assert [means[name] for name in FEATURES] == pytest.approx(by_hand.tolist(), abs=2e-3)
    assert means["blood_pressure"] < -1
    assert f"\u2212{abs(means['blood_pressure']):.2f} on average" in shown.paragraphs[0]


def test_neurons_carry_what_flows_and_two_do_nothing(page: Page, rows: Tensor, net: torch.nn.Sequential):
    """Conductance from zeros by hand: gradients by neurons at 2000 steps, times how these change in each step."""
    shown = section(page, "Three levels")
    total, before = torch.zeros(len(rows), 12, dtype=torch.float64), net[:2](torch.zeros_like(rows)).detach()
    for step in range(2000):
        neurons = net[:2](rows * (step + 0.5) / 2000).detach().requires_grad_()
        slopes = torch.autograd.grad(net[2:](neurons)[:, 1].sum(), neurons)[0]
        after = net[:2](rows * (step + 1) / 2000).detach()
        total += slopes * (after - before)
        before = after
    sizes = total.abs().mean(0)
    both = shown.charts[1]
    assert isinstance(both, GroupedBars)
    shares = dict(zip(both.names, both.values[both.groups.index("from zeros")], strict=True))
    by_hand = (sizes / sizes.sum()).tolist()
    assert [shares[f"unit {index}"] for index in range(12)] == pytest.approx(by_hand, abs=2e-3)
    assert set(shown.table.index[-2:]) == {"unit 8", "unit 9"}
    assert shown.table["mean size"].iloc[-2:].max() < 1e-6
    assert "2 do nothing" in shown.paragraphs[0]
    hidden = net[:2](rows).detach()
    assert float(hidden[:, [8, 9]].std(0).max()) < 1e-6


def test_the_strongest_neuron_tells_whether_insulin_was_measured(page: Page, rows: Tensor, net: torch.nn.Sequential):
    shown = section(page, "Three levels")
    assert shown.table.index[0] == "unit 1"
    assert "unit 1 hears most of insulin" in shown.paragraphs[0]
    hidden, insulin = net[:2](rows)[:, 1].detach(), rows[:, FEATURES.index("insulin")]
    assert float(hidden[insulin > 0].min()) > 0.998
    assert float(hidden[insulin == 0].mean()) < 0.5
    titles = [chart.title for chart in shown.charts[2:]]
    assert titles == [f"Neuron conductance: what unit {index} hears of, mean sizes" for index in (1, 2)]


def test_the_script_is_short_and_uses_public_names_alone(page: Page):
    is_short_and_public(diabetes, page)
