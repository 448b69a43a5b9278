"""What the page says of the Titanic is what the network and the numbers say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from examples import integrated_gradients_by_hand, is_short_and_public, reported, row_of, section
from pellucid.examples import titanic
from pellucid.examples.split import as_tensor
from pellucid.pages import Page
from pellucid.plot import Bars, GroupedBars, Scatter


@pytest.fixture(scope="module")
def page() -> Page:
    return reported(titanic)


def test_the_headline_is_what_the_table_says(page: Page):
    table = section(page, "Sex counts most, then class").table
    assert list(table.index[:2]) == ["sex", "class"]
    assert page.title.endswith("sex counts most, then class")
    first = table.iloc[0]
    assert f"sex, {first['mean size']:.2f} ± {first['± 95 %']:.2f} of the probability; class follows" in row_of(
        "titanic"
    )
    assert (table["mean size"].iloc[0] - table["± 95 %"].iloc[0]) > 2 * table["mean size"].iloc[1:].max()
    assert set(table.index) == {"age", "sibsp", "parch", "fare", "sex", "port", "class"}


def test_the_sizes_are_those_of_shapley_values_drawn_by_hand(page: Page):
    """Each of 50 passengers goes from 100 others to themselves, feature by feature, in orders of chance."""
    passengers, net = titanic.data(), titanic.trained()
    chance = np.random.default_rng(0)
    test, train = as_tensor(passengers.test), as_tensor(passengers.train)
    columns = {name: [name] for name in ("age", "sibsp", "parch", "fare")} | titanic.ONE_FEATURE
    places = [[titanic.FEATURES.index(each) for each in group] for group in columns.values()]
    chosen = torch.from_numpy(chance.choice(len(test), 50, replace=False))
    sums = torch.zeros(50, len(places))
    for _ in range(100):
        at = train[torch.from_numpy(chance.integers(len(train), size=50))].clone()
        with torch.no_grad():
            before = net(at)[:, 1]
            for feature in chance.permutation(len(places)):
                at[:, places[feature]] = test[chosen][:, places[feature]]
                after = net(at)[:, 1]
                sums[:, feature] += after - before
                before = after
    by_hand = dict(zip(columns, (sums / 100).abs().mean(0).tolist(), strict=True))
    table = section(page, "Sex counts most").table
    assert table["mean size"].to_dict() == pytest.approx(by_hand, abs=0.05)
    assert max(by_hand, key=by_hand.__getitem__) == "sex"


def from_zeros_by_hand() -> Tensor:
    """Of the passengers of the test, in 1000 steps in double precision."""
    passengers = as_tensor(titanic.data().test).double()
    return integrated_gradients_by_hand(
        titanic.trained().double(), passengers, torch.zeros(12).double(), steps=1000, column=1
    )


def test_from_zeros_age_comes_first_and_the_page_warns_of_it(page: Page):
    shown = section(page, "Why the baseline matters: from zeros, age would come first")
    compared, zeros = shown.charts
    assert isinstance(compared, GroupedBars)
    assert isinstance(zeros, Bars)
    _, of_zeros = compared.values
    assert compared.names[int(np.argmax(of_zeros))] == "age"
    by_hand = from_zeros_by_hand().mean(0).tolist()
    means = dict(zip(zeros.names, zeros.values, strict=True))
    assert [means[name] for name in titanic.FEATURES] == pytest.approx(by_hand, abs=1e-3)
    assert "baselines themselves score 1.00 for 'survived'" in shown.paragraphs[1]


def test_the_dots_of_siblings_are_their_means(page: Page):
    _, dots = section(page, "Means hide people").charts
    assert isinstance(dots, Scatter)
    company = titanic.data().test["sibsp"].to_numpy()
    by_hand = from_zeros_by_hand()[:, 1].numpy()
    values, counts = np.unique(company, return_counts=True)
    assert dots.x == tuple(values)
    assert dots.sizes == tuple(counts)
    assert dots.y == pytest.approx([by_hand[company == value].mean() for value in values], abs=1e-3)


def test_the_open_case_adds_up_and_is_open(page: Page):
    (waterfall,) = section(page, "One passenger").charts
    assert abs(waterfall.end - 0.5) < 0.05
    assert waterfall.start + sum(waterfall.steps) == pytest.approx(waterfall.end, abs=1e-5)
    assert "sex" in waterfall.names


def test_two_neurons_carry_more_than_half_of_all(page: Page):
    inside = section(page, "Inside")
    sizes = inside.table["mean size"]
    assert len(sizes) == 12
    assert sizes.iloc[:2].sum() > sizes.iloc[2:].sum()
    assert f"{sizes.index[0]} and {sizes.index[1]}" in inside.paragraphs[0]
    assert len(inside.charts) == 5


def test_the_script_is_short_and_uses_public_names_alone(page: Page):
    is_short_and_public(titanic, page)
