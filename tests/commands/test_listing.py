"""`pellucid methods`, `pellucid layers`, and what shells complete."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pellucid import methods
from pellucid.commands.app import app
from pellucid.commands.data_files.kinds import FORMATS
from pellucid.commands.names import METHODS, data_formats, method_names, plot_names
from pellucid.plot.choosing import OF_EXPLANATIONS


def test_methods(call: Any):
    result = call("methods")
    assert (result.exit_code, result.stdout) == (0, f"{methods.table()!r}\n")


def test_methods_as_json(call: Any):
    entries = json.loads(call("methods", "--json").stdout)
    assert [entry["name"] for entry in entries] == [facts.name for facts in methods.table()]
    assert entries[0] == {
        "name": "integrated_gradients",
        "needs": ["gradients", "baselines"],
        "promises": ["adds up", "signed"],
        "cost": "n_steps gradients",
        "parameters": list(methods.table()[0].parameters),
    }


def test_a_method_and_its_parameters(call: Any):
    result = call("methods", "saliency", "kernel_shap")
    head, saliency, kernel, _, *parameters = result.stdout.splitlines()
    assert head.split()[:3] == ["method", "needs", "promises"]
    assert (saliency.split()[0], kernel.split()[0]) == ("saliency", "kernel_shap")
    assert parameters[0] == "saliency: --set abs=..."
    assert parameters[2].startswith("kernel_shap: --set n_samples=..., ")
    refused = call("methods", "salency")
    assert (refused.exit_code, refused.stderr.endswith(": got 'salency'. Hint: saliency.\n")) == (2, True)


def test_layers(call: Any):
    result = call("layers", "churn:pictures")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "layer  class    parameters",
        "0      Conv2d           56",
        "1      ReLU              0",
        "2      Flatten           0",
        "3      Linear           66",
    ]


def test_layers_with_data(call: Any):
    result = call("layers", "churn:network", "customers.csv", "--drop", "name")
    assert result.stdout.splitlines() == [
        "layer  class   parameters  output",
        "inner  Linear          16  (1, 4)",
        "outer  Linear          10  (1, 2)",
    ]
    entries = json.loads(call("layers", "churn:network", "customers.csv", "--drop", "name", "--json").stdout)
    assert entries[1] == {"name": "outer", "kind": "Linear", "parameters": 10, "shapes": [[1, 2]]}
    assert json.loads(call("layers", "churn:network", "--json").stdout)[1] == {
        "name": "outer",
        "kind": "Linear",
        "parameters": 10,
    }


def test_layers_that_are_called_often_or_never(call: Any):
    Path("odd.py").write_text(
        "import torch\nclass Odd(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.twice, self.never = torch.nn.ReLU(), torch.nn.ReLU()\n        self.named = torch.nn.LSTM(3, 2)\n"
        "    def forward(self, x):\n        self.named(x)\n        return self.twice(self.twice(x))\n"
        "model = Odd().eval()\n"
    )
    result = call("layers", "odd:model", "customers.csv", "--drop", "name")
    shapes = {line.split()[0]: line.split(maxsplit=3)[3] for line in result.stdout.splitlines()}
    assert shapes["twice"] == "(1, 3), 2 calls"
    assert shapes["never"] == "not called"
    assert shapes["named"] == "(1, 2)"


def test_what_has_no_layers(call: Any):
    result = call("layers", "churn:total")
    assert (result.exit_code, result.stderr) == (
        2,
        "pellucid: MODEL must be a module of torch to have layers: got function.\n",
    )


# ----------------------------------------------------------------------------------------------------------- completion


def test_names_that_are_completed_are_those_there_are():
    assert ("auto", *(facts.name for facts in methods.table())) == METHODS
    assert set(plot_names("")) == {*OF_EXPLANATIONS} - {"scatter", "cohorts"}  # which ask for more
    assert data_formats("") == list(FORMATS)
    assert method_names("sal") == ["saliency"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("explain m d --method sal", "saliency"),
        ("explain m d --plot bee", "beeswarm"),
        ("methods lim", "lime"),
        ("lay", "layers"),
        ("explain m d --quie", "--quiet"),
    ],
)
def test_shells_complete(words: str, expected: str):
    line = f"pellucid {words}"
    env = {"_PELLUCID_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    result = CliRunner().invoke(app, [], env=env, prog_name="pellucid")
    assert result.stdout.split() == [expected]


def test_help_has_examples_and_names_every_option(call: Any):
    result = call("explain", "--help", env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "pellucid explain churn.py:network customers.csv --drop churned --index name" in result.stdout
    options = (
        "method target baseline background source columns drop index rows classes set seed device class tokenizer "
    )
    options += "class-arguments processor key format trust out plot json quiet"
    assert [name for name in options.split() if f"--{name}" not in result.stdout] == []
    assert os.linesep
