"""`pellucid demo`: every case has a report, the page lies where it was asked for, and nothing is left half-done."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

import pellucid.files
from commands import written
from pellucid.commands.names import CASES
from pellucid.examples import titanic
from pellucid.pages import Page, Section

SMALL = Page(title="Who survived", asked=("What counts?",), sections=(Section(heading="Sex counts", shows="Most."),))


@pytest.mark.parametrize("name", CASES)
def test_every_case_is_an_example_that_reports(name: str):
    assert callable(importlib.import_module(f"pellucid.examples.{name}").report)


def test_alone_it_explains_the_titanic_into_a_folder_of_its_own(call: Callable[..., Result], folder: Path):
    result = call("demo")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Who survived the Titanic")
    assert "It is right for 83.6% of them and for 81.7% of 393 others." in " ".join(result.stdout.split())
    path = Path("pellucid-demo", "titanic.html")
    assert result.stderr == f"pellucid: wrote {path}\n"
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert written(folder / "pellucid-demo") == ["titanic.html"]


def test_the_folder_is_made(call: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(titanic, "report", lambda: SMALL)
    result = call("demo", "titanic", "--output", "not/there yet")
    assert (result.exit_code, result.stdout) == (0, f"{SMALL}\n")
    assert (folder / "not" / "there yet" / "titanic.html").read_text(encoding="utf-8") == SMALL.html()


def test_a_case_that_is_not_there(call: Callable[..., Result], folder: Path):
    result = call("demo", "titanik", "--output", "demo")
    assert result.exit_code == 2
    assert result.stderr == (
        "pellucid: NAME must be one of titanic, boston, housing, cancer, diabetes: got 'titanik'. Hint: titanic.\n"
    )
    assert not (folder / "demo").exists()


@pytest.mark.parametrize(("output", "reason"), [("file", "File exists"), ("file/folder", "Not a directory")])
def test_a_folder_that_cannot_be_made_is_an_error_that_says_why(call: Callable[..., Result], output: str, reason: str):
    Path("file").touch()
    result = call("demo", "--output", output)
    assert (result.exit_code, result.stdout) == (1, "")
    assert reason in result.stderr
    assert output in result.stderr


def test_a_full_disk_leaves_the_old_page(call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(titanic, "report", lambda: SMALL)
    assert call("demo", "--output", "demo").exit_code == 0
    before = Path("demo", "titanic.html").read_bytes()

    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(pellucid.files.os, "replace", full)
    result = call("demo", "--output", "demo")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "No space left on device" in result.stderr
    assert written(Path("demo")) == ["titanic.html"]
    assert Path("demo", "titanic.html").read_bytes() == before


WITHOUT_ONE = """
import json, sys
from pellucid.cli import main

for missing in json.loads(sys.argv.pop()):
    sys.modules[missing] = None
    try:
        main()
    except SystemExit as end:
        print(missing, end.code, sep=": ", file=sys.stderr)
    del sys.modules[missing]
"""


def test_without_a_package_of_its_extra_one_line_names_the_extra(tmp_path: Path):
    missing = ["typer", "sklearn", "pandas"]  # in the order in which they are imported
    program = [sys.executable, "-c", WITHOUT_ONE, "demo", "boston", "--output", str(tmp_path), json.dumps(missing)]
    lines = subprocess.run(program, capture_output=True, text=True, timeout=120).stderr.splitlines()
    assert [line.split(".")[0].split(" is ")[0] for line in lines] == [f"{name}: pellucid: {name}" for name in missing]
    assert all(line.endswith(' is not installed: pip install "pellucid[demo]"') for line in lines)
    assert written(tmp_path) == []
