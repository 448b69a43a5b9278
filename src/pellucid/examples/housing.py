"""What houses cost in California in 1990: a regression on standardised columns, with ReLU as a function."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from pandas import DataFrame
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn.functional import relu

import pellucid
from pellucid.examples.figures import by_place, grouped, of_means, one_and_mean, strongest
from pellucid.examples.levels import levels
from pellucid.examples.score import explained_variance
from pellucid.examples.split import Split, as_tensor, split, standardized
from pellucid.examples.stored import arrays, with_weights
from pellucid.pages import Page, Section
from pellucid.plot import methods, signed

MEANINGS = {
    "MedInc": "median income of households in 10,000 dollars",
    "HouseAge": "median age of houses in years",
    "AveRooms": "rooms per household",
    "AveBedrms": "bedrooms per household",
    "Population": "people in the block group",
    "AveOccup": "people per household",
    "Latitude": "degrees north",
    "Longitude": "degrees east, which are negative",
}
PLACE = {"place": ["Latitude", "Longitude"]}


class Network(nn.Module):
    """8 features, hidden layers of 5, 10 and 15 neurons, a price in 100,000 dollars."""

    def __init__(self) -> None:
        super().__init__()
        self.lin1 = nn.Linear(8, 5)
        self.lin2 = nn.Linear(5, 10)
        self.lin3 = nn.Linear(10, 15)
        self.lin4 = nn.Linear(15, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Predict the price, `[rows]`, of standardised features, `[rows, 8]`."""
        hidden = relu(self.lin1(features))
        hidden = relu(self.lin2(hidden))
        hidden = relu(self.lin3(hidden))
        price: Tensor = self.lin4(hidden)
        return price.flatten()


def raw() -> Split:
    """Read the 20,640 block groups; the target is the median value of houses in 100,000 dollars, 5 where it is more."""
    stored = arrays("housing")
    features = DataFrame(stored["features"].astype(float), columns=list(stored["names"]))
    train, test = train_test_split(np.arange(len(features)), test_size=0.2, random_state=123)
    return split(features, torch.from_numpy(stored["prices"]), train, test)


def data() -> Split:
    """Read the same as the network takes it: standardised by the training set."""
    return standardized(raw())


def network() -> Network:
    """Build the untrained network."""
    return Network()


def trained() -> Network:
    """Build the network that explains three quarters of the variance of prices."""
    return with_weights("housing", network)


