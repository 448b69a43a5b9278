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
from pellucid.examples.figures import by_place, kilometres, moved, of_means, of_what, signed_means, strongest
from pellucid.examples.levels import ABLATION, STEPS, levels, pictures
from pellucid.examples.score import explained_variance
from pellucid.examples.split import Split, as_tensor, split, standardized, taking_raw
from pellucid.examples.stored import arrays, with_weights
from pellucid.methods import Background
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
PLACE, MONEY = {"place": ["Latitude", "Longitude"]}, "price in 100,000 dollars"


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
    (train, test, _, prices), net, scaled = (rows := raw()), trained(), standardized(rows).test
    explain = partial(pellucid.explain, taking_raw(net, rows), method="shapley_values", feature_mask=PLACE)
    houses = of_what(explain(test, baselines=Background(train[:200])), MONEY)  # rows are in random order
    others = explain(test[:1000], baselines=Background(train[200:400]))
    of_mean = of_what(explain(test, baselines="mean", background=train), MONEY)
    both, (first, second) = {"from the mean": of_mean, "from houses": houses}, strongest(houses, 2)
    house = int(np.abs(houses.prediction - np.quantile(houses.prediction, 0.9)).argmin())
    shown = levels(net, net.lin2, as_tensor(scaled), unit=5)
    north, east = (places := shown.features[STEPS][:, 6:]).abs().mean(0)
    missed = np.abs(shown.features[ABLATION].sum(1).numpy() - of_mean.prediction + of_mean.baseline_prediction).mean()
    steps, to_zero, to_mean = (each.mean(0).abs() for each in shown.units.values())
    still, crowded = int((to_zero - steps).argmax()), of_mean["AveOccup"].to_numpy().mean()
    small, far = (train["AveOccup"] < train["AveOccup"].mean()).mean(), kilometres(train[PLACE["place"]])
    return Page(
        title=f"What houses cost in California, in the eyes of a network: {first} counts most, then {second}",
        asked=(
            f"A network learnt median prices from {len(train):,} block groups of 1990. It explains "
            f"{explained_variance(net, scaled, prices):.0%} of their variance (R²) in {len(test):,} others. What moves "
            f"its prices for these from {houses.baseline_prediction[0]:.2f}, the mean of 200 it learnt from? Prices "
            "are in 100,000 dollars: blue raises them, hatched orange lowers them. "
            f"{'; '.join(f'{name}: {meaning}' for name, meaning in MEANINGS.items())}.",
        ),
        sections=(
            Section(
                heading=f"{first} counts most, then {second}",
                shows="Shapley values: what a feature adds to the price, over all orders in which they become known; "
                "before, they are those of houses of the training set. Latitude and Longitude are one feature, place: "
                "on the map, the coast from San Francisco southwards adds, the rest takes away.",
                charts=(houses.plot.bar(), houses.plot.beeswarm(), by_place(houses, "place", test[PLACE["place"]])),
                table=of_means(houses),
                caption="What features add to the price, in 100,000 dollars; the interval is of the mean size",
                limits="What makes houses dear, and what those above 5 cost: the table has no more than 5.",
            ),
            Section(
                heading="One house, which the network takes for dearer than nine of ten",
                shows=f"Block group {test.index[house]}, {test['Latitude'].iloc[house]:.2f} degrees north and "
                f"{-test['Longitude'].iloc[house]:.2f} west. Houses there cost {prices[house]:.2f}.",
                charts=(houses[house].plot.waterfall(),),
            ),
            Section(
                heading="Why the baseline matters: tutorials start from a mean house, which exists nowhere",
                shows=f"Zeros of standardised columns are means: a house in farmland, {far:.0f} km from all others, "
                f"priced at {of_mean.baseline_prediction[0]:.2f}. Crowded ones raise the mean of AveOccup: {small:.0%} "
                f"have less, and it adds {signed(crowded)} on average. The first three stay the first.",
                charts=(methods(both), signed_means(both, MONEY)),
            ),
            Section(
                heading="What tutorials show: features, the 10 units of lin2 (before ReLU), one of these, unit 5",
                shows=f"Integrated Gradients give Latitude and Longitude mean sizes of {north:.2f} and {east:.2f}, but "
                f"place {places.sum(1).abs().mean():.2f}: these cancel. Ablation moves San Francisco south and Los "
                f"Angeles west, into the sea, and misses the change of the price by {missed:.2f} on average. Of units, "
                "gradients say what their change since the mean house adds. Ablation to 0, as tutorials have it, asks "
                f"for the price without a unit, even one much the same for all: unit {still} has "
                f"{to_zero[still]:.2f} (ablation to the baseline {to_mean[still]:.2f}, gradients {steps[still]:.2f}).",
                charts=pictures(shown, house, MEANINGS, "houses", MONEY),
                limits="How much features matter: signs cancel in means.",
            ),
            Section(
                heading="How far the numbers hold",
                shows="Shapley values are exact from the 200 houses that are baselines. Another 200 change mean sizes "
                f"over 1000 houses by up to {moved(houses[:1000], others):.3f}. Intervals do not count this.",
            ),
        ),
        code=Path(__file__).read_text(encoding="utf-8"),
        sources=("Data: R. Kelley Pace and Ronald Barry, 1997; see the README beside the data.",),
    )


if __name__ == "__main__":
    print(page := report())
    page.save("housing.html")
