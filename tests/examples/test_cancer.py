"""What the page says of tumours is what both networks and the numbers say."""

from __future__ import annotations

import re
from itertools import chain, combinations
from math import factorial

import pytest
import torch
from torch import Tensor, nn

from examples import integrated_gradients_by_hand, is_short_and_public, reported, row_of, section
from pellucid.examples import cancer
from pellucid.examples.score import accuracy
from pellucid.examples.split import Split, as_tensor, standardized
from pellucid.examples.stored import with_weights
from pellucid.pages import Page
from pellucid.plot import Bars, GroupedBars, Waterfall

MEASURES = [[cancer.FEATURES.index(name) for name in names] for names in cancer.ONE_FEATURE.values()]


@pytest.fixture(scope="module")
def page() -> Page:
    return reported(cancer)


def test_size_is_the_nine_columns_of_radius_perimeter_and_area():
    assert sorted(chain.from_iterable(MEASURES)) == list(range(30))
    assert [len(columns) for columns in MEASURES] == [9, *[3] * 7]
    assert all(re.search("radius|perimeter|area", name) for name in cancer.ONE_FEATURE["size"])


def test_the_headline_is_what_the_table_says(page: Page):
    table = section(page, "Size counts most").table
    sizes, half = table["mean size"], table["± 95 %"]
    assert f"size, {sizes['size']:.2f} ± {half['size']:.2f} of the probability" in row_of("cancer")
    assert sizes.index[0] == "size"
    assert sizes.iloc[0] - half.iloc[0] > 3 * (sizes.iloc[1] + half.iloc[1])
    assert sizes.iloc[1] - half.iloc[1] < sizes.iloc[2] + half.iloc[2]  # which is second is open, as the page says
    assert page.title.endswith("size counts most, and most of that is worst area")


def shapley_by_hand(network: nn.Module, rows: Split, chosen: list[int]) -> Tensor:
    """The definition, over all sets of measures, from every tumour that the network learnt from; `[rows, measures]`."""
    learnt, test, count = as_tensor(rows.train), as_tensor(rows.test)[chosen], len(MEASURES)
    worth = {}
    for players in chain.from_iterable(combinations(range(count), size) for size in range(count + 1)):
        known = torch.zeros(30, dtype=torch.bool)
        known[[column for player in players for column in MEASURES[player]]] = True
        with torch.no_grad():
            mixed = torch.where(known, test[:, None], learnt)
            worth[players] = network(mixed.flatten(0, 1))[:, 0].reshape(len(chosen), -1).double().mean(1)
    values = torch.zeros(len(chosen), count).double()
    for players, value in worth.items():
        for player in set(range(count)) - set(players):
            weight = factorial(len(players)) * factorial(count - len(players) - 1) / factorial(count)
            values[:, player] += weight * (worth[tuple(sorted((*players, player)))] - value)
    return values


def test_the_waterfall_is_that_of_the_definition(page: Page):
    (waterfall,) = section(page, "One tumour").charts
    assert isinstance(waterfall, Waterfall)
    rows, network = cancer.data(), cancer.trained()
    with torch.no_grad():
        malignant = network(as_tensor(rows.test))[:, 0]
    wrong = int((malignant - (rows.test_target == 0).float()).abs().argmax())
    by_hand = dict(zip(cancer.ONE_FEATURE, shapley_by_hand(network, rows, [wrong])[0].tolist(), strict=True))
    assert dict(zip(waterfall.names, waterfall.steps, strict=True)) == pytest.approx(by_hand, abs=1e-5)
    assert waterfall.end == pytest.approx(float(malignant[wrong]), abs=1e-6)


