"""Evaluating methods on the models with known answers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pellucid.errors import WrongType
from pellucid.zoo.asking import Answer, ask, ask_users, listed_like, not_applicable, not_applicable_to_users
from pellucid.zoo.claims import Cannot, Claim, Finds, FindsPart, claim_of
from pellucid.zoo.known_model import KnownModel, Quantity
from pellucid.zoo.listed import LISTED, ListedMethod
from pellucid.zoo.models import known_models
from pellucid.zoo.outcome import Outcome, Verdict
from pellucid.zoo.scores import concordance, dissimilarity, is_exact
from pellucid.zoo.table import rows_of_text

@dataclass(frozen=True)
class Evaluation:
    """The outcomes of a method, which print as a table.

    Args:
        outcomes: One per model.
    """

    outcomes: tuple[Outcome, ...]

    def __str__(self) -> str:
        """A table of plain text."""
        return rows_of_text(self.outcomes)


PARTLY = 0.6
"""The score from which a user's method, of which nothing is promised, has found a part: 1/2 is chance."""


def evaluate(
    method: Callable[..., Any],
    *,
    computes: Quantity | None = None,
    models: Iterable[KnownModel] | None = None,
    name: str | None = None,
) -> Evaluation:
    """Evaluate a method of your own on all models with known answers.

    Args:
        method: A function of (model, inputs); a class of Captum's kind, which is made with the model and has `attribute`; or a
            method that is called with a [Problem][pellucid.methods.Problem], as pellucid's are. Of `baselines`,
            `target`, `feature_mask` and `layer` it gets, by name, those that it has parameters for.
        computes: What it computes by its definition, if it is one of the quantities that models have in closed form;
            values that differ from those are then wrong.
        models: The models; all of them unless given.
        name: What it is called in the table.

    Returns:
        One outcome per model. A method that raises, or returns another shape or NaN, has "failed" there, and the
        outcome says why. Printed, it is a table.

    Raises:
        WrongType: If the method cannot be called.

    Examples:
        >>> from pellucid import zoo
        >>> def inputs_themselves(model, inputs):
        ...     return inputs
        >>> print(zoo.evaluate(inputs_themselves, models=[zoo.linear(), zoo.saturated()]))
        linear     partly  0.56
        saturated  partly  0.70
    """
    if not callable(method):
        raise WrongType(
            f"method must be a function of (model, inputs), a class with attribute, or a method: got {type(method).__name__}. "
            "Hint: zoo.evaluate(lambda model, inputs, target: ...)."
        )
    called = name or getattr(method, "__name__", type(method).__name__)
    listed = listed_like(method, called)
    asked, lacks = (
        (partial(ask, listed), partial(not_applicable, listed))
        if listed
        else (partial(ask_users, method), partial(not_applicable_to_users, method))
    )
    computes = computes or (listed and listed.computes)
    return Evaluation(
        tuple(
            _outcome(called, known, asked, lacks(known), computes, None)
            for known in (known_models() if models is None else models)
        )
    )


def evaluate_listed(
    listed: Iterable[ListedMethod] = LISTED, models: Iterable[KnownModel] | None = None
) -> Iterator[Outcome]:
    """Evaluate pellucid's methods and compare with what they promise, one outcome after another, method by method.

    Args:
        listed: Which methods.
        models: Which models; all of them unless given.
    """
    models = known_models() if models is None else list(models)
    for method in listed:
        for known in models:
            lack, claim = not_applicable(method, known), claim_of(method.name, known.name)
            yield _outcome(method.name, known, partial(ask, method), lack, method.computes, claim)


def _outcome(
    method: str,
    known: KnownModel,
    asked: Callable[[KnownModel], Answer],
    lack: str | None,
    computes: Quantity | None,
    claim: Claim | None,
) -> Outcome:
    """What comes of a method on a model, beside what it promises there, if anything."""
    outcome = partial(Outcome, method, known.name)
    if lack:
        return outcome("not applicable", reason=lack)
    try:
        score, exact = _measured(known, asked, computes)
    except Exception as error:
        return outcome("failed", reason=f"{type(error).__name__}: {error}".split("\n")[0])
    verdict, reason = _judged(score, exact, known.right, claim)
    return outcome(verdict, score, exact, reason)


def _measured(
    known: KnownModel, asked: Callable[[KnownModel], Answer], computes: Quantity | None
) -> tuple[float, bool | None]:
    """The score of a method's answer, and whether its values are exact, if they are known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = asked(known)
        if known.unlike is None:
            score = concordance(answer.attributions, known.importance)
        else:
            score = dissimilarity(answer.attributions, asked(replace(known, model=known.unlike)).attributions)
    values = known.values.get(computes) if computes else None
    return score, None if values is None else is_exact(answer.values, values, answer.stderr)


def _judged(score: float, exact: bool | None, right: float, claim: Claim | None) -> tuple[Verdict, str]:
    """The verdict, and its reason, beside what is promised, if anything."""
    if exact is False and getattr(claim, "exact", True):
        return "wrong" if claim is None else "promise broken", "the values are not those of its definition"
    match claim:
        case None if score < right:
            return ("partly" if score >= PARTLY else "wrong"), ""
        case FindsPart(at_least, because) if at_least <= score < right:
            return "partly", because
        case Cannot(because, at_most) if score <= at_most:
            return "wrong as expected", because
        case None | Finds() if score >= right:
            return "right", ""
    return "promise broken", f"{claim} was promised"
