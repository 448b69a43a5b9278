"""What the tests of pages share: sections by their headings, and slow, obvious gradients."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.pages import Page, Section

DOCS = Path(__file__).parents[2] / "docs" / "examples.md"


def reported(example: ModuleType) -> Page:
    """The page of an example, which leaves the global generators as they were."""
    before, of_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()
    page: Page = example.report()
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], of_numpy)
    return page


def section(page: Page, beginning: str) -> Section:
    """The section whose heading begins so."""
    (found,) = (section for section in page.sections if section.heading.startswith(beginning))
    return found


def row_of(example: str) -> str:
    """What `docs/examples.md` says of an example in its table."""
    (row,) = re.findall(rf"^\|.*\(\.\./examples/{example}\.py\).*$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    return str(row)


def integrated_gradients_by_hand(
    network: nn.Module, rows: Tensor, start: Tensor, steps: int, column: int = 0
) -> Tensor:
    """The mean gradient of a column of the output at the middles of equal steps, times the change of the features."""
    total = torch.zeros_like(rows)
    for step in range(steps):
        point = (start + (rows - start) * (step + 0.5) / steps).requires_grad_()
        total += torch.autograd.grad(network(point).reshape(len(rows), -1)[:, column].sum(), point)[0]
    return (rows - start) * total / steps


def is_short_and_public(example: ModuleType, page: Page) -> None:
    """At most 150 lines, no private names, and all of it on the page."""
    source = inspect.getsource(example)
    assert len(source.splitlines()) <= 150
    without_own = source.replace("__name__", "").replace("__main__", "").replace("__file__", "").replace("__init__", "")
    assert re.findall(r"(?<![\w\]])_[a-z]\w*", without_own) == []
    assert page.code == source
