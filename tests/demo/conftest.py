from pathlib import Path

import pytest
from rich.console import Console

from pellucid.demo.findings import Findings, explain
from pellucid.demo.report import report


@pytest.fixture(scope="session")
def findings() -> Findings:
    return explain()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "not" / "there yet"
    report(folder, Console(quiet=True))
    return folder
