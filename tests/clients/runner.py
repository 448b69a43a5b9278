"""Run the cases of a client in two fresh processes, one with each library."""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from clients.comparison import Kind, Verdict, verdict

CASES = Path(__file__).parent / "cases"
CLIENTS = sorted(file.stem for file in CASES.glob("[a-z]*.py"))
AS = {"captum": [], "pellucid": ["-m", "pellucid.compat"]}
"""By library: what a program is run by for its `import captum` to give it."""


@dataclass(frozen=True)
class Report:
    """What came of a client's cases."""

    client: str
    verdicts: list[Verdict]
    seconds: dict[str, float]

    @property
    def version(self) -> str:
        """The client's release."""
        try:
            return version(self.client)
        except PackageNotFoundError:
            return ""

    @property
    def summary(self) -> str:
        """What is driven, as the docstring of its cases says in its first line behind the client's name."""
        text = ast.get_docstring(ast.parse((CASES / f"{self.client}.py").read_text(encoding="utf-8"))) or ""
        return text.partition("\n")[0].partition(": ")[2].rstrip(".")

    def of(self, kind: Kind) -> list[Verdict]:
        """The verdicts of a kind."""
        return [verdict for verdict in self.verdicts if verdict.kind == kind]


def report(client: str) -> Report:
    """Ask a client its cases under both libraries, and compare."""
    with ThreadPoolExecutor() as pool:
        captum, pellucid = pool.map(lambda library: answers_under(library, client), AS)
    seconds = {"captum": captum["seconds"], "pellucid": pellucid["seconds"]}
    return Report(client, [verdict(case, captum, pellucid) for case in captum["answers"]], seconds)


def answers_under(library: str, client: str) -> dict[str, Any]:
    """A client's answers, from a process of its own in which Captum is this library."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answers.pt"
        command = [sys.executable, *AS[library], "-m", "clients.answers", client, str(file)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise RuntimeError(f"{client} under {library}: {ended.stderr.strip().splitlines()[-1]}")
        answers: dict[str, Any] = torch.load(file)
    if answers["library"] != library:
        raise RuntimeError(f"{client}: captum was {answers['library']} where it should be {library}")
    return answers
