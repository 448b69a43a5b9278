"""What the page says of Boston's tracts is what the network and the numbers say."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import Tensor

from examples import integrated_gradients_by_hand, is_short_and_public, reported, row_of, section
from pellucid.examples import boston
from pellucid.examples.split import as_tensor
from pellucid.pages import Page
from pellucid.plot import GroupedBars, Panels, Waterfall


@pytest.fixture(scope="module")
def page() -> Page:
    return reported(boston)


def test_the_headline_is_what_the_table_says(page: Page):
    table = section(page, "lstat counts most, then b").table
    assert list(table.index[:2]) == ["lstat", "b"]
    assert page.title.endswith("lstat first, then b, built on race")
    sizes, half = table["mean size"], table["± 95 %"]
    assert f"lstat, {sizes['lstat']:.1f} ± {half['lstat']:.1f} thousand dollars; b follows" in row_of("boston")
    assert sizes["lstat"] - half["lstat"] > sizes["b"] + half["b"]
    assert sizes["b"] - half["b"] > sizes.iloc[2] + half.iloc[2]


def test_the_sizes_are_those_of_gradients_from_tracts_by_hand(page: Page):
    """Ten steps from each of the tracts that the network learnt from, the same for all tracts of the test."""
    rows, network = boston.data(), boston.trained().double()
    test, total = as_tensor(rows.test).double(), 0
    for tract in as_tensor(rows.train).double():
        total = total + integrated_gradients_by_hand(network, test, tract, steps=10)
    by_hand = (total / len(rows.train)).abs().mean(0)
    sizes = section(page, "lstat counts most").table["mean size"]
    assert sizes[list(boston.MEANINGS)].tolist() == pytest.approx(by_hand.tolist(), abs=0.03)


def test_each_feature_has_its_line_of_least_squares(page: Page):
    (panels,) = section(page, "Each feature against the price").charts
    assert isinstance(panels, Panels)
    rows = boston.data()
    prices = rows.test_target.double().numpy()
    assert len(panels.charts) == 13
    for chart, name in zip(panels.charts, boston.MEANINGS, strict=True):
        x = rows.test[name].to_numpy()
        slope, intercept = np.polyfit(x, prices, 1)
        ends = np.array([x.min(), x.max()])
        assert [y for _, y in chart.line] == pytest.approx(slope * ends + intercept, abs=1e-4)
        assert chart.title.startswith(f"{name}, r = ")
        assert (chart.x, chart.y) == (tuple(x), pytest.approx(tuple(prices), abs=1e-5))


def by_name(chart: GroupedBars) -> dict[str, dict[str, float]]:
    return {
        group: dict(zip(chart.names, row, strict=True)) for group, row in zip(chart.groups, chart.values, strict=True)
    }


def shares(values: Tensor) -> dict[str, float]:
    return dict(zip(boston.MEANINGS, (values / values.abs().sum()).tolist(), strict=True))


def test_the_bars_from_zeros_are_those_of_loops_by_hand(page: Page):
    rows, network = boston.data(), boston.trained().double()
    test = as_tensor(rows.test).double()
    chart, _ = section(page, "Why the baseline matters: from zeros, as people usually show it, b is first").charts
    bars = by_name(chart)
    steps = integrated_gradients_by_hand(network, test, torch.zeros(13).double(), steps=500).sum(0)
    assert bars["Integrated Gradients"] == pytest.approx(shares(steps), abs=0.005)
    assert bars["DeepLIFT"] == pytest.approx(bars["Integrated Gradients"], abs=0.005)
    assert bars["SmoothGrad of these"] == pytest.approx(bars["Integrated Gradients"], abs=0.01)
    with torch.no_grad():
        absent = [test * (torch.arange(13) != feature) for feature in range(13)]
        ablated = torch.stack([(network(test) - network(each)).sum() for each in absent])
    assert bars["ablation"] == pytest.approx(shares(ablated), abs=1e-4)
    weights = network.get_parameter("0.weight").detach().abs().mean(0)
    assert bars["sizes of weights"] == pytest.approx(shares(weights), abs=1e-5)


def test_the_last_layer_s_conductance_is_its_weight_times_the_change(page: Page):
    """What is linear has the same gradient everywhere on the way."""
    (chart,) = section(page, "Inside").charts
    rows, network = boston.data(), boston.trained()
    with torch.no_grad():
        units = network[:-1](as_tensor(rows.test)).mean(0) - network[:-1](torch.zeros(1, 13))[0]
    expected = units * network[-1].weight[0].detach()
    values = by_name(chart)["conductance"]
    assert [values[f"unit {unit}"] for unit in range(10)] == pytest.approx(
        (expected / expected.abs().sum()).tolist(), abs=1e-4
    )


def test_the_tract_that_b_lowers_most_adds_up(page: Page):
    (waterfall,) = section(page, "Why the set is kept only as history").charts
    assert isinstance(waterfall, Waterfall)
    (within,) = re.findall(r"sums within ([\d.]+)\.", section(page, "How far").paragraphs[0])
    assert waterfall.start + sum(waterfall.steps) == pytest.approx(waterfall.end, abs=float(within))
    assert float(within) < 1
    assert waterfall.names[0] == "b"
    assert waterfall.steps[0] == min(waterfall.steps)


def test_what_is_said_of_race_is_said_of_tracts_with_a_quarter_of_black_residents(page: Page):
    said = " ".join(section(page, "Why the set is kept only as history").paragraphs)
    b = boston.data().test["b"]
    several = b[b < 145]
    assert f"of {len(several)} tracts" in said
    assert (0.63 - (several / 1000) ** 0.5 >= 0.249).all()  # the least share of Black residents that gives such a b
    assert (0.63 - (b[b >= 145] / 1000) ** 0.5 < 0.25).all()
    assert "scikit-learn removed the set" in said


def test_the_script_is_short_and_uses_public_names_alone(page: Page):
    is_short_and_public(boston, page)
