"""docs/metrics.md lists every metric, with the way that is better, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pellucid import metrics
from pellucid.metrics import Metric

PAGE = (Path(__file__).parents[2] / "docs/metrics.md").read_text()
ALL = [getattr(metrics, name) for name in metrics.__all__ if isinstance(getattr(metrics, name), type)]
METRICS = [each for each in ALL if issubclass(each, Metric) and each is not Metric]
ROWS = re.findall(r"^\| (`\w+`.*?) \| .* \| (higher|lower) \|$", PAGE, flags=re.MULTILINE)
LISTED = {name: better for names, better in ROWS for name in re.findall(r"`(\w+)`", names)}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
def test_every_metric_is_on_the_page_with_the_way_that_is_better(metric: type[Metric]):
    assert LISTED[metric.__name__] == metric.better
    assert metric.paper.startswith("https://")
    assert metric.paper.rpartition("/")[2] in (metric.__doc__ or "")


def test_the_page_lists_nothing_else():
    assert set(LISTED) == {metric.__name__ for metric in METRICS}
    assert f"{len(METRICS)} metrics" in (Path(__file__).parents[2] / "README.md").read_text()
