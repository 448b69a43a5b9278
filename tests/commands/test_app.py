import json
import subprocess
import sys
from typing import Any

import pytest
from typer.testing import CliRunner

import pellucid
from pellucid.commands.app import app

run = CliRunner().invoke


def test_alone_it_shows_its_help():
    result = run(app, [])
    assert "demo" in result.output
    assert "--version" in result.output


def test_it_says_its_version():
    result = run(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"pellucid {pellucid.__version__}\n")


EXTRAS = ["typer", "rich", "jinja2", "matplotlib", "safetensors", "sklearn", "pandas", "captum"]
AS_MODULE = """
import contextlib, io, json, runpy, sys

without, calls = json.loads(sys.argv[1])
sys.modules.update(dict.fromkeys(without))
said = []
for arguments in calls:
    sys.argv[1:], out, err, code = arguments, io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_module("pellucid", None, "__main__")
        except SystemExit as end:
            code = end.code
    said.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(said))
"""


def run_as_module(*calls: list[str], without: list[str]) -> list[list[Any]]:
    """`python -m pellucid`, in one process that lacks some packages: exit codes, and what is said."""
    program = [sys.executable, "-c", AS_MODULE, json.dumps([without, calls])]
    return json.loads(subprocess.run(program, capture_output=True, text=True, check=True, timeout=120).stdout)


def test_without_extras_it_says_its_version_and_what_there_is_and_what_a_command_needs():
    calls = [["--version"], [], ["--help"], ["demo"], ["zoo"], ["explain", "m:m", "x.csv"]]
    version, *usages, demo, zoo, explain = run_as_module(*calls, without=EXTRAS)
    assert version == [0, f"pellucid {pellucid.__version__}\n", ""]
    for code, usage, errors in usages:
        assert (code, errors) == (0, "")
        assert all(word in usage for word in ("--version", "explain MODEL DATA", "methods", "layers", "demo", "zoo"))
    # A text that a program exits with is its last line on stderr, and 1 its exit status.
    for command, extra in ((demo, "demo"), (zoo, "cli"), (explain, "cli")):
        assert command == [f'pellucid: typer is not installed: pip install "pellucid[{extra}]"', "", ""]


@pytest.mark.large
def test_with_all_extras_it_says_its_version():
    assert run_as_module(["--version"], without=[]) == [[0, f"pellucid {pellucid.__version__}\n", ""]]
