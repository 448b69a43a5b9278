import json
import subprocess
import sys
from pathlib import Path
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


def test_the_demo_prints_the_findings_and_writes_into_the_default_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    result = run(app, ["demo"])
    assert result.exit_code == 0, result.output
    assert "Accuracy: 83.6% of 916 training passengers, 81.7% of 393 test passengers." in result.output
    assert "Convergence delta:" in result.output
    assert result.output.endswith(f"The report is at {Path('pellucid-demo', 'index.html')}\n")
    assert (tmp_path / "pellucid-demo" / "index.html").is_file()


@pytest.mark.parametrize(("folder", "reason"), [("file", "File exists"), ("file/folder", "Not a directory")])
def test_a_folder_that_cannot_be_made_is_an_error_that_says_why(folder: str, reason: str, tmp_path: Path):
    (tmp_path / "file").touch()
    result = run(app, ["demo", "--output", str(tmp_path / folder)])
    assert result.exit_code == 1
    assert result.output == f"pellucid: cannot write the report into {tmp_path / folder}: {reason}\n"


WITHOUT_ONE = """
import sys
from pellucid.cli import main

for missing in sys.argv.pop().split():
    sys.modules[missing] = None
    try:
        main()
    except SystemExit as end:
        print(missing, end.code, sep=": ", file=sys.stderr)
    del sys.modules[missing]
"""


def test_without_a_package_of_the_demo_extra_one_line_names_the_extra(tmp_path: Path):
    missing = ["typer", "rich", "jinja2", "matplotlib"]  # in the order in which they are imported
    program = [sys.executable, "-c", WITHOUT_ONE, "demo", "--output", str(tmp_path), " ".join(missing)]
    result = subprocess.run(program, capture_output=True, text=True, timeout=120)
    lines = result.stderr.splitlines()
    assert [line.split(".")[0].split(" is ")[0] for line in lines] == [f"{name}: pellucid: {name}" for name in missing]
    assert all(line.endswith(' is not installed: pip install "pellucid[demo]"') for line in lines)
