"""What houses cost in California in 1990: a regression on standardised columns, with ReLU as a function."""

import numpy as np
import torch
from pandas import DataFrame
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn.functional import relu

from pellucid.examples.split import Split, split, standardized
from pellucid.examples.stored import arrays, with_weights

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
