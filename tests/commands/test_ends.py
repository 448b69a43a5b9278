"""How commands end where something else than they decides: interrupts, pipes that nobody reads, full disks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from commands import written
from pellucid.commands.ends import SIGNALS, Terminated, ended

PROGRAM = [sys.executable, "-m", "pellucid", "explain"]
SLOW = """
import time, pathlib

def model(x):
    pathlib.Path("begun").touch()
    time.sleep(0.2)
    return x.sum(1)
"""

FILES = ["churn.py", "customers.csv", "rows.npy"]


@pytest.fixture(autouse=True)
def rows(folder: Path) -> None:
    np.save("rows.npy", np.ones((9, 3), dtype=np.float32))


posix = pytest.mark.skipif(os.name != "posix", reason="signals and devices of POSIX")


@posix
def test_a_reader_that_leaves(folder: Path):
    program = [*PROGRAM, "churn:network", "rows.npy", "--method", "saliency", "--json", "--out", "a.csv"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        said = process.stderr.read().decode().splitlines()
    assert process.returncode == 141
    assert [line for line in said if "on cpu" not in line] == []
    assert written(folder) == ["a.csv", *FILES]  # which was what the command was for


@posix
def test_who_asks_for_no_hangups_gets_none():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_model_that_ends_the_program_has_failed(folder: Path, call: Callable[..., Result]):
    (folder / "ending.py").write_text("import sys\n\ndef model(x):\n    sys.exit(0)\n")
    result = call("explain", "ending:model", "rows.npy", "--out", "a.csv")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "pellucid: MODEL, or what it imports, ended the program."
    assert not (folder / "a.csv").exists()


@posix
@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_closed_streams(folder: Path, closed: str):
    descriptor = {"stdout": 1, "stderr": 2}[closed]
    done = subprocess.run(
        f"{sys.executable} -m pellucid explain churn:network rows.npy --method saliency --out a.csv {descriptor}>&-",
        shell=True,
        check=False,
    )
    assert done.returncode == 0
    assert (folder / "a.csv").exists()


@posix
def test_an_interrupt(folder: Path):
    (folder / "slow.py").write_text(SLOW)
    program = [*PROGRAM, "slow:model", "rows.npy", "--method", "lime", "--out", "a.csv"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not (folder / "begun").exists():
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert said.decode().splitlines()[-1] == "pellucid: interrupted: nothing was written"
    assert written(folder) == sorted(["begun", "slow.py", *FILES])


FULL = """
import os, resource, sys
from pellucid.cli import main

resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))
ends = []
for arguments in (["--out", "a.csv", "--out", "a.json"], ["--json"]):
    sys.argv[1:] = [*"explain churn:network rows.npy --method saliency --quiet".split(), *arguments]
    try:
        main()
    except SystemExit as end:
        ends.append(str(end.code))
print(*ends, file=sys.stderr)
"""


@posix
def test_a_full_disk(folder: Path):
    (folder / "a.csv").write_text("old")
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", FULL], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.stderr.splitlines() == [
        "pellucid: a.csv: File too large: nothing was written",
        "pellucid: standard output: No space left on device",
        "1 1",
    ]
    assert done.returncode == 0
    assert written(folder) == ["a.csv", *FILES]
    assert (folder / "a.csv").read_text() == "old"


@posix
@pytest.mark.parametrize("number", SIGNALS)
def test_signals_that_ask_to_end_clean_up(number: int):
    import typer

    cleaned = []

    @ended()
    def begun() -> None:
        try:
            os.kill(os.getpid(), number)
            time.sleep(1)
        except Terminated:
            cleaned.append(True)
            raise

    before = signal.getsignal(number)
    with pytest.raises(typer.Exit) as end:
        begun()
    assert (end.value.exit_code, cleaned) == (143, [True])
    assert signal.getsignal(number) == before
