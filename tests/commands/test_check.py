"""`pellucid check` and `pellucid compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pellucid
from pellucid import metrics
from pellucid.commands.names import DEFAULT_METRICS, METRICS, metric_names

ASKED = ("churn:network", "customers.csv", "--index", "name", "--target", 1)
NAMES = ["adds up", "fidelity", "order of features", "noise", "random weights", "second method", "baselines"]


def test_a_verdict_from_each_side_is_printed(call: Any):
    result = call("check", *ASKED, "--orders", 3)
    assert result.exit_code in (0, 3)
    lines = [line for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert [line[2:19].strip() for line in lines] == NAMES
    assert ("✗" in result.stdout) == (result.exit_code == 3)
    assert "baselines=" not in result.stdout


def test_a_check_as_json(call: Any):
    result = call("check", *ASKED, "--orders", 3, "--json", "--quiet")
    found = json.loads(result.stdout)
    assert [verdict["name"] for verdict in found["verdicts"]] == NAMES
    assert result.stderr == ""
    bad = any(verdict["grade"] == "bad" for verdict in found["verdicts"])
    assert result.exit_code == (3 if bad else 0)


def test_a_check_is_in_the_files_of_its_explanation(call: Any):
    result = call("check", *ASKED, "--orders", 3, "--out", "a.html", "--out", "a.pellucid", "--out", "a.json")
    assert result.stderr.endswith("pellucid: wrote a.html, a.pellucid, a.json\n")
    assert "How far to trust it" in Path("a.html").read_text()
    assert "explanation.check()" in Path("a.html").read_text()
    assert [verdict.name for verdict in pellucid.load("a.pellucid").checked.verdicts] == NAMES
    assert [verdict["name"] for verdict in json.loads(Path("a.json").read_text())["checked"]["verdicts"]] == NAMES


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--method", "lime", "--method", "saliency"),
            "one explanation is checked at a time: got several. Hint: pellucid compare",
        ),
        (("--out", "a.png"), "--out of a check must end in .html, .pellucid, .json: got 'a.png'"),
        (("--method", "limes"), "--method must be one of"),
        (("--orders", "1"), "--orders"),
    ],
)
def test_what_cannot_be_checked_is_told(arguments: tuple[str, ...], message: str, call: Any):
    result = call("check", *ASKED, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_methods_are_compared_by_the_usual_metrics(call: Any):
    result = call("compare", *ASKED)
    assert result.exit_code == 0
    heads = [line.split(" (")[0] for line in result.stdout.splitlines() if line.endswith("is better)")]
    assert heads == list(DEFAULT_METRICS)
    assert result.stdout.endswith("3 examples are too few to tell 4 methods apart.\n")


def test_methods_and_metrics_may_be_chosen(call: Any):
    result = call("compare", *ASKED, "--method", "saliency", "--method", "lrp", "--metric", "completeness", "--json")
    entries = json.loads(result.stdout)["entries"]
    assert {(entry["metric"], entry["method"]) for entry in entries} == {
        ("Completeness", "saliency"),
        ("Completeness", "lrp"),
    }


def test_estimators_are_compared_by_methods_without_gradients(call: Any):
    Path("plans.csv").write_text("age,plan\n30,basic\n50,plus\n60,basic\n")
    Path("usual.csv").write_text("age,plan\n20,plus\n")
    chosen = ("--method", "shapley_values", "--method", "feature_ablation", "--metric", "Deletion")
    asked = ("churn:estimator", "plans.csv", "--target", "leaves", "--baseline", "usual.csv")
    result = call("compare", *asked, *chosen)
    assert result.exit_code == 0, result.stderr
    assert "shapley_values" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--metric", "Deletions"), "--metric must be one of"),
        (("--source", "inner"), "methods are compared at the inputs: got --source"),
        (("--target", "0"), "methods are compared for one target: got several"),
        (("--method", "limes"), "--method must be one of"),
    ],
)
def test_what_cannot_be_compared_is_told(arguments: tuple[str, ...], message: str, call: Any):
    result = call("compare", *ASKED, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_names_of_metrics_are_those_that_there_are():
    assert all(isinstance(getattr(metrics, name)(), metrics.Metric) for name in METRICS)
    assert metric_names("del") == ["Deletion"]
    assert len(set(METRICS)) == len(METRICS)
