"""What houses cost around Boston in 1970: the historic example of a regression, with a column built on race."""

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import nn

from pellucid.examples.split import Split, split
from pellucid.examples.stored import table, with_weights

MEANINGS = {
    "crim": "crimes per head in the town",
    "zn": "per cent of residential land in lots over 25,000 square feet",
    "indus": "per cent of the town's area that is business other than retail",
    "chas": "whether the tract bounds the Charles River",
    "nox": "nitric oxides in the air, parts per 10 million",
    "rm": "rooms per dwelling",
    "age": "per cent of owner-occupied homes built before 1940",
    "dis": "weighted distance to five centres of employment",
    "rad": "index of access to radial highways",
    "tax": "property tax per 10,000 dollars",
    "ptratio": "pupils per teacher in the town",
    "b": "1000 (share of Black residents - 0.63)², a column built on race",
    "lstat": "per cent of the population of lower status",
}


def data() -> Split:
    """Read the 506 tracts; the target is the median value of owner-occupied homes in 1000 dollars."""
    tracts = table("boston")
    prices = torch.tensor(tracts["medv"], dtype=torch.float32)
    train, test = train_test_split(np.arange(len(tracts)), test_size=0.3, random_state=0)
    return split(tracts[list(MEANINGS)].astype(float), prices, train, test)


def network() -> nn.Sequential:
    """Build the untrained network: 13 features, hidden layers of 100, 50 and 10 neurons, a price."""
    return nn.Sequential(
        nn.Linear(13, 100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10), nn.ReLU(), nn.Linear(10, 1)
    )


def trained() -> nn.Sequential:
    """Build the network that is 5400 dollars off in the test, as a root of mean squares."""
    return with_weights("boston", network)