def report() -> Page:
    """Explain what makes houses dear to a network, and what tutorials show of it: features, units, one unit."""
    (train, test, _, prices), net, scaled = raw(), trained(), data().test
    mean, deviation = as_tensor(train.agg(["mean"])), as_tensor(train.std(ddof=0).to_frame().T)
    # The network takes standardised columns; what people know is raw ones.
    explain = partial(pellucid.explain, lambda rows: net((rows - mean) / deviation), test, feature_mask=PLACE)
    houses, others = (explain(method="shapley_values", baselines=train, seed=seed) for seed in (0, 1))
    of_mean = explain(method="shapley_values", baselines="mean", background=train)
    (first, second), table, chance = strongest(houses, 2), of_means(houses), of_means(others)["mean size"]
    features, units, unit = levels(net, net.lin2, as_tensor(scaled), 5)
    house = int(np.abs(houses.prediction - np.quantile(houses.prediction, 0.9)).argmin())
    north, east = np.abs(place := features["Integrated Gradients"][:, 6:].detach().numpy()).mean(0)
    change = torch.tensor(of_mean.prediction - of_mean.baseline_prediction)
    missed = (features["ablation"].sum(1) - change).abs().mean()
    to_zero, to_mean = ((each - units["Integrated Gradients"]).abs().mean() for each in list(units.values())[1:])
    crowded, small = of_mean["AveOccup"].to_numpy().mean(), (train["AveOccup"] < train["AveOccup"].mean()).mean()
    far = (111 * ((train - train.mean())[PLACE["place"]] * (1, 0.81)).pow(2).sum(axis=1) ** 0.5).min()
    means = {"from the mean": of_mean.to_numpy().mean(0), "from houses": houses.to_numpy().mean(0)}
    money, of_units = "100,000 dollars", [f"unit {each}" for each in range(10)]
    return Page(
        title=f"What houses cost in California, in the eyes of a network: {first} counts most, then {second}",
        asked=(
            f"A network learnt the median price of houses from {len(train):,} block groups of 1990. Of {len(test):,} "
            f"others it explains {explained_variance(net, scaled, prices):.0%} of the variance of prices (R²). What "
            f"moves its prices for these from {houses.baseline_prediction[0]:.2f}, the mean of 100 it learnt from? They "
            "are in 100,000 dollars: blue raises them, hatched orange lowers them. "
            f"{'; '.join(f'{name}: {meaning}' for name, meaning in MEANINGS.items())}; place: both degrees.",
        ),
        sections=(
            Section(
                heading=f"{first} counts most, then {second}",
                shows="Shapley values: what a feature adds to the price, over all orders in which they become known; "
                "before, they are those of houses of the training set. Latitude and Longitude are one feature: that of "
                "one house with that of another is often sea or Nevada.",
                charts=(houses.plot.bar(), houses.plot.beeswarm(), by_place(houses, "place", test[PLACE["place"]])),
                table=table,
                caption="What features add to the price, in 100,000 dollars; the interval is of the mean size",
                limits="What makes houses dear, and what those above 5 cost: the table has no more than 5.",
            ),
            Section(
                heading="One house, which the network takes for dearer than nine of ten",
                shows=f"Block group {test.index[house]}, {test['Latitude'].iloc[house]:.2f} degrees north and "
                f"{-test['Longitude'].iloc[house]:.2f} west. Houses there cost {prices[house]:.2f}.",
                charts=(houses[house].plot.waterfall(),),
                limits="What would happen if a column changed and the others did not.",
            ),
            Section(
                heading="Why the baseline matters: tutorials start from a mean house, which exists nowhere",
                shows="Zeros of standardised columns are means: a house in farmland, "
                f"{far:.0f} km from the next block group, priced at {of_mean.baseline_prediction[0]:.2f}. A few crowded "
                f"places raise the mean of AveOccup: {small:.0%} have less, so AveOccup adds {signed(crowded)} on "
                "average, as if most houses were uncommonly empty. The order of the first three stays.",
                charts=(
                    methods({"from houses": houses, "from the mean": of_mean}),
                    grouped("Shapley values: means of attributions", houses.features.names, means, money),
                ),
            ),
            Section(
                heading="What tutorials show: features, one by one",
                shows=f"Integrated Gradients give Latitude and Longitude mean sizes of {north:.2f} and {east:.2f}, which "
                f"cancel: place has {np.abs(place.sum(1)).mean():.2f}. Ablation sets one column to its mean, which puts "
                "San Francisco by its latitude and Los Angeles by its longitude into the sea; its values miss the "
                f"change of the price by {missed:.2f} on average.",
                charts=one_and_mean(features, house, MEANINGS, "Features", money),
                limits="How much features matter: signs cancel in means.",
            ),
            Section(
                heading="Inside: the 10 units of the second layer, and what moves unit 5",
                shows="Integrated Gradients say what a unit's change since the mean house adds to the price. Ablation to "
                "0, which tutorials show, asks for the price without the unit. Ablation to what units are at zeros, the "
                f"mean house, asks as gradients do, and differs from them by {to_mean:.2f}, not {to_zero:.2f}.",
                charts=(
                    *one_and_mean(units, house, of_units, "Units of lin2", money),
                    *one_and_mean(unit, house, MEANINGS, "What moves unit 5 of lin2", "unit 5"),
                ),
                limits="What a unit means. Another training gives other units.",
            ),
            Section(
                heading="How far the numbers hold",
                shows="Shapley values are exact for the 100 houses drawn as baselines, and add up within "
                f"{np.abs(houses.delta).max():.0e}. Another 100 change mean sizes by up to "
                f"{(table['mean size'] - chance).abs().max():.2f}, more than the intervals, which are of means over "
                f"houses: {first} has {chance[first]:.2f} then and {second} {chance[second]:.2f}.",
            ),
        ),
        code=Path(__file__).read_text(encoding="utf-8"),
        sources=("Data: R. Kelley Pace and Ronald Barry, 1997; see the README beside the data.",),
    )


if __name__ == "__main__":
    print(page := report())
    page.save("housing.html")
