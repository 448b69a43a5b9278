"""The tables and the weights that lie beside the examples."""

import gzip
from collections.abc import Callable
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas
import torch
from numpy.typing import NDArray
from pandas import DataFrame
from safetensors.torch import load, save
from torch import nn

DATA = files("pellucid.examples") / "data"

Network = TypeVar("Network", bound=nn.Module)


def table(name: str) -> DataFrame:
    """Read a table.

    Args:
        name: What it is called, as in `data/boston.csv.gz`.

    Returns:
        The whole table, `[rows, columns]`; what is missing is NaN.
    """
    return pandas.read_csv(BytesIO(gzip.decompress((DATA / f"{name}.csv.gz").read_bytes())))


def arrays(name: str) -> dict[str, NDArray[Any]]:
    """Read arrays.

    Args:
        name: What they are called together, as in `data/housing.npz`.

    Returns:
        Each array by its name.
    """
    with np.load(BytesIO((DATA / f"{name}.npz").read_bytes())) as stored:
        return dict(stored)


def with_weights(name: str, network: Callable[[], Network]) -> Network:
    """Build a network as `pellucid.examples.train` left it.

    Args:
        name: What it is called, as in `data/boston.safetensors`.
        network: Builds it untrained.

    Returns:
        The trained network, in eval mode.
    """
    # Layers draw initial weights, which are replaced: the global generator is left as it was.
    with torch.random.fork_rng(devices=[]):
        built = network()
    built.load_state_dict(load((DATA / f"{name}.safetensors").read_bytes()))
    return built.eval()


def keep_weights(name: str, network: nn.Module) -> None:
    """Write the weights that `with_weights` reads.

    Args:
        name: What the network is called, as in `data/boston.safetensors`.
        network: The trained network.
    """
    Path(str(DATA / f"{name}.safetensors")).write_bytes(save(network.state_dict()))
