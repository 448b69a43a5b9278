"""A table in two: the rows that a network learns from, and those that it is tested on."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pandas import DataFrame
from torch import Tensor, nn


class Split(NamedTuple):
    """What a network learns from and what it is tested on; rows of frames and targets go together.

    Args:
        train: The features of the training set, `[rows, features]`; the index is that of the whole table.
        test: The features of the test set.
        train_target: What is to be predicted in the training set, `[rows]`: classes as int64, or numbers as float32.
        test_target: The same of the test set.
    """

    train: DataFrame
    test: DataFrame
    train_target: Tensor
    test_target: Tensor


def split(features: DataFrame, target: Tensor, train: NDArray[np.int64], test: NDArray[np.int64]) -> Split:
    """Divide a table.

    Args:
        features: The features of all rows, `[rows, features]`.
        target: What is to be predicted, `[rows]`.
        train: The positions of the rows for training, `[rows]`, in the order in which they are kept.
        test: The positions of the rows for the test, `[rows]`.

    Returns:
        Both parts.
    """
    return Split(features.iloc[train], features.iloc[test], target[train], target[test])


def standardized(raw: Split) -> Split:
    """Give each column mean 0 and standard deviation 1 in the training set; the test set is not looked at.

    Args:
        raw: Both parts, in the units of the table.

    Returns:
        Both parts, each column less its mean, divided by its standard deviation.
    """
    mean, deviation = raw.train.mean(), raw.train.std(ddof=0)
    return raw._replace(train=(raw.train - mean) / deviation, test=(raw.test - mean) / deviation)


def as_tensor(features: DataFrame) -> Tensor:
    """Take a frame's numbers as a network does.

    Args:
        features: A frame of numbers, `[rows, features]`.

    Returns:
        The same in float32, `[rows, features]`.
    """
    return torch.tensor(features.to_numpy(), dtype=torch.float32)


def taking_raw(network: nn.Module, raw: Split) -> nn.Sequential:
    """Put the standardisation before a network: what goes in is in the units of the table, as people know them.

    Args:
        network: Takes standardised columns.
        raw: Both parts, in the units of the table.

    Returns:
        The network of raw columns, in eval mode.
    """
    columns = nn.BatchNorm1d(raw.train.shape[1], eps=0.0, affine=False)  # less the mean, divided by the deviation
    moments = {"running_mean": raw.train.mean(), "running_var": raw.train.var(ddof=0)}
    columns.load_state_dict({name: torch.tensor(each.to_numpy()) for name, each in moments.items()}, strict=False)
    return nn.Sequential(columns, network).eval()