def test_scaling_changes_the_reasons_and_not_the_accuracy(page: Page):
    shown = section(page, "Scaled columns: worst area falls from 4")
    measures, columns = shown.charts
    rows, scaled = cancer.data(), standardized(cancer.data())
    networks = {"raw": (cancer.trained(), rows), "scaled": (with_weights("cancer_scaled", cancer.network), scaled)}
    assert isinstance(measures, GroupedBars)
    for group, bars in zip(measures.groups, measures.values, strict=True):
        sizes = shapley_by_hand(*networks[group], list(range(0, 57, 4))).abs().mean(0)
        by_hand = dict(zip(cancer.ONE_FEATURE, (sizes / sizes.sum()).tolist(), strict=True))
        assert dict(zip(measures.names, bars, strict=True)) == pytest.approx(by_hand, abs=0.1)  # of every fourth tumour
        network, rows = networks[group]
        assert accuracy(network, rows.test, rows.test_target) == pytest.approx(55 / 57)
    share = {
        group: dict(zip(columns.names, row, strict=True))
        for group, row in zip(columns.groups, columns.values, strict=True)
    }
    assert f"from {share['raw']['worst area']:.0%} to {share['scaled']['worst area']:.0%}" in shown.heading
    assert share["raw"]["worst area"] > 0.4
    assert share["scaled"]["worst area"] < 0.1


def test_from_zeros_is_that_of_loops_by_hand(page: Page):
    _, zeros, one, mean = section(page, "Why the baseline matters").charts
    rows, network = cancer.data(), cancer.trained().double()
    test = as_tensor(rows.test).double()
    steps = torch.stack(
        [integrated_gradients_by_hand(network, test, torch.zeros(30).double(), 500, column) for column in range(2)]
    )
    assert isinstance(zeros, Bars)
    means = dict(zip(cancer.FEATURES, steps[0].mean(0).tolist(), strict=True))
    for name, value in list(zip(zeros.names, zeros.values, strict=True))[:12]:
        assert value == pytest.approx(means[name], abs=0.01), name
    own = torch.where(rows.test_target[:, None] == 0, steps[0], steps[1])
    with torch.no_grad():
        absent = torch.stack([network(test) - network(test * (torch.arange(30) != each)) for each in range(30)], dim=1)
    ablated = absent[torch.arange(len(test)), :, rows.test_target]
    for chart, of in ((mean, lambda values: values.mean(0)), (one, lambda values: values[31])):
        assert isinstance(chart, GroupedBars)
        for by_hand, bars, within in zip((own, ablated), chart.values, (0.01, 1e-4), strict=True):
            expected = dict(zip(cancer.FEATURES, of(by_hand).tolist(), strict=True))
            assert list(bars) == pytest.approx([expected[name] for name in chart.names], abs=within)


def test_the_units_are_those_of_loops_by_hand(page: Page):
    _, mean, _, of_unit = section(page, "Inside").charts
    rows, network = cancer.data(), cancer.trained()
    test, truth = as_tensor(rows.test), rows.test_target
    with torch.no_grad():
        units = network.lin2(torch.relu(network.lin1(test)))
        on = torch.softmax(network.lin4(torch.relu(network.lin3(torch.relu(units)))), 1)
        ablated = []
        for unit in range(10):
            without = torch.relu(units * (torch.arange(10) != unit))
            off = torch.softmax(network.lin4(torch.relu(network.lin3(without))), 1)
            ablated.append((on - off)[torch.arange(len(test)), truth].mean())
    to_zero = dict(zip(mean.names, mean.values[1], strict=True))
    assert [to_zero[f"unit {unit}"] for unit in range(10)] == pytest.approx(torch.stack(ablated).tolist(), abs=1e-5)
    with torch.no_grad():
        others = [test * (torch.arange(30) != each) for each in range(30)]
        moved = [(units - network.lin2(torch.relu(network.lin1(other))))[:, 5].mean() for other in others]
    assert f"{sum(value == 0 for value in to_zero.values())} do nothing" in section(page, "Inside").paragraphs[0]
    expected = dict(zip(cancer.FEATURES, torch.stack(moved).tolist(), strict=True))
    assert list(of_unit.values[1]) == pytest.approx([expected[name] for name in of_unit.names], rel=1e-3, abs=1e-3)


def test_the_script_is_short_and_uses_public_names_alone(page: Page):
    is_short_and_public(cancer, page)
