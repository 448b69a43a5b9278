"""Every method keeps what it promises on every model, and cannot do what it is said not to."""

from __future__ import annotations

import pytest

from known_models.page import PAGE, cells_of, models, reasons, replaced
from pellucid import methods, zoo
from pellucid.zoo.claims import EXCEPTIONS
from pellucid.zoo.listed import LISTED
from pellucid.zoo.listed_method import ListedMethod
from pellucid.zoo.outcome import Outcome
from pellucid.zoo.table import cell

KNOWN = zoo.known_models()

CELLS = cells_of(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("listed", LISTED, ids=lambda listed: listed.name)
def test_promises_are_kept(listed: ListedMethod):
    outcomes = list(zoo.evaluate_listed([listed], KNOWN))
    assert [outcome for outcome in outcomes if outcome.verdict in {"failed", "promise broken"}] == []
    assert [outcome for outcome in outcomes if not near(cell(outcome), CELLS[listed.name, outcome.model])] == []


def near(now: str, written: str) -> bool:
    """Whether a cell is what the page says, up to what other processors' rounding may do to a score."""
    return now == written or (now.isdigit() and written.isdigit() and abs(int(now) - int(written)) <= 2)


def test_every_method_is_listed():
    there = {
        name
        for name in methods.__all__
        if isinstance(vars(methods)[name], type) and hasattr(vars(methods)[name].__call__, "__wrapped__")
    }
    listed = {
        type(entry.method(known)).__name__
        for entry in LISTED
        for known in KNOWN
        if entry.needs != "neuron" or known.neuron
    }
    assert there - listed == {"LimeBase"}  # is whatever its parts are


def test_exceptions_are_of_methods_and_models_that_there_are():
    names = {entry.name for entry in LISTED}
    assert set(EXCEPTIONS) <= {known.name for known in KNOWN}
    for of_model in EXCEPTIONS.values():
        assert {name for group in of_model for name in group} <= names


def test_methods_and_models_have_one_name_each():
    assert len({entry.name for entry in LISTED}) == len(LISTED)
    assert len({known.name for known in KNOWN}) == len(KNOWN)


def test_values_that_are_not_those_of_the_definition_break_a_promise():
    swapped = ListedMethod(
        name="IntegratedGradients", method=lambda _: methods.InputXGradient(), computes="integrated gradients"
    )
    (outcome,) = zoo.evaluate_listed([swapped], [zoo.pairwise()])
    assert (outcome.verdict, outcome.exact) == ("promise broken", False)


def test_what_is_better_than_promised_breaks_a_promise_too():
    better = ListedMethod(name="Saliency", method=lambda _: methods.DeepLift())
    (outcome,) = zoo.evaluate_listed([better], [zoo.saturated()])
    assert outcome.verdict == "promise broken"
    assert "Cannot" in outcome.reason


def test_a_failing_method_is_an_outcome():
    def fail(f, /, baselines=None):
        raise RuntimeError("no\nmore")

    (outcome,) = zoo.evaluate_listed([ListedMethod(name="Saliency", method=lambda _: fail)], [zoo.linear()])
    assert outcome == Outcome("Saliency", "linear", "failed", reason="RuntimeError: no")


def test_the_page_says_what_models_and_claims_say():
    page = PAGE.read_text(encoding="utf-8")
    assert replaced(replaced(page, "models", models()), "reasons", reasons()) == page
