"""Who survived the Titanic: a network of sigmoids, learnt from 916 of 1309 passengers."""

import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas
import torch
from torch import nn

import pellucid
from pellucid.errors import PellucidWarning
from pellucid.examples.figures import by_value, of_means, strongest
from pellucid.examples.score import accuracy
from pellucid.examples.split import Split, split
from pellucid.examples.stored import table, with_weights
from pellucid.methods import Background
from pellucid.pages import Page, Section
from pellucid.plot import methods

FEATURES = (
    *("age", "sibsp", "parch", "fare", "female", "male"),
    *("embark C", "embark Q", "embark S", "class 1", "class 2", "class 3"),
)
CLASSES = ("died", "survived")
ONE_FEATURE = {"sex": ["female", "male"], "port": ["embark C", "embark Q", "embark S"], "class": FEATURES[-3:]}


def data() -> Split:
    """Read the passengers; a missing age or fare is the mean of all, a missing port is no port."""
    passengers = table("titanic")
    numbers = passengers[["age", "sibsp", "parch", "fare"]].astype(float)
    words = pandas.get_dummies(passengers[["sex", "embarked", "pclass"]].astype({"pclass": str}), dtype=float)
    features = pandas.concat([numbers.fillna(numbers.mean()), words], axis=1).set_axis(FEATURES, axis=1)
    rows = np.arange(len(features))
    # A generator of our own: the global one stays where the caller left it.
    train = np.random.RandomState(131254).choice(rows, int(0.7 * len(rows)), replace=False)
    return split(features, torch.tensor(passengers["survived"]), train, np.setdiff1d(rows, train))


def network() -> nn.Sequential:
    """Build the untrained network: 12 features, hidden layers of 12 and 8 neurons, the probabilities of 2 outcomes."""
    return nn.Sequential(
        nn.Linear(12, 12), nn.Sigmoid(), nn.Linear(12, 8), nn.Sigmoid(), nn.Linear(8, 2), nn.Softmax(dim=1)
    )


def trained() -> nn.Sequential:
    """Build the network that predicts the outcome of five passengers in six."""
    return with_weights("titanic", network)


def report() -> Page:
    """Explain whom the network takes for survivors, and why."""
    (train, test, survived_train, survived), net = data(), trained()
    explain = partial(pellucid.explain, net, test, target="survived", class_names=CLASSES)
    shapley = explain(method="shapley_values", baselines=Background(train), feature_mask=ONE_FEATURE)
    with warnings.catch_warnings():  # zeros are a poor baseline, of which pellucid warns: the page says what
        warnings.simplefilter("ignore", PellucidWarning)
        shapley_of_zeros = explain(method="shapley_values", feature_mask=ONE_FEATURE)
        zeros = explain(method="integrated_gradients")
        neurons, neurons_of_zeros = (
            explain(method="conductance", source="1", baselines=rows) for rows in (train, None)
        )
        names = strongest(neurons, len(neurons.features))
        looks_at = [
            explain(method="neuron_conductance", source="1", selector=int(name.split()[1]), baselines=train)
            for name in names[:2]
        ]
    first, second = strongest(shapley, 2)
    of_zeros = strongest(shapley_of_zeros, 1)[0]
    open_case = int(np.abs(shapley.prediction - 0.5).argmin())
    return Page(
        title=f"Who survived the Titanic, in the eyes of a network: {first} counts most, then {second}",
        asked=(
            f"A network read the age, family, fare, sex, port and class of {len(train)} passengers, and who survived. "
            f"It is right for {accuracy(net, train, survived_train):.1%} of them and for "
            f"{accuracy(net, test, survived):.1%} of {len(test)} others. What moves its probability of survival "
            f"for these, from the mean of {shapley.baseline_prediction.mean():.2f} over those it has learnt from?",
            "Blue raises the probability, hatched orange lowers it. sibsp: siblings and spouses aboard; parch: parents "
            "and children aboard. Columns of one answer, such as female and male, are one feature.",
        ),
        sections=(
            Section(
                heading=f"{first.capitalize()} counts most, then {second}",
                shows="Shapley values: what a feature adds to the probability, over all orders in which features "
                "become known. What is not known yet is taken from passengers of the training set.",
                charts=(shapley.plot.bar(), shapley.plot.beeswarm()),
                table=of_means(shapley),
                caption="What features add to the probability; the interval is of the mean size",
                limits="Why people survived. The network repeats what went along with survival in a table. Fare and "
                "class say partly the same, and share what they say together.",
            ),
            Section(
                heading="One passenger: for whom the network cannot make up its mind",
                shows=f"Of all predictions, that for passenger {test.index[open_case]} is nearest to one half.",
                charts=(shapley[open_case].plot.waterfall(),),
                limits=f"What became of this passenger, who {CLASSES[int(survived[open_case])]}.",
            ),
            Section(
                heading=f"Why the baseline matters: from zeros, {of_zeros} would come first",
                shows=(
                    "What people usually show starts from zeros: a newborn without sex, class, port or fare, whom the "
                    f"network gives {zeros.baseline_prediction[0]:.3f}. All are older than that, so {of_zeros} seems "
                    "to speak against nearly everyone. It is the same network, and first the same method, too; then "
                    "Integrated Gradients, as they are mostly shown.",
                    f"pellucid warns: {zeros.notes[-1]}",
                ),
                charts=(methods({"from passengers": shapley, "from zeros": shapley_of_zeros}), zeros.mean().plot.bar()),
            ),
            Section(
                heading="Means hide people: siblings and spouses, from zeros",
                shows=f"Of {(zeros['sibsp'].features.values == 0).mean():.0%} of the passengers, who travelled alone "
                "as the baseline does, the attribution of sibsp is exactly 0; of a few it is large.",
                charts=(zeros["sibsp"].plot.distributions(), by_value(zeros, "sibsp", "passengers")),
                limits="A rule. The dots of large families stand for few passengers.",
            ),
            Section(
                heading="Inside: what passes through the 12 neurons of the first hidden layer",
                shows="Conductance: how much of the change flows through each neuron, and below, which features bring "
                f"what flows through the two strongest, {names[0]} and {names[1]}.",
                charts=(
                    neurons.mean().plot.bar(),
                    neurons[[*names[:2], *names[-2:]]].plot.distributions(),
                    methods({"from passengers": neurons, "from zeros": neurons_of_zeros}),
                    *(neuron.group(ONE_FEATURE).plot.bar() for neuron in looks_at),
                ),
                table=of_means(neurons, "neuron"),
                caption="What flows through each neuron",
                limits="What a neuron means. It mixes what it can use, and another training gives other neurons.",
            ),
            Section(
                heading="How far the numbers hold",
                shows="The Shapley values are exact, from all passengers of the training set, and add up within "
                f"{np.abs(shapley.delta).max():.0e}. Intervals are of means over passengers. Of the neurons: "
                f"{' '.join(neurons.notes)}",
            ),
        ),
        code=Path(__file__).read_text(encoding="utf-8"),
        sources=("Data: titanic3, collected by Thomas Cason and Frank Harrell from the Encyclopedia Titanica.",),
    )


if __name__ == "__main__":
    print(page := report())
    page.save("titanic.html")
