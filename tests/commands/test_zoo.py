"""`pellucid zoo`, in one process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from pellucid import methods
from pellucid.commands import zoo_table
from pellucid.commands.app import app
from pellucid.zoo.listed import listed

run = CliRunner().invoke

CHOSEN = ["zoo", "--method", "lime", "--method", "Saliency", "--model", "exclusive or", "--model", "Saturated"]


def test_a_table_of_few_has_names():
    result = run(app, CHOSEN)
    assert result.exit_code == 0
    head, saliency, lime, *_ = result.stdout.splitlines()
    assert head.split() == ["method", "exclusive", "or", "saturated"]
    assert saliency.split() == ["Saliency", "✓", "✗"]
    assert lime.split() == ["Lime", "✗", "✓"]


def test_a_single_method_says_why():
    result = run(app, ["zoo", "--method", "FeatureAblation"])
    assert result.exit_code == 0
    assert "FeatureAblation, saturated: where one of the two is removed, the other" in result.stdout.replace("\n", " ")
    head = result.stdout.splitlines()[0].split()
    assert head == ["method", *map(str, range(1, 17))]


def test_a_narrow_terminal_cuts_nothing():
    wide, narrow = (run(app, ["zoo", "--method", "Saliency"], env={"COLUMNS": width}) for width in ("200", "30"))
    assert narrow.stdout.splitlines()[:2] == wide.stdout.splitlines()[:2]
    assert "…" not in narrow.stdout


def test_a_terminal_without_unicode():
    result = CliRunner(charset="ascii").invoke(app, CHOSEN)
    _, saliency, *_ = result.stdout_bytes.decode("ascii").splitlines()
    assert (result.exit_code, saliency.split()) == (0, ["Saliency", "+", "-"])


def test_the_same_method_twice_is_asked_once():
    result = run(app, ["zoo", "--method", "lime", "--method", "Lime", "--model", "linear", "--json"])
    assert len(json.loads(result.stdout)) == 1


@pytest.mark.parametrize("json_option", [[], pytest.param(["--json"], marks=pytest.mark.large)])
def test_who_reads_one_line_gets_no_traceback(json_option: list[str]):
    program = [sys.executable, "-m", "pellucid", *CHOSEN, *json_option]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


def test_an_interrupt_ends_it_with_one_line(monkeypatch: pytest.MonkeyPatch):
    def interrupted(problem: methods.Problem) -> methods.Attributions:
        raise KeyboardInterrupt

    monkeypatch.setattr(zoo_table, "LISTED", (listed(interrupted, name="Interrupted"),))
    result = run(app, ["zoo"])
    assert (result.exit_code, result.stdout) == (130, "")
    assert "Traceback" not in result.stderr


def test_json():
    result = run(app, [*CHOSEN, "--json"])
    outcomes = json.loads(result.stdout)
    assert [(outcome["method"], outcome["model"]) for outcome in outcomes] == [
        ("Saliency", "exclusive or"),
        ("Saliency", "saturated"),
        ("Lime", "exclusive or"),
        ("Lime", "saturated"),
    ]
    assert outcomes[1] == {
        "method": "Saliency",
        "model": "saturated",
        "verdict": "wrong as expected",
        "score": pytest.approx(0.4),
        "exact": True,
        "reason": "the output does not change near the input",
    }


@pytest.mark.parametrize(("option", "name", "hint"), [("method", "salency", "Saliency"), ("model", "linea", "linear")])
def test_a_name_that_is_not_there(option: str, name: str, hint: str):
    result = run(app, ["zoo", f"--{option}", name])
    assert result.exit_code == 2
    assert f"Hint: '{hint}'." in result.stderr
    assert f"got '{name}'" in result.stderr.replace("\n", " ").replace("│", "").replace("  ", " ")
    assert result.stdout == ""


def test_a_broken_promise_is_told_of(monkeypatch: pytest.MonkeyPatch):
    broken = listed(methods.Saliency(), computes="integrated gradients", name="IntegratedGradients")
    monkeypatch.setattr(zoo_table, "LISTED", (broken,))
    result = run(app, ["zoo", "--model", "pairwise"])
    assert result.exit_code == 1
    assert "broken" in result.stdout
    assert "the values are not those of its definition" in result.stdout
