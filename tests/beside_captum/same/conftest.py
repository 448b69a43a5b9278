"""What every test of the folder may ask for: an example of each architecture."""

import pytest

from zoo.architectures import ARCHITECTURES, SEEDS, Example, example


@pytest.fixture(params=SEEDS, ids="seed{}".format)
def seed(request: pytest.FixtureRequest) -> int:
    """Of the weights and inputs, and of the draws of a stochastic method."""
    return request.param


@pytest.fixture(params=ARCHITECTURES)
def each(request: pytest.FixtureRequest, seed: int) -> Example:
    """One example of every architecture."""
    return example(request.param, seed)
