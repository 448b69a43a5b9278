"""Doctests: of modules that are there, with the same random numbers each time."""

import pytest
import torch

from pellucid.errors import ABSENT

collect_ignore = ["conftest.py", *(f"pellucid/{package}.py" for package in ABSENT)]


@pytest.fixture(autouse=True)
def seeded() -> None:
    """An example's model draws its weights; with some of them every rectifier is off, which is warned of."""
    torch.manual_seed(0)
