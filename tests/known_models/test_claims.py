"""Every method keeps what it promises on every model, and cannot do what it is said not to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from known_models.page import PAGE, cells_of, models, reasons, replaced
from pellucid import methods, zoo
from pellucid.zoo.answer import Answer
from pellucid.zoo.claims import EXCEPTIONS
from pellucid.zoo.known_model import KnownModel
from pellucid.zoo.listed import LISTED
from pellucid.zoo.listed_method import ListedMethod
from pellucid.zoo.outcome import Outcome
from pellucid.zoo.table import cell

KNOWN = zoo.known_models()

CELLS = cells_of(PAGE.read_text(encoding="utf-8"))


CANNOT_BE_TOLD = {
    ("DeepLiftShap", "experts"),  # two baselines, which differ
    *(
        (name, "exclusive or")
        for name in ("GradientShap", "ShapleyValueSampling", "BanzhafValueSampling", "OwenValueSampling")
    ),
}
"""Where errors of sampling are as large as the values."""


def near(now: str, written: str) -> bool:
    """Whether a cell is what the page says, up to what other processors' rounding may do to a score."""
    return now == written or (now.isdigit() and written.isdigit() and abs(int(now) - int(written)) <= 2)


@pytest.mark.parametrize("listed", LISTED, ids=lambda listed: listed.name)
def test_promises_are_kept_and_values_compared_wherever_they_are_known(listed: ListedMethod):
    outcomes = list(zoo.evaluate_listed([listed], KNOWN))
    assert [outcome for outcome in outcomes if outcome.verdict in {"failed", "promise broken"}] == []
    assert [outcome for outcome in outcomes if not near(cell(outcome), CELLS[listed.name, outcome.model])] == []
    not_compared = {
        (listed.name, known.name)
        for known, outcome in zip(KNOWN, outcomes, strict=True)
        if listed.computes in known.values and outcome.score is not None and outcome.exact is None
    }
    assert not_compared == {(method, model) for method, model in CANNOT_BE_TOLD if method == listed.name}


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
    assert there - listed == {"LimeBase", "Patching"}  # are whatever their parts are, and the other input is


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


def changed(listed: ListedMethod, change: Callable[[Tensor], Tensor]) -> ListedMethod:
    """The method with other values."""

    class Changed(ListedMethod):
        def ask(self, known: KnownModel) -> Answer:
            answer = super().ask(known)
            return Answer(change(answer.attributions), change(answer.values), answer.stderr)

    return Changed(name=listed.name, method=listed.method, needs=listed.needs, computes=listed.computes)


BROKEN: dict[str, Callable[[Tensor], Tensor]] = {
    "negated": torch.neg,
    "absolute": torch.abs,
    "doubled": lambda values: 2 * values,
    "of another feature": lambda values: values.roll(1, 1),
    "of another example": lambda values: values.flip(0),
    "of no example": lambda values: values.mean(0, keepdim=True).expand_as(values),
}
WITH_DEFINITION = [listed for listed in LISTED if listed.computes]
OF_THESE = [zoo.linear(), zoo.pairwise(), zoo.concept_direction()]


SAME_FOR_ALL = {("InternalInfluence", "of another example"), ("InternalInfluence", "of no example")}
"""The one model with a layer to ask about is linear from there: all examples have the same gradient."""


@pytest.mark.parametrize(
    ("listed", "broken"),
    [(listed, broken) for listed in WITH_DEFINITION for broken in BROKEN if (listed.name, broken) not in SAME_FOR_ALL],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_broken_method_is_noticed(listed: ListedMethod, broken: str):
    mutant = changed(listed, BROKEN[broken])
    verdicts = {outcome.verdict for outcome in zoo.evaluate_listed([mutant], OF_THESE)}
    assert "promise broken" in verdicts


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
