"""What is said of what was typed: each error, to the letter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.commands.messages import in_options
from pellucid.commands.names import METHODS, PLOTS

KINDS = ".safetensors, .pt2, .pt, .pth, .bin, .ts, .torchscript"
ENDINGS = ".csv, .parquet, .npy, .npz, .txt, .png, .jpg, .jpeg, .bmp, .gif, .webp, .tif, .tiff"
MODELS = f"package.module:attribute, file.py:attribute, a folder of Hugging Face's, or a file that ends in {KINDS}"

CASES: list[tuple[list[str], str]] = [
    (["nonsense", "x.npy"], f"MODEL must be {MODELS}: got 'nonsense'."),
    (
        ["churn.py", "x.npy"],
        f"MODEL must be {MODELS}: got 'churn.py'. Hint: churn.py:model, the name of the model in it.",
    ),
    (["nowhere:m", "x.npy"], "MODEL: there is no module 'nowhere' here, nor installed."),
    (["lost.py:m", "x.npy"], "MODEL: there is no file lost.py."),
    (["lost.pt", "x.npy"], "MODEL: there is no file lost.pt."),
    (["churn:Net", "x.npy"], "MODEL churn:Net: it is a class. Hint: churn:Net() calls it without arguments."),
    (["churn:1", "x.npy"], "MODEL must be package.module:attribute or file.py:attribute: got 'churn:1'."),
    (["folder", "x.npy"], "MODEL folder: a folder must have a config.json, as Hugging Face's have."),
    (["w.safetensors", "x.npy"], "MODEL w.safetensors holds weights alone. Hint: --class package.module:Class."),
    (["churn:network", "lost.csv"], "DATA: there is no file lost.csv."),
    (
        ["churn:network", "churn.py"],
        f"DATA must be a folder of images, -, or a file that ends in {ENDINGS}: got 'churn.py'. Hint: --format csv.",
    ),
    (["churn:network", "x.npz"], "DATA x.npz holds 2 arrays: a, b. Hint: --key a."),
    (["churn:network", "x.npz", "--key", "c"], "--key must be one of a, b: got 'c'."),
    (
        ["churn:network", "-", "--format", "cvs"],
        "--format must be one of csv, parquet, npy, npz, text: got 'cvs'. Hint: csv.",
    ),
    (
        ["churn:network", "customers.csv", "--drop", "nam"],
        "--drop must be one of name, age, income, visits: got 'nam'. Hint: name.",
    ),
    (
        ["churn:network", "customers.csv", "--index", "id"],
        "--index must be one of name, age, income, visits: got 'id'.",
    ),
    (["churn:network", "customers.csv", "--drop", "name,age,income,visits"], "--drop leaves no column."),
    (["churn:network", "x.npy", "--columns", "a"], "--columns is of tables: got array."),
    (["churn:network", "x.npy", "--rows", "a"], "--rows must be START:STOP, such as 0:100: got 'a'."),
    (["churn:network", "x.npy", "--rows", "90:"], "--rows '90:' leaves none of the 2 rows of x.npy."),
    (
        ["churn:network", "x.npy", "--method", "salency"],
        f"--method must be one of {', '.join(METHODS)}: got 'salency'. Hint: saliency.",
    ),
    (["churn:network", "x.npy", "--target", "7"], "--target 7 is beyond the output's 2 values per example (0 to 1)."),
    (
        ["churn:network", "x.npy", "--baseline", "zeroo"],
        "--baseline must be one of zero, mean, median, blur, uniform, mask_token, a number, a file: got 'zeroo'. "
        "Hint: zero.",
    ),
    (
        ["churn:network", "x.npy", "--baseline", "customers.csv"],
        "--baseline customers.csv must hold what DATA holds, array: got table.",
    ),
    (["churn:network", "x.npy", "--set", "oops"], "--set must be NAME=VALUE: got 'oops'."),
    (["churn:network", "x.npy", "--set", "target=3"], "--set target=...: it has an option of its own. Hint: --target."),
    (
        ["churn:network", "x.npy", "--out", "x.txt"],
        "--out must end in .csv, .parquet, .json, .html, .png, .svg, .pdf, .pellucid: got 'x.txt'.",
    ),
    (["churn:network", "x.npy", "--out", "no/x.csv"], "--out no/x.csv: there is no folder no. Hint: mkdir -p no."),
    (["churn:network", "x.npy", "--out", "folder.csv"], "--out folder.csv is a folder."),
    (
        ["churn:network", "x.npy", "--out", "x.csv", "--out", "./x.csv"],
        "--out must be different files: got x.csv, ./x.csv.",
    ),
    (
        ["churn:network", "x.npy", "--out", "x.svg", "--plot", "bars"],
        f"--plot must be one of {', '.join(PLOTS)}: got 'bars'. Hint: bar.",
    ),
    (["churn:network", "x.npy", "--plot", "bar"], "--plot bar is of pictures. Hint: --out bar.svg."),
    (["churn:network", "x.npy", "--device", "gpu"], "--device must be auto, cpu, cuda, cuda:1 or mps: got 'gpu'."),
    (["churn:network", "x.npy", "--device", "cuda:99"], "--device cuda:99: torch sees none here. Hint: --device auto."),
    (["churn:total", "x.npy", "--device", "meta"], "--device must be auto, cpu, cuda, cuda:1 or mps: got 'meta'."),
    (
        ["w.safetensors", "x.npy", "--class", "churn:Net", "--class-arguments", "3"],
        "--class-arguments must be an object or a list of JSON. Hint: '{\"width\": 3}'.",
    ),
    (
        ["w.safetensors", "x.npy", "--class", "churn:Net", "--class-arguments", "{"],
        "--class-arguments must be JSON: got '{'. Hint: '{\"width\": 3}'.",
    ),
    (
        ["w.safetensors", "x.npy", "--class", "Net"],
        "--class must be package.module:attribute or file.py:attribute: got 'Net'.",
    ),
    (
        ["churn:network", "texts.txt", "--tokenizer", "nowhere"],
        "--tokenizer must be a folder or package.module:attribute: got 'nowhere'.",
    ),
]
"""What is typed behind `pellucid explain`, and what is said: all with exit code 2."""


@pytest.fixture
def files(folder: Path) -> None:
    import safetensors.torch
    import torch

    np.save("x.npy", np.ones((2, 3), dtype=np.float32))
    np.savez("x.npz", a=np.ones((2, 3)), b=np.ones((2, 3)))
    Path("folder").mkdir()
    Path("folder.csv").mkdir()
    Path("texts.txt").write_text("one\n")
    safetensors.torch.save_file({"inner.weight": torch.ones(4, 3)}, "w.safetensors")


@pytest.mark.parametrize(("arguments", "said"), CASES, ids=[" ".join(arguments) for arguments, _ in CASES])
def test_what_cannot_be_meant(arguments: list[str], said: str, files: None, call: Any):
    result = call("explain", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1] == f"pellucid: {said}"
    assert len(result.stderr.splitlines()) <= 2


def test_a_name_that_is_not_in_the_module(files: None, call: Any):
    result = call("explain", "churn:netwrok", "x.npy")
    assert result.exit_code == 2
    assert result.stderr.endswith("got 'netwrok'. Hint: network.\n")


FAILING: list[tuple[list[str], str]] = [
    (
        ["churn:raising", "x.npy"],
        "MODEL raised ValueError in churn.py, line 34: too small. Hint: PELLUCID_DEBUG=1 shows where.",
    ),
    (
        ["w.safetensors", "x.npy", "--class", "churn:Net"],
        "w.safetensors has not the weights of churn:Net: it lacks inner.bias, outer.weight, outer.bias. "
        "Hint: --class-arguments.",
    ),
    (
        ["broken.safetensors", "x.npy", "--class", "churn:Net"],
        "broken.safetensors: it is no file of safetensors, or only a part of one (Error while deserializing header: "
        "header too small).",
    ),
    (["broken.pt", "x.npy", "--class", "churn:Net"], "broken.pt: it holds more than weights. "),
    (["broken.pt2", "x.npy", "--trust"], "broken.pt2: torch.export cannot load it: "),
    (
        ["boom:m", "x.npy"],
        "importing boom failed: ModuleNotFoundError in boom.py, line 1: No module named 'not_there'.",
    ),
    (["boom.py:m", "x.npy"], "importing boom.py failed: ModuleNotFoundError in boom.py, line 1: No module named "),
    (["syntax.py:m", "x.npy"], "importing syntax.py failed: SyntaxError in syntax.py, line 2: "),
    (["churn:network", "x.npy", "--classes", "a,b,c"], "--classes must be one for each of 2 outputs: got 3."),
    (
        ["churn:network", "x.npy", "--method", "grad_cam"],
        "--source must be a layer for grad_cam: got None. Hint: --source='outer'.",
    ),
    (
        ["churn:network", "x.npy", "--target", "leaves"],
        "--target must be an int, a tuple of ints and slices, a tensor or list of one per example, a callable or None: "
        "got str 'leaves'. Hint: --classes cat,dog names classes.",
    ),
    (
        ["churn:network", "x.npy", "--source", "9"],
        "--source must be the name of a module of the model: got '9'. Hint: there is 'inner', 'outer'.",
    ),
    (
        ["churn:network", "one.npy", "--baseline", "mean"],
        "--background must be given for --baseline='mean' of one example: got None. Hint: --background FILE.",
    ),
]
"""The same of what fails, with exit code 1; messages may go on."""


@pytest.mark.parametrize(("arguments", "said"), FAILING, ids=[" ".join(arguments) for arguments, _ in FAILING])
def test_what_fails(arguments: list[str], said: str, files: None, call: Any):
    for name in ("broken.safetensors", "broken.pt", "broken.pt2"):
        Path(name).write_text("x")
    np.save("one.npy", np.ones((1, 3), dtype=np.float32))
    Path("boom.py").write_text("import not_there\n")
    Path("syntax.py").write_text("\ndef f(:\n")
    result = call("explain", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1].startswith(f"pellucid: {said}")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "explain: method needs x. Hint: n_steps=100. [inputs: Tensor (1, 3)]",
            "--method needs x. Hint: --set n_steps=100.",
        ),
        ("inputs must be numbers: the model takes inputs.", "DATA must be numbers: the model takes inputs."),
        ("baselines must fit. Hint: baselines='mean'.", "--baseline must fit. Hint: --baseline='mean'."),
        (
            "a. Hint: pellucid.methods.IntegratedGradients(n_steps=9).",
            "a. Hint: pellucid.methods.IntegratedGradients(n_steps=9).",
        ),
        ("explained. Hint: target=...", "explained. Hint: --target"),
        ("it has max_steps, method, n_steps.", "it has max_steps, method, n_steps."),
    ],
)
def test_messages_of_the_library_have_the_names_of_options(message: str, said: str):
    assert in_options(message) == said


def test_with_debug_errors_are_raised_as_they_are(files: None, call: Any):
    result = call("explain", "churn:raising", "x.npy", env={"PELLUCID_DEBUG": "1"})
    assert isinstance(result.exception, ValueError)
