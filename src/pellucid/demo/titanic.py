"""The Titanic's passengers as numbers, and the network that predicts which of them survived."""

import csv
import gzip
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load
from torch import Tensor, nn

FEATURES = (
    "age",
    "sibsp",
    "parch",
    "fare",
    "female",
    "male",
    "embark C",
    "embark Q",
    "embark S",
    "class 1",
    "class 2",
    "class 3",
)
MEANINGS = {
    "age": "age in years",
    "sibsp": "siblings, spouses aboard",
    "parch": "parents, children aboard",
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
SURVIVED = 1  # the network's second output is the probability of having survived

DATA = files("pellucid.demo") / "data"
WEIGHTS = DATA / "titanic.safetensors"


@dataclass(frozen=True)
class Passengers:
    """Some passengers: their features, `[passengers, 12]`, and whether each survived, `[passengers]`."""

    features: Tensor
    survived: Tensor

    def __len__(self) -> int:
        return len(self.survived)

    def rows(self, rows: npt.NDArray[np.int64]) -> "Passengers":
        """Return the passengers at these rows."""
        index = torch.from_numpy(rows)
        return Passengers(self.features[index], self.survived[index])


def load_passengers() -> Passengers:
    """Read the 1309 passengers; a missing age or fare is the mean one, a missing port is no port."""
    table = gzip.decompress((DATA / "titanic.csv.gz").read_bytes()).decode()
    rows = list(csv.DictReader(table.splitlines()))

    def numbers(column: str) -> npt.NDArray[np.float64]:
        values = np.array([float(row[column] or "nan") for row in rows])
        return np.where(np.isnan(values), np.nanmean(values), values)

    def equals(column: str, value: str) -> npt.NDArray[np.bool_]:
        return np.array([row[column] == value for row in rows])

    features = np.stack(
        [numbers(column) for column in ("age", "sibsp", "parch", "fare")]
        + [equals("sex", value) for value in ("female", "male")]
        + [equals("embarked", value) for value in "CQS"]
        + [equals("pclass", value) for value in "123"],
        axis=1,
    )
    survived = numbers("survived").astype(np.int64)
    return Passengers(torch.from_numpy(features).float(), torch.from_numpy(survived))


def split(passengers: Passengers) -> tuple[Passengers, Passengers]:
    """Draw 70 % of the passengers for training; return these and the others, which are for testing."""
    rows = np.arange(len(passengers))
    # A generator of our own: the global one stays where the caller left it.
    training = np.random.RandomState(131254).choice(rows, int(0.7 * len(passengers)), replace=False)
    return passengers.rows(training), passengers.rows(np.setdiff1d(rows, training))


def network() -> nn.Sequential:
    """Build the untrained network: 12 features, hidden layers of 12 and 8 neurons, the probabilities of 2 outcomes."""
    return nn.Sequential(
        nn.Linear(len(FEATURES), 12),
        nn.Sigmoid(),
        nn.Linear(12, 8),
        nn.Sigmoid(),
        nn.Linear(8, 2),
        nn.Softmax(dim=1),
    )


def trained_network() -> nn.Sequential:
    """Load the network with the weights that `pellucid.demo.train` wrote."""
    # Layers draw initial weights, which are replaced: the global generator is left as it was.
    with torch.random.fork_rng(devices=[]):
        net = network()
    net.load_state_dict(load(WEIGHTS.read_bytes()))
    return net.eval()


@torch.no_grad()
def accuracy(net: nn.Module, passengers: Passengers) -> float:
    """Return the share of the passengers whose outcome the network predicts."""
    predicted = net(passengers.features).argmax(dim=1)
    return float((predicted == passengers.survived).double().mean())
