"""`pellucid compare MODEL DATA`."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from typing import Any

from pellucid.commands import options
from pellucid.commands.asking import check_methods
from pellucid.commands.ends import write
from pellucid.commands.explain import told, unless_interrupted
from pellucid.commands.names import DEFAULT_METRICS, METRICS
from pellucid.commands.taking import taking
from pellucid.commands.typed_question import TypedQuestion
from pellucid.commands.usage import UsageError, not_among

DEFAULT_METHODS = ("integrated_gradients", "input_x_gradient", "saliency", "shapley_value_sampling")
"""What is compared, unless said."""


@taking(
    options.ASKED,
    {
        "metric": (options.Metric, None),
        "as_json": (options.AsJson, False),
        "quiet": (options.Quiet, False),
    },
)
def compare(typed: Mapping[str, Any]) -> None:
    """Compare methods by metrics: means with intervals, and which differences may be chance."""
    methods = list(dict.fromkeys(typed["method"] or DEFAULT_METHODS))
    if len(typed["target"] or ()) > 1:
        raise UsageError("methods are compared for one target: got several.")
    if typed["source"]:
        raise UsageError("methods are compared at the inputs: got --source.")
    check_methods(methods)
    metrics = list(dict.fromkeys(map(_metric, typed["metric"] or DEFAULT_METRICS)))
    with unless_interrupted(), contextlib.redirect_stdout(sys.stderr):  # the output is for results alone
        asked = TypedQuestion.of(typed)
        with told(asked.ready.doubts, quiet=typed["quiet"]):
            from pellucid.explanation.checking.methods import compare_methods

            arguments = {name: value for name, value in asked.arguments.values.items() if name != "method"}
            comparison = compare_methods(asked.ready.model, asked.ready.data.inputs, methods, metrics, **arguments)
    if typed["as_json"]:
        write(json.dumps(comparison.to_dict(), indent=2) + "\n")
    elif not typed["quiet"]:
        write(f"{comparison}\n")


def _metric(name: str) -> Any:
    """A metric by its name, in whatever case."""
    from pellucid import metrics

    by_letters = {each.lower(): each for each in METRICS}
    if name.lower() not in by_letters:
        raise not_among("--metric", METRICS, name)
    return getattr(metrics, by_letters[name.lower()])()
