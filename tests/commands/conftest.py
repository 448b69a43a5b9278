"""A folder with a model and its data, in which commands are called, in one process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pellucid.commands.app import app

CHURN = """
import torch

torch.manual_seed(0)


class Net(torch.nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.inner = torch.nn.Linear(3, width)
        self.outer = torch.nn.Linear(width, 2)

    def forward(self, x):
        return self.outer(torch.tanh(self.inner(x)))


network = Net().eval()
trained = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Dropout())
pictures = torch.nn.Sequential(
    torch.nn.Conv2d(3, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(32, 2)
).eval()


def make():
    return network


def total(x):
    print("a model that prints")
    return x.sum(1)


def raising(x):
    raise ValueError("too\\n small")


class Threshold:
    classes_ = ["stays", "leaves"]

    def predict_proba(self, frame):
        import numpy

        share = (frame["age"] > 40).to_numpy() * 0.5 + (frame["plan"] == "basic").to_numpy() * 0.25
        return numpy.stack([1 - share, share], 1)


estimator = Threshold()
"""

CUSTOMERS = "name,age,income,visits\nAnn,39,3.1,2\nBo,61,1.4,9\nCy,30,2.5,3\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with `churn.py` and `customers.csv`; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    (tmp_path / "churn.py").write_text(CHURN)
    (tmp_path / "customers.csv").write_text(CUSTOMERS)
    yield tmp_path
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def call(folder: Path) -> Callable[..., Result]:
    """Call a command: `call("explain", ...)`, with what is on the standard input as `sent`."""

    def invoke(*arguments: object, sent: str | bytes | None = None, env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(app, list(map(os.fspath, map(str, arguments))), input=sent, env=env)

    return invoke
