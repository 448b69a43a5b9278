"""What the tests of pages share: sections by their headings, and slow, obvious gradients."""

from __future__ import annotations

import inspect
import re
from types import ModuleType

import torch
from torch import Tensor, nn

from pellucid.pages import Page, Section


def section(page: Page, beginning: str) -> Section:
    """The section whose heading begins so."""
    (found,) = (section for section in page.sections if section.heading.startswith(beginning))
    return found


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
