"""Evaluating methods on the models with known answers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from pellucid.core.summaries import LONGEST
from pellucid.errors import InvalidArgument, WrongType
from pellucid.zoo.claims import Cannot, Claim, Finds, FindsPart, claim_of
from pellucid.zoo.known_model import KnownModel
from pellucid.zoo.listed import LISTED
from pellucid.zoo.listed_method import ListedMethod
from pellucid.zoo.models import known_models
from pellucid.zoo.outcome import Outcome, Verdict
from pellucid.zoo.quantity import Quantity
from pellucid.zoo.scores import concordance, dissimilarity, is_exact
from pellucid.zoo.table import rows_of_text
from pellucid.zoo.user_method import UserMethod, method_of_user


@dataclass(frozen=True)
class Evaluation:
    """The outcomes of a method, which print as a table.

    Args:
        outcomes: One per model, in the order of the models.
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
        computes: What it computes by its definition, one of [Quantity][pellucid.zoo.quantity.Quantity]; values that
            differ from those in closed form are then wrong.
        models: The models, of [known_models][pellucid.zoo.known_models] or your own; all of the zoo unless given.
        name: What it is called in outcomes; its own name unless given.

    Returns:
        One outcome per model; printed, a table. A method that raises, or returns another shape or NaN, has "failed"
        there, and the outcome says why. Scores are of sizes: only `computes` notices a wrong sign.

    Raises:
        WrongType: If the method cannot be called, or `models` are no models.
        InvalidArgument: If `computes` is no quantity, or a model cannot be called with its inputs.

    Examples:
        >>> import torch
        >>> from pellucid import zoo
        >>> def gradient(model, inputs, target):
        ...     output = model(inputs.requires_grad_())[:, target]
        ...     return torch.autograd.grad(output.sum(), inputs)[0]
        >>> models = [zoo.linear(), zoo.exclusive_or(), zoo.saturated()]
        >>> print(zoo.evaluate(gradient, models=models, computes="gradient"))
        linear        partly  0.72  exact
        exclusive or  right   1.00  exact
        saturated     wrong   0.40  exact
    """
    subject = method_of_user(method, name, computes)
    return Evaluation(tuple(_outcome(subject, known, None) for known in _models(models)))


def evaluate_listed(
    listed: Iterable[ListedMethod] = LISTED, models: Iterable[KnownModel] | None = None
) -> Iterator[Outcome]:
    """Evaluate pellucid's methods and compare with what they promise: what `pellucid zoo` prints.

    Args:
        listed: Which methods; all of them unless given.
        models: Which models; all of the zoo unless given.

    Yields:
        One outcome after another, method by method, each as soon as it is there. The verdict is "promise broken"
        where a method is worse, or better, than what is claimed of it.

    Raises:
        WrongType: If `models` are no models.
        InvalidArgument: If a model cannot be called with its inputs.

    Examples:
        >>> from pellucid import zoo
        >>> outcomes = zoo.evaluate_listed(models=[zoo.saturated()])
        >>> [outcome.method for outcome in outcomes if outcome.verdict == "right"][:3]
        ['IntegratedGradients', 'GradientShap', 'DeepLift']
    """
    models = _models(models)
    for method in listed:
        for known in models:
            yield _outcome(method, known, claim_of(method.name, known.name))


def _models(models: Iterable[KnownModel] | None) -> list[KnownModel]:
    """The models that are asked for, each of which can be called."""
    if models is None:
        return known_models()
    hint = "Hint: models=[zoo.linear()]."
    if not isinstance(models, Iterable) or isinstance(models, str):
        raise WrongType(f"models must be a list of KnownModel: got {type(models).__name__}. {hint}")
    chosen = list(models)
    for known in chosen:
        if not isinstance(known, KnownModel):
            raise WrongType(f"models must be a list of KnownModel: got one of {type(known).__name__}. {hint}")
        _call(known)
    return chosen


def _call(known: KnownModel) -> None:
    """Refuse a model that cannot be called with its inputs, or that has no such target."""
    copied = known.copied()
    try:
        with torch.no_grad():
            output = copied.model(copied.inputs)
            values = output if known.target is None else output[:, known.target]
    except Exception as error:
        raise InvalidArgument(f"the model of {known.name!r} cannot be asked about its target: {error}") from error
    if values.shape != known.inputs.shape[:1]:
        raise InvalidArgument(
            f"the model of {known.name!r} must have one output per example, or a target: got {tuple(output.shape)}."
        )


@contextmanager
def _state_kept() -> Iterator[None]:
    """Draws that are the same each time, gradients, no warnings; whatever a method changes of these is put back."""
    dtype = torch.get_default_dtype()
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.enable_grad():
        warnings.simplefilter("ignore")
        torch.default_generator.manual_seed(0)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)


def _outcome(subject: ListedMethod | UserMethod, known: KnownModel, claim: Claim | None) -> Outcome:
    """What comes of a method on a model, beside what it promises there, if anything."""
    outcome = partial(Outcome, subject.name, known.name)
    lack = subject.lacks(known)
    if lack:
        return outcome("not applicable", reason=lack)
    try:
        score, exact = _measured(subject, known)
    except Exception as error:
        return outcome("failed", reason=_reason(error))
    verdict, reason = _judged(score, exact, known.right, claim)
    return outcome(verdict, score, exact, reason)


def _reason(error: Exception) -> str:
    """The first line of an error, not longer than what messages show."""
    message = str(error).strip().partition("\n")[0]
    line = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def _measured(subject: ListedMethod | UserMethod, known: KnownModel) -> tuple[float, bool | None]:
    """The score of a method's answer, and whether its values are exact, if they are known."""
    with _state_kept():
        answer = subject.ask(known.copied())
    if known.unlike is None:
        score = concordance(answer.attributions, known.importance)
    else:
        with _state_kept():
            other = subject.ask(replace(known, model=known.unlike).copied())
        score = dissimilarity(answer.attributions, other.attributions)
    values = known.values.get(subject.computes) if subject.computes else None
    return score, None if values is None else is_exact(answer.values, values, answer.stderr)


def _judged(score: float, exact: bool | None, right: float, claim: Claim | None) -> tuple[Verdict, str]:
    """The verdict, and its reason, beside what is promised, if anything."""
    if exact is False and (claim is None or claim.exact):
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
