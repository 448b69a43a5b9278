import subprocess
import sys
from pathlib import Path

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


def run_as_module(*arguments: str, without: list[str] = EXTRAS) -> subprocess.CompletedProcess[str]:
    """`python -m pellucid`, in an environment without some packages."""
    blocked = f"import runpy, sys; sys.modules.update(dict.fromkeys({without}))"
    program = [sys.executable, "-c", f"{blocked}; runpy.run_module('pellucid', None, '__main__')", *arguments]
    return subprocess.run(program, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("without", [EXTRAS, []], ids=["no extras", "all extras"])
def test_without_extras_it_says_its_version_and_what_there_is(without: list[str]):
    version = run_as_module("--version", without=without)
    assert (version.returncode, version.stdout, version.stderr) == (0, f"pellucid {pellucid.__version__}\n", "")
    for arguments in ([], ["--help"]):
        done = run_as_module(*arguments, without=without)
        shown = done.stdout + done.stderr
        assert "demo" in shown
        assert "--version" in shown
        assert "Traceback" not in shown
        assert without == [] or (done.returncode, done.stderr) == (0, "")


def test_without_extras_a_command_says_which_it_needs():
    done = run_as_module("demo")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == 'pellucid: typer is not installed: pip install "pellucid[demo]"\n'


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


@pytest.mark.parametrize("missing", ["typer", "rich", "jinja2", "matplotlib"])
def test_without_a_package_of_the_demo_extra_one_line_names_the_extra(missing: str, tmp_path: Path):
    program = f"import sys; sys.modules[{missing!r}] = None; from pellucid.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", program, "demo", "--output", str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 1
    assert 'pip install "pellucid[demo]"' in result.stderr
    assert "Traceback" not in result.stderr
