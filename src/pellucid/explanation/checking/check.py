"""`explanation.check()`: how far an explanation is to be trusted."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pellucid.core.counts import check_count
from pellucid.core.evaluation.session import Session
from pellucid.core.summaries import Summarized
from pellucid.errors import InvalidArgument, collected_warnings
from pellucid.explanation.checking.comparing_checks import (
    depends_on_weights,
    other_baselines,
    second_method,
    stays_under_noise,
)
from pellucid.explanation.checking.evidence import Evidence
from pellucid.explanation.checking.grading import Finding, untold
from pellucid.explanation.checking.removal_checks import adds_up, beats_random_orders, ends, follow, says_what_happens
from pellucid.explanation.checking.verdict import Check, RemovalMeans
from pellucid.metrics.faithfulness.curves import STEPS
from pellucid.metrics.statistics import rank_correlation

if TYPE_CHECKING:
    from pellucid.explanation.explanation import Explanation

FEW = 9
"""In how many steps features go, to find out how long that takes."""

CHANGED, TINY = 0.01, 1e-12
"""By how much of their size values differ that are others."""

LOGGER = logging.getLogger("pellucid")


@final
@dataclass(frozen=True)
class CheckKind(Summarized):
    """One of the checks.

    Args:
        name: What is checked.
        run: Checks it.
        evaluations: How many outputs without features it takes of each example, given the number of random orders.
        explanations: How often all examples are explained again.
        of_layers: Whether explanations of layers can be checked, too.
    """

    name: str
    run: Callable[[Evidence], Finding]
    evaluations: Callable[[int], int] = lambda orders: 0
    explanations: int = 0
    of_layers: bool = False


KINDS = (
    CheckKind("adds up", adds_up, lambda orders: 2),
    CheckKind("fidelity", says_what_happens, lambda orders: 100),
    CheckKind("order of features", beats_random_orders, lambda orders: 2 * STEPS * (orders + 1)),
    CheckKind("noise", stays_under_noise, explanations=11, of_layers=True),
    CheckKind("random weights", depends_on_weights, explanations=5, of_layers=True),
    CheckKind("second method", second_method, lambda orders: 20 * 64),
    CheckKind("baselines", other_baselines, explanations=2),
)


def check(
    explanation: Explanation, model: Any = None, *, random_orders: int = 20, seed: int = 0, progress: bool | None = None
) -> Check:
    """Check an explanation; see [Explanation.check][pellucid.Explanation.check]."""
    check_count("random_orders", random_orders, least=2)
    if explanation.asking is None:
        raise InvalidArgument(
            "explanation must be as pellucid.explain returned it, with all its examples and features: got one that was "
            "loaded, or made of another. Hint: pellucid.explain(model, inputs[:1]).check()."
        )
    started = time.perf_counter()
    asking = explanation.asking
    evidence = Evidence(asking.question(model), asking.by_baseline, explanation.adds_up, random_orders, seed)
    findings: list[Finding] = []
    with collected_warnings(), Session(evidence.problem):
        _check_values(evidence, explanation)
        per_output = _seconds_per_output(evidence) if evidence.is_of_inputs else 0.0
        seconds = {kind: _seconds(kind, per_output, evidence, explanation) for kind in KINDS}
        total = sum(seconds.values())
        LOGGER.info("check takes about %.0f s", total)
        hidden = None if progress is None else not progress  # None: where standard error is a terminal
        bar = tqdm(
            total=round(total, 1),
            desc=f"check, about {total:.0f} s",
            disable=hidden,
            leave=False,
            bar_format="{l_bar}{bar}",
        )
        with bar:
            for kind in KINDS:
                findings.append(_found(kind, evidence))
                bar.update(seconds[kind])
        own = evidence.of_groups(evidence.attributions) if evidence.is_of_inputs else None
    return _joined(findings, {} if own is None else {explanation.method: own}, time.perf_counter() - started)


def _check_values(evidence: Evidence, explanation: Explanation) -> None:
    """Check that what is explained again is what the explanation says.

    Raises:
        InvalidArgument: The model, or the inputs, have changed, or the model draws random numbers.
    """
    if evidence.question.asked.seed is None:  # sampled values differ
        return
    again = np.concatenate([part.values.ravel() for part in evidence.parts]).astype(float)
    before = np.concatenate([part.values.ravel() for part in explanation.parts]).astype(float)
    same = again.shape == before.shape and np.array_equal(np.isnan(again), np.isnan(before))
    off = np.linalg.norm(np.nan_to_num(again - before)) if same else np.inf
    if off > CHANGED * np.linalg.norm(np.nan_to_num(before)) + TINY:
        raise InvalidArgument(
            "model and inputs must be those that were explained: explained again, values are others. They have changed "
            "since, or the model draws random numbers. Hint: model.eval(), and pellucid.explain(model, inputs).check()."
        )


def _found(kind: CheckKind, evidence: Evidence) -> Finding:
    """What one of the checks finds."""
    is_told = evidence.is_of_inputs or kind.of_layers
    finding = kind.run(evidence) if is_told else untold("It is told of explanations of inputs alone.")
    return finding._replace(verdict=dataclasses.replace(finding.verdict, name=kind.name))


def _seconds(kind: CheckKind, per_output: float, evidence: Evidence, explanation: Explanation) -> float:
    """About how long a check takes: as its outputs without features do, and as the explanation did."""
    outputs = len(explanation) * kind.evaluations(evidence.random_orders)
    return outputs * per_output + kind.explanations * explanation.seconds


def _seconds_per_output(evidence: Evidence) -> float:
    """How long one output takes, of some at a time, once the model has run before."""
    examples = len(ends(evidence)[0])
    started = time.perf_counter()
    follow(evidence, FEW)
    return (time.perf_counter() - started) / max(1, (FEW - 1) * examples)


def _joined(findings: list[Finding], own: Mapping[str, Tensor], seconds: float) -> Check:
    """All findings as one check, with the rank correlations of all values that were found."""
    curves: dict[str, RemovalMeans] = {}
    values = dict(own)
    for finding in findings:
        curves |= finding.curves
        values |= finding.values
    named = values if own and len(values) > 1 else {}
    return Check(
        verdicts=tuple(finding.verdict for finding in findings),
        seconds=seconds,
        deletion=curves.get("deletion"),
        insertion=curves.get("insertion"),
        compared=tuple(named),
        agreement=tuple(tuple(_mean_correlation(a, b) for b in named.values()) for a in named.values()),
    )


def _mean_correlation(a: Tensor, b: Tensor) -> float:
    """The rank correlation of sizes, in the mean over examples that have one."""
    return float(torch.nanmean(rank_correlation(a.abs(), b.abs())))
