"""How well a network predicts."""

import torch
from pandas import DataFrame
from torch import Tensor, nn

from pellucid.examples.split import as_tensor


@torch.no_grad()
def accuracy(network: nn.Module, features: DataFrame, target: Tensor) -> float:
    """Count the rows whose class a network predicts.

    Args:
        network: Gives each row the probabilities of the classes, `[rows, classes]`.
        features: What it is given, `[rows, features]`.
        target: The class of each row, `[rows]`.

    Returns:
        Their share of all rows, from 0 to 1.
    """
    return float((network(as_tensor(features)).argmax(dim=1) == target).double().mean())


@torch.no_grad()
def root_mean_squared_error(network: nn.Module, features: DataFrame, target: Tensor) -> float:
    """Say how far a network's predictions are from the truth.

    Args:
        network: Predicts a number for each row, `[rows]` or `[rows, 1]`.
        features: What it is given, `[rows, features]`.
        target: The true number of each row, `[rows]`.

    Returns:
        The root of the mean squared difference, in the units of the target.
    """
    error = network(as_tensor(features)).flatten() - target
    return float(error.double().square().mean().sqrt())


def explained_variance(network: nn.Module, features: DataFrame, target: Tensor) -> float:
    """Say how much of the differences between rows a network explains: R².

    Args:
        network: Predicts a number for each row, `[rows]` or `[rows, 1]`.
        features: What it is given, `[rows, features]`.
        target: The true number of each row, `[rows]`.

    Returns:
        1 where all predictions are right, 0 where they are no better than the mean of the target.
    """
    variance = float(target.double().var(correction=0))
    return 1 - root_mean_squared_error(network, features, target) ** 2 / variance
