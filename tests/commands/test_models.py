"""What MODEL may be: each kind gives the numbers of the model in Python."""

from __future__ import annotations

import importlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

import pellucid
from commands import written

ROWS = torch.tensor([[0.3, -1.0, 2.0], [1.0, 0.5, 0.1]])


@pytest.fixture
def network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    """The network of `churn.py`, and its rows in `rows.npy`."""
    monkeypatch.syspath_prepend(folder)
    np.save("rows.npy", ROWS.numpy())
    return importlib.import_module("churn").network


def expected(model: Any) -> list[float]:
    return pellucid.explain(model, ROWS, target=0, method="saliency").to_numpy().ravel().tolist()


def attributions(result: Any) -> list[float]:
    assert result.exit_code == 0, result.stderr
    features = [feature for example in json.loads(result.stdout)["examples"] for feature in example["features"]]
    return [feature["attribution"] for feature in features]


ASKED = ("rows.npy", "--target", 0, "--method", "saliency", "--json")


@pytest.mark.parametrize("text", ["churn:network", "churn.py:network", "churn:make()", "churn.py:make()"])
def test_attributes(text: str, network: Any, call: Any):
    assert attributions(call("explain", text, *ASKED)) == pytest.approx(expected(network))


def test_attributes_of_attributes(network: Any, call: Any):
    network.part = network.inner
    assert attributions(call("explain", "churn:network.part", *ASKED)) == pytest.approx(expected(network.inner))


@pytest.mark.parametrize("arguments", [[], ["--class-arguments", '{"width": 4}'], ["--class-arguments", "[4]"]])
@pytest.mark.parametrize("kind", ["churn:Net", "churn.py:Net"])
def test_weights_in_safetensors(kind: str, arguments: list[str], network: Any, call: Any):
    safetensors.torch.save_file(network.state_dict(), "w.safetensors")
    result = call("explain", "w.safetensors", *ASKED, "--class", kind, *arguments)
    assert attributions(result) == pytest.approx(expected(network))


@pytest.mark.parametrize("inside", ["", "state_dict", "model_state_dict"])
def test_weights_of_torch_need_no_trust(inside: str, network: Any, call: Any):
    weights = network.state_dict()
    torch.save({inside: weights, "epoch": 3} if inside else weights, "w.pt")
    result = call("explain", "w.pt", *ASKED, "--class", "churn:Net")
    assert attributions(result) == pytest.approx(expected(network))


def save_whole(network: Any) -> str:
    torch.save(network, "whole.pth")
    return "whole.pth"


def save_script(network: Any) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(network, ROWS).save("script.pt")
    return "script.pt"


def save_export(network: Any) -> str:
    batch = torch.export.Dim("batch", min=1)
    torch.export.save(torch.export.export(network, (ROWS,), dynamic_shapes=({0: batch},)), "program.pt2")
    return "program.pt2"


@pytest.mark.parametrize("save", [save_whole, save_script, save_export])
def test_what_torch_unpickles_needs_trust(save: Any, network: Any, call: Any):
    file = save(network)
    refused = call("explain", file, *ASKED)
    assert refused.exit_code == 2
    assert refused.stderr.startswith(
        f"pellucid: MODEL {file}: torch unpickles such files, which runs whatever code they hold. "
        "Hint: --trust, if it is from someone you trust"
    )
    assert attributions(call("explain", file, *ASKED, "--trust")) == pytest.approx(expected(network))


def test_what_is_not_trusted_is_not_unpickled(folder: Path, call: Any):
    class Bomb:
        def __reduce__(self) -> Any:
            return open, ("exploded", "w")

    torch.save(Bomb(), "bomb.pt")
    np.save("rows.npy", ROWS.numpy())
    assert call("explain", "bomb.pt", *ASKED).exit_code == 2
    result = call("explain", "bomb.pt", *ASKED, "--class", "churn:Net")
    assert result.exit_code == 1
    assert "bomb.pt: it holds more than weights. Hint: --trust without --class" in result.stderr
    assert not Path("exploded").exists()


def test_a_function_that_prints_does_not_disturb_the_results(network: Any, call: Any):
    result = call("explain", "churn:total", "rows.npy", "--json")
    assert attributions(result) == pytest.approx(ROWS.ravel().tolist())
    assert "a model that prints" in result.stderr


def test_an_estimator_takes_words(folder: Path, call: Any):
    Path("plans.csv").write_text("age,plan\n39,basic\n61,gold\n")
    Path("others.csv").write_text("plan,age,more\ngold,30,1\n")
    result = call("explain", "churn:estimator", "plans.csv", "--target", "leaves", "--baseline", "others.csv", "--json")
    assert attributions(result) == pytest.approx([0.0, 0.25, 0.5, 0.0])


def test_a_network_is_explained_in_evaluation_mode_and_that_is_said(network: Any, call: Any):
    trained = importlib.import_module("churn").trained
    result = call("explain", "churn:trained", *ASKED)
    assert "pellucid: MODEL was in training mode: it is explained in evaluation mode.\n" in result.stderr
    assert not trained.training
    assert attributions(result) == pytest.approx(expected(trained))


def test_the_processor_is_said(network: Any, call: Any):
    result = call("explain", "churn:network", *ASKED, "--device", "cpu")
    threads = torch.get_num_threads()
    assert result.stderr == f"pellucid: 2 rows, on cpu, {threads} thread{'s' * (threads != 1)}\n"


def test_a_module_that_was_imported_from_a_file_is_not_imported_again(folder: Path, call: Any):
    np.save("rows.npy", ROWS.numpy())
    Path("counted.py").write_text(
        "import churn\nwith open('log', 'a') as file:\n    file.write('x')\nm = churn.network"
    )
    for _ in range(2):
        assert call("explain", "counted.py:m", *ASKED).exit_code == 0
    assert Path("log").read_text() == "x"


def test_csv_of_the_command_line_is_that_of_python(network: Any, call: Any):
    result = call("explain", "churn:network", "rows.npy", "--method", "lime", "--target", 1, "--out", "a.csv")
    assert result.exit_code == 0, result.stderr
    assert Path("a.csv").read_text() == pellucid.explain(network, ROWS, method="lime", target=1).to_csv()
    assert written(Path()) == ["a.csv", "churn.py", "customers.csv", "rows.npy"]
