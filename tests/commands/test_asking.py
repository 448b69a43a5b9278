"""What options ask: the same numbers as the arguments of `pellucid.explain` that they stand for."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch

import pellucid
from pellucid import methods
from pellucid.commands.asking import settings_of, target_of
from pellucid.targets import Several

ROWS = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
OTHERS = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
COLUMNS = ["a", "b", "c"]


@pytest.fixture(autouse=True)
def files(folder: Path) -> None:
    np.save("x.npy", ROWS)
    np.save("others.npy", OTHERS)
    np.save("same.npy", OTHERS[:4])
    np.save("row.npy", OTHERS[:1])
    pandas.DataFrame(OTHERS, columns=COLUMNS).assign(name="x").to_csv("others.csv", index=False)
    pandas.DataFrame(ROWS, columns=COLUMNS).to_csv("x.csv", index=False)


CASES: list[tuple[list[str], dict[str, Any]]] = [
    (["--target", "1"], {"target": 1}),
    (["--target", "leaves", "--classes", "stays,leaves"], {"target": "leaves", "class_names": ["stays", "leaves"]}),
    (["--baseline", "mean", "--target", "0"], {"baselines": "mean", "target": 0}),
    (["--baseline", "0.5", "--target", "0"], {"baselines": 0.5, "target": 0}),
    (["--baseline", "-1", "--target", "0"], {"baselines": -1.0, "target": 0}),
    (["--baseline", "others.npy", "--target", "0"], {"baselines": torch.from_numpy(OTHERS), "target": 0}),
    (["--baseline", "row.npy", "--target", "0"], {"baselines": torch.from_numpy(OTHERS[:1]), "target": 0}),
    (
        ["--baseline", "same.npy", "--target", "0"],
        {"baselines": methods.Background(torch.from_numpy(OTHERS[:4])), "target": 0},
    ),
    (
        ["--baseline", "median", "--background", "others.npy", "--target", "0"],
        {"baselines": "median", "background": OTHERS, "target": 0},
    ),
    (
        ["--method", "InternalInfluence", "--source", "inner", "--target", "0"],
        {"method": "internal_influence", "source": "inner", "target": 0},
    ),
    (["--method", "lime", "--seed", "7", "--target", "0"], {"method": "lime", "seed": 7, "target": 0}),
    (
        [
            "--method",
            "integrated_gradients",
            "--set",
            "n_steps=7",
            "--set",
            "multiply_by_inputs=false",
            "--target",
            "0",
        ],
        {"method": "integrated_gradients", "n_steps": 7, "multiply_by_inputs": False, "target": 0},
    ),
    (
        ["--method", "feature_ablation", "--set", 'feature_mask={"both": ["feature 0", "feature 2"]}', "--target", "0"],
        {"method": "feature_ablation", "feature_mask": {"both": ["feature 0", "feature 2"]}, "target": 0},
    ),
    (
        ["--method", "occlusion", "--set", "sliding_window_shapes=[2]", "--target", "0"],
        {"method": "occlusion", "sliding_window_shapes": (2,), "target": 0},
    ),
    (["--set", 'feature_names=["x", "y", "z"]', "--target", "0"], {"feature_names": ["x", "y", "z"], "target": 0}),
]


@pytest.mark.parametrize(("arguments", "expected"), CASES, ids=[" ".join(arguments) for arguments, _ in CASES])
def test_options_are_arguments(arguments: list[str], expected: dict[str, Any], call: Any):
    result = call("explain", "churn:network", "x.npy", *arguments, "--out", "a.csv", "--quiet")
    assert result.exit_code in (0, 3), result.stderr
    network = importlib.import_module("churn").network
    with pytest.warns() if result.exit_code == 3 else pandas.option_context("display.width", 80):
        explanation = pellucid.explain(network, ROWS, **expected)
    assert Path("a.csv").read_text() == explanation.to_csv()


def test_several_methods_and_targets(call: Any):
    asked = ("--method", "saliency", "--method", "lime", "--method", "saliency", "--target", 0, "--target", 1)
    result = call("explain", "churn:network", "x.npy", *asked, "--out", "a.csv", "--json")
    assert result.exit_code == 0, result.stderr
    network = importlib.import_module("churn").network
    comparison = pellucid.explain(network, ROWS, method=["saliency", "lime"], target=Several([0, 1]))
    table = pandas.read_csv("a.csv")
    assert list(table.columns) == [
        "method",
        "example",
        "feature",
        "input",
        "attribution",
        "target",
        "prediction",
        "stderr",
    ]
    expected = pandas.concat([one.to_frame().assign(method=one.method) for one in comparison.values()])
    pandas.testing.assert_frame_equal(table, expected[table.columns].reset_index(drop=True), check_dtype=False)
    assert [one["method"] for one in json.loads(result.stdout)] == ["saliency", "saliency", "lime", "lime"]


def test_the_columns_of_a_baseline_are_those_of_the_data(call: Any):
    asked = ("--columns", "c,a,b", "--method", "integrated_gradients", "--target", 0, "--baseline", "others.csv")
    result = call("explain", "churn:network", "x.csv", *asked, "--out", "a.csv")
    assert result.exit_code == 0, result.stderr
    network = importlib.import_module("churn").network
    order = ["c", "a", "b"]
    rows, others = pandas.read_csv("x.csv")[order], pandas.read_csv("others.csv")[order]
    expected = pellucid.explain(network, rows, method="integrated_gradients", target=0, baselines=others)
    assert Path("a.csv").read_text() == expected.to_csv()


def test_a_baseline_that_lacks_a_column(call: Any):
    Path("less.csv").write_text("a,b\n1,2\n")
    result = call("explain", "churn:network", "x.csv", "--baseline", "less.csv")
    assert (result.exit_code, result.stderr) == (
        2,
        "pellucid: --baseline less.csv must have all columns that MODEL takes: 'c' is missing.\n",
    )


def test_a_baseline_with_a_word_names_its_line(call: Any):
    Path("odd.csv").write_text("a,b,c\n1,2,3\n1,x,3\n")
    result = call("explain", "churn:network", "x.csv", "--baseline", "odd.csv")
    assert result.stderr == "pellucid: odd.csv, line 3, column 'b': expected a number. Hint: --drop b.\n"


@pytest.mark.parametrize(
    ("text", "target"), [("3", 3), ("-1", -1), ("0, 3", (0, 3)), ("leaves", "leaves"), ("a,b", "a,b")]
)
def test_targets(text: str, target: Any):
    assert target_of(text) == target


def test_settings_are_json_or_texts():
    pairs = ["a=1", "b=1.5", "c=[3, 8]", "d=word", "e=null", 'f={"x": [1]}', "g=a=b", "h="]
    values = {"a": 1, "b": 1.5, "c": (3, 8), "d": "word", "e": None, "f": {"x": [1]}, "g": "a=b", "h": ""}
    assert settings_of(pairs) == values
