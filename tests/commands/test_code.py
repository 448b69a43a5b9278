"""The Python that pages print computes what they show."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid


def code_of(page: str) -> str:
    """The last block of code of a page."""
    return html.unescape(re.findall(r"<pre[^>]*>(?:<code[^>]*>)?(.*?)<", Path(page).read_text(), re.DOTALL)[-1])


@pytest.mark.parametrize(
    "arguments",
    [
        ["churn:trained", "rows.npy", "--method", "saliency"],  # with dropout, in training mode
        ["churn:network", "rows.npy", "--baseline", "my inputs.npy"],
        [
            "churn:network",
            "rows.npy",
            "--method",
            "integrated_gradients",
            "--baseline",
            "mean",
            "--background",
            "my inputs.npy",
        ],
    ],
    ids=["training mode", "a baseline", "a background"],
)
def test_it_does(arguments: list[str], call: Any, monkeypatch: pytest.MonkeyPatch):
    chance = np.random.default_rng(0)
    np.save("rows.npy", chance.random((4, 3), dtype=np.float32))
    np.save("my inputs.npy", chance.random((5, 3), dtype=np.float32))
    result = call("explain", *arguments, "--target", 0, "--out", "page.html", "--out", "shown.pellucid")
    assert result.exit_code == 0, result.stderr
    names: dict[str, Any] = {}
    exec(code_of("page.html"), names)
    shown = pellucid.load("shown.pellucid")
    assert names["explanation"].to_numpy() == pytest.approx(shown.to_numpy(), abs=1e-6)
