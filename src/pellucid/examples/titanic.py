"""Who survived the Titanic: a network of sigmoids, learnt from 916 of 1309 passengers."""

import numpy as np
import pandas
import torch
from torch import nn

from pellucid.examples.split import Split, split
from pellucid.examples.stored import table, with_weights

MEANINGS = {
    "age": "age in years",
    "sibsp": "siblings and spouses aboard",
    "parch": "parents and children aboard",
    "fare": "fare in pounds",
    "female": "is female",
    "male": "is male",
    "embark C": "embarked at Cherbourg",
    "embark Q": "embarked at Queenstown",
    "embark S": "embarked at Southampton",
    "class 1": "travels in class 1",
    "class 2": "travels in class 2",
    "class 3": "travels in class 3",
}
CLASSES = ("died", "survived")


def data() -> Split:
    """Read the passengers; a missing age or fare is the mean of all, a missing port is no port."""
    passengers = table("titanic")
    numbers = passengers[["age", "sibsp", "parch", "fare"]].astype(float)
    words = pandas.get_dummies(passengers[["sex", "embarked", "pclass"]].astype({"pclass": str}), dtype=float)
    features = pandas.concat([numbers.fillna(numbers.mean()), words], axis=1).set_axis(list(MEANINGS), axis=1)
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
