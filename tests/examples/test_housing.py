"""What the page says of California's houses is what the network and the numbers say."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import relu

from examples import is_short_and_public, reported, row_of, section
from pellucid.examples import housing
from pellucid.examples.split import as_tensor, taking_raw
from pellucid.pages import Page
from pellucid.plot import GroupedBars, Scatter, Waterfall

FEATURES = list(housing.MEANINGS)


@pytest.fixture(scope="module")
def page() -> Page:
    return reported(housing)


@pytest.fixture(scope="module")
def rows() -> Tensor:
    return as_tensor(housing.data().test).double()


@pytest.fixture(scope="module")
def net() -> housing.Network:
    return housing.trained().double()


def bars(chart: GroupedBars, group: str, names: list[str]) -> list[float]:
    values = dict(zip(chart.names, chart.values[chart.groups.index(group)], strict=True))
    return [values[name] for name in names]


def house_of(page: Page) -> int:
    """The position in the test set of the house that the page shows."""
    group = int(re.search(r"Block group (\d+)", section(page, "One house").paragraphs[0])[1])
    return list(housing.raw().test.index).index(group)


def units_of(net: housing.Network, features: Tensor) -> Tensor:
    return net.lin2(relu(net.lin1(features)))


def price_of(net: housing.Network, units: Tensor) -> Tensor:
    return net.lin4(relu(net.lin3(relu(units)))).flatten()


def test_the_headline_is_what_the_table_says(page: Page):
    table = section(page, "MedInc counts most, then place").table
    assert list(table.index[:3]) == ["MedInc", "place", "AveOccup"]
    assert page.title.endswith("MedInc counts most, then place")
    first = table.iloc[0]
    assert f"income, {first['mean size']:.2f} ± {first['± 95 %']:.2f} of 100,000 dollars; place" in row_of("housing")
    lows, highs = table["mean size"] - table["± 95 %"], table["mean size"] + table["± 95 %"]
    assert lows["MedInc"] > highs["place"] > lows["place"] > highs["AveOccup"]
    assert set(table.index) == {*FEATURES[:6], "place"}
    assert "explains 76% of their variance (R²) in 4,128 others" in page.asked[0]


def test_the_sizes_are_those_of_shapley_values_drawn_by_hand(page: Page, rows: Tensor, net: housing.Network):
    """Each of 100 houses goes from 200 others to itself, feature by feature, in orders of chance."""
    chance, train = np.random.default_rng(0), as_tensor(housing.data().train).double()
    places = {name: [index] for index, name in enumerate(FEATURES[:6])} | {"place": [6, 7]}
    chosen = rows[torch.from_numpy(chance.choice(len(rows), 100, replace=False))]
    sums = torch.zeros(100, len(places), dtype=torch.float64)
    for _ in range(200):
        at = train[torch.from_numpy(chance.integers(len(train), size=100))].clone()
        with torch.no_grad():
            before = net(at)
            for feature in chance.permutation(len(places)):
                columns = list(places.values())[feature]
                at[:, columns] = chosen[:, columns]
                after = net(at)
                sums[:, feature] += after - before
                before = after
    by_hand = dict(zip(places, (sums / 200).abs().mean(0).tolist(), strict=True))
    table = section(page, "MedInc counts most").table
    assert table["mean size"].to_dict() == pytest.approx(by_hand, abs=0.12)
    assert sorted(by_hand, key=by_hand.__getitem__)[-3:] == ["AveOccup", "place", "MedInc"]


def test_other_baselines_change_less_than_the_order(page: Page):
    change = float(re.search(r"by up to ([\d.]+)\.", section(page, "How far").paragraphs[0])[1])
    sizes = section(page, "MedInc counts most").table["mean size"]
    assert 0 < 2 * change < min(sizes["MedInc"] - sizes["place"], sizes["place"] - sizes["AveOccup"])


def test_the_network_of_raw_columns_is_the_same():
    raw = housing.raw()
    with torch.no_grad():
        prices = taking_raw(housing.trained(), raw)(as_tensor(raw.test))
        assert torch.allclose(prices, housing.trained()(as_tensor(housing.data().test)), atol=1e-3)


def test_the_coast_adds_to_the_price_on_the_map(page: Page):
    *_, places = section(page, "MedInc counts most").charts
    assert isinstance(places, Scatter)
    east, north, levels = (np.array(each) for each in (places.x, places.y, places.levels))
    assert (len(levels), east.max() < -114, north.min() > 32) == (4128, True, True)
    at = {"San Francisco": (37.77, -122.45), "Los Angeles": (34.02, -118.45), "Fresno": (36.75, -119.8)}
    near = {name: levels[np.hypot(north - lat, east - lon) < 0.1].mean() for name, (lat, lon) in at.items()}
    assert min(near["San Francisco"], near["Los Angeles"]) > 0.7 > 0.3 > near["Fresno"]


def test_the_house_adds_up_in_the_values_of_the_table(page: Page):
    (waterfall,) = section(page, "One house").charts
    assert isinstance(waterfall, Waterfall)
    assert waterfall.start + sum(waterfall.steps) == pytest.approx(waterfall.end, abs=1e-4)
    house, test = house_of(page), housing.raw().test
    prices = housing.trained()(as_tensor(housing.data().test)).detach().numpy()
    assert waterfall.end == pytest.approx(prices[house], abs=1e-4)
    assert (prices < prices[house]).mean() == pytest.approx(0.9, abs=0.001)
    shown = dict(zip(waterfall.names, waterfall.details, strict=True))
    assert float(shown["MedInc"].strip("= ")) == pytest.approx(test["MedInc"].iloc[house], abs=1e-3)


def test_the_mean_house_is_where_the_page_says(page: Page, net: housing.Network):
    shown, train = section(page, "Why the baseline matters"), housing.raw().train
    with torch.no_grad():
        assert f"priced at {net(torch.zeros(1, 8).double()).item():.2f}" in shown.paragraphs[0]
    north, east = (np.radians(train[name].to_numpy()) for name in ("Latitude", "Longitude"))
    mean_north, mean_east = np.radians(train[["Latitude", "Longitude"]].mean())
    cosines = np.sin(north) * np.sin(mean_north) + np.cos(north) * np.cos(mean_north) * np.cos(east - mean_east)
    assert f"{6371 * np.arccos(cosines).min():.0f} km from all others" in shown.paragraphs[0]
    sizes, means = shown.charts
    assert [np.argsort(values)[::-1][:3].tolist() for values in sizes.values] == [[0, 1, 2]] * 2
    assert sizes.names[:3] == ("MedInc", "place", "AveOccup")
    assert means.names[0] == "AveOccup"
    assert bars(means, "from the mean", ["AveOccup"])[0] > 0.1 > abs(bars(means, "from houses", ["AveOccup"])[0])


def gradients_by_hand(function, start: Tensor, end: Tensor) -> Tensor:
    """The mean gradient at the middles of 400 equal steps of the way, times the way; in double precision."""
    total = 0
    for step in range(400):
        point = (start + (end - start) * (step + 0.5) / 400).requires_grad_()
        total = total + torch.autograd.grad(function(point).sum(), point)[0]
    return (end - start) * total / 400


def ablation_by_hand(function, rows: Tensor, to: Tensor) -> Tensor:
    columns = []
    with torch.no_grad():
        for column in range(rows.shape[1]):
            without = rows.clone()
            without[:, column] = to[:, column]
            columns.append(function(rows) - function(without))
    return torch.stack(columns, 1)


def test_features_are_those_by_hand(page: Page, rows: Tensor, net: housing.Network):
    shown, house = section(page, "What tutorials show"), house_of(page)
    zeros = torch.zeros_like(rows)
    steps, ablated = gradients_by_hand(net, zeros, rows), ablation_by_hand(net, rows, zeros)
    one, means = shown.charts[:2]
    for group, by_hand in (("Integrated Gradients", steps), ("ablation", ablated)):
        assert bars(one, group, FEATURES) == pytest.approx(by_hand[house].tolist(), abs=0.02)
        assert bars(means, group, FEATURES) == pytest.approx(by_hand.mean(0).tolist(), abs=2e-3)
    (said,) = shown.paragraphs
    sizes = steps.abs().mean(0)
    assert f"mean sizes of {sizes[6]:.2f} and {sizes[7]:.2f}, but place {steps[:, 6:].sum(1).abs().mean():.2f}" in said
    change = (net(rows) - net(zeros)).detach()
    assert f"by {(ablated.sum(1) - change).abs().mean():.2f} on average" in said


def test_units_are_those_by_hand(page: Page, rows: Tensor, net: housing.Network):
    shown, names = section(page, "What tutorials show"), [f"unit {index}" for index in range(10)]
    zeros = torch.zeros_like(rows)
    with torch.no_grad():
        units, of_mean = units_of(net, rows), units_of(net, zeros)

    def price(units: Tensor) -> Tensor:
        return price_of(net, units)

    by_hand = {
        "Integrated Gradients": gradients_by_hand(price, of_mean, units),
        "ablation to 0": ablation_by_hand(price, units, torch.zeros_like(units)),
        "ablation to the baseline": ablation_by_hand(price, units, of_mean),
    }
    one, means = shown.charts[2:4]
    for group, values in by_hand.items():
        assert bars(one, group, names) == pytest.approx(values[house_of(page)].tolist(), abs=0.01)
        assert bars(means, group, names) == pytest.approx(values.mean(0).tolist(), abs=1e-3)
    to_zero = by_hand["ablation to 0"].mean(0).abs()
    assert f"unit 9 has {to_zero[9]:.2f} (ablation to the baseline 0.02, gradients 0.00)" in shown.paragraphs[0]
    assert abs(bars(means, "ablation to the baseline", ["unit 9"])[0]) < 0.05


def test_the_unit_is_moved_as_by_hand(page: Page, rows: Tensor, net: housing.Network):
    shown, house = section(page, "What tutorials show"), house_of(page)
    zeros = torch.zeros_like(rows)

    def unit(features: Tensor) -> Tensor:
        return units_of(net, features)[:, 5]

    one, means = shown.charts[4:]
    for group, by_hand in (
        ("Integrated Gradients", gradients_by_hand(unit, zeros, rows)),
        ("ablation", ablation_by_hand(unit, rows, zeros)),
    ):
        assert bars(one, group, FEATURES) == pytest.approx(by_hand[house].tolist(), abs=5e-3)
        assert bars(means, group, FEATURES) == pytest.approx(by_hand.mean(0).tolist(), abs=1e-3)


def test_the_script_is_short_and_uses_public_names_alone(page: Page):
    is_short_and_public(housing, page)
