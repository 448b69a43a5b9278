"""Evaluating methods on the models with known answers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pellucid.zoo.claims import Cannot, Claim, Finds, FindsPart, claim_of
from pellucid.zoo.known_model import KnownModel, Quantity
from pellucid.zoo.listed import LISTED
from pellucid.zoo.listed_method import ListedMethod
from pellucid.zoo.models import known_models
from pellucid.zoo.outcome import Outcome, Verdict
from pellucid.zoo.scores import concordance, dissimilarity, is_exact
from pellucid.zoo.table import rows_of_text
from pellucid.zoo.user_method import UserMethod, method_of_user


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
        method: A function of (model, inputs); a class of Captum's kind, which is made with the model and has
            `attribute`; or a method that is called with a [Problem][pellucid.methods.Problem], as pellucid's are. The
            first two get, by name, those of `baselines`, `target`, `feature_mask` and `layer` that they have
            parameters for.
        computes: What it computes by its definition, one of [Quantity][pellucid.zoo.known_model.Quantity]; values that
            differ from those in closed form are then wrong.
        models: The models; all of them unless given.
        name: What it is called in the table.

    Returns:
        One outcome per model; printed, a table. A method that raises, or returns another shape or NaN, has "failed"
        there, and the outcome says why.

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
    subject = method_of_user(method, name, computes)
    return Evaluation(tuple(_outcome(subject, known, None) for known in (known_models() if models is None else models)))


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
            yield _outcome(method, known, claim_of(method.name, known.name))


def _outcome(subject: ListedMethod | UserMethod, known: KnownModel, claim: Claim | None) -> Outcome:
    """What comes of a method on a model, beside what it promises there, if anything."""
    outcome = partial(Outcome, subject.name, known.name)
    lack = subject.lacks(known)
    if lack:
        return outcome("not applicable", reason=lack)
    try:
        score, exact = _measured(subject, known)
    except Exception as error:
        return outcome("failed", reason=f"{type(error).__name__}: {error}".split("\n")[0])
    verdict, reason = _judged(score, exact, known.right, claim)
    return outcome(verdict, score, exact, reason)


def _measured(subject: ListedMethod | UserMethod, known: KnownModel) -> tuple[float, bool | None]:
    """The score of a method's answer, and whether its values are exact, if they are known; warnings are not shown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = subject.ask(known.copied())
        if known.unlike is None:
            score = concordance(answer.attributions, known.importance)
        else:
            other = subject.ask(replace(known, model=known.unlike).copied())
            score = dissimilarity(answer.attributions, other.attributions)
    values = known.values.get(subject.computes) if subject.computes else None
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
