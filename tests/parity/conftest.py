"""What every test of the folder may ask for: an example of each architecture."""

from collections.abc import Iterator

import pytest
import torch

from .models import ARCHITECTURES, SEEDS, Example, example


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """Models this small run several times faster on one thread when two test processes share two cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=SEEDS, ids="seed{}".format)
def seed(request: pytest.FixtureRequest) -> int:
    """Of the weights and inputs, and of the draws of a stochastic method."""
    return request.param


@pytest.fixture(params=ARCHITECTURES)
def each(request: pytest.FixtureRequest, seed: int) -> Example:
    """One example of every architecture."""
    return example(request.param, seed)
