"""Pages name files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PAGES = (
    "CONTRIBUTING.md",
    "README.md",
    "docs/captum.md",
    "docs/clients.md",
    "docs/compat.md",
    "docs/design.md",
    "docs/differences.md",
    "docs/engine.md",
    "docs/explain.md",
    "docs/methods.md",
    "docs/metrics.md",
    "docs/rules.md",
    "docs/zoo.md",
    "packages/pellucid-as-captum/README.md",
)


def dead_links(text: str, folder: Path) -> list[str]:
    """The relative links of a page in a folder that lead to no file, or to no heading of it."""
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    return [link for link in links if not leads_somewhere(link, folder, text)]


def leads_somewhere(link: str, folder: Path, text: str) -> bool:
    """Whether a relative link leads to a file and, behind a #, to one of its headings; "#heading" is on the page."""
    path, _, anchor = link.partition("#")
    target = folder / path
    if path and not target.exists():
        return False
    return not anchor or anchor in anchors(target.read_text(encoding="utf-8") if path else text)


def anchors(text: str) -> set[str]:
    """What links call the headings of a page: lower case, hyphens for spaces, without other signs."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def absent_paths(text: str) -> list[str]:
    """The paths in backticks, within the library or from the root, that do not exist."""
    paths = re.findall(r"`((?:core|methods|attr|tests|docs|benchmarks)/[\w./-]*)`", text)
    return [path for path in paths if not any((home / path).exists() for home in (ROOT, ROOT / "src" / "pellucid"))]


@pytest.mark.parametrize("name", PAGES)
def test_links_and_paths_exist(name: str):
    page = ROOT / name
    text = page.read_text(encoding="utf-8")
    assert dead_links(text, page.parent) == []
    assert absent_paths(text) == []


def test_a_link_or_path_that_leads_nowhere_is_seen():
    text = "# A b: c\n[1](rules.md) [2](rule.md) [3](rules.md#which-rule) [4](rules.md#which) [5](#a-b-c) [6](#a-c)\n"
    assert dead_links(text, ROOT / "docs") == ["rule.md", "rules.md#which", "#a-c"]
    assert absent_paths("`core/batching.py` `core/budget.py` `methods/` `tests/laws` `core`") == ["core/budget.py"]
