"""Whether a tumour of the breast is malignant: a network that takes the raw columns of a table, large and small."""

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn.functional import relu, softmax

from pellucid.examples.split import Split, split, standardized
from pellucid.examples.stored import with_weights

MEASURES = {
    "radius": "distance from the centre of a nucleus to its outline",
    "texture": "standard deviation of grey values",
    "perimeter": "length of the outline",
    "area": "area of a nucleus",
    "smoothness": "how much neighbouring radii differ",
    "compactness": "perimeter² / area - 1",
    "concavity": "how deep the outline is dented",
    "concave points": "how much of the outline is dented",
    "symmetry": "how much both halves differ",
    "fractal dimension": "how rugged the outline is: of a coast line, less 1",
}
STATISTICS = {"mean {}": "mean", "{} error": "standard error of the mean", "worst {}": "mean of the three largest"}
MEANINGS = {
    pattern.format(measure): f"{meaning}: {statistic}"
    for pattern, statistic in STATISTICS.items()
    for measure, meaning in MEASURES.items()
}
CLASSES = ("malignant", "benign")


class Network(nn.Module):
    """30 features, hidden layers of 5, 10 and 15 neurons, the probabilities of 2 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.lin1 = nn.Linear(30, 5)
        self.lin2 = nn.Linear(5, 10)
        self.lin3 = nn.Linear(10, 15)
        self.lin4 = nn.Linear(15, 2)

    def forward(self, features: Tensor) -> Tensor:
        """Predict the probabilities of the classes, `[rows, 2]`, of raw features, `[rows, 30]`."""
        hidden = relu(self.lin1(features))
        hidden = relu(self.lin2(hidden))
        hidden = relu(self.lin3(hidden))
        return softmax(self.lin4(hidden), dim=1)


def data() -> Split:
    """Take the 569 tumours from scikit-learn."""
    tumours = load_breast_cancer(as_frame=True)
    rows = np.arange(len(tumours.data))
    train, test = train_test_split(rows, test_size=0.1, random_state=123, stratify=tumours.target)
    return split(tumours.data, torch.tensor(tumours.target), train, test)


def scaled() -> Split:
    """Take the same tumours, each column with mean 0 and standard deviation 1 in the training set."""
    return standardized(data())


def network() -> Network:
    """Build the untrained network."""
    return Network()


def trained() -> Network:
    """Build the network that tells 55 of 57 tumours right."""
    return with_weights("cancer", network)


def trained_scaled() -> Network:
    """Build the network that learnt from scaled columns."""
    return with_weights("cancer_scaled", network)
