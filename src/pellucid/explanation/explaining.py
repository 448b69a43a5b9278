"""`pellucid.explain`: what people type."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.core.model.layers import SiteLike
from pellucid.core.problem.target import TargetLike
from pellucid.core.tensors import describe
from pellucid.errors import collected_warnings, located, renamed, warn
from pellucid.explanation.answer import answered
from pellucid.explanation.auto import Auto
from pellucid.explanation.automatic import automatic
from pellucid.explanation.comparison import Comparison
from pellucid.explanation.explanation import Explanation, replaced
from pellucid.explanation.named_methods import MethodChoice, chosen_method, parameters_of
from pellucid.explanation.question import Asked, Question

NAMES = {"gradient_at": "source", "forward_func": "model"}
"""What the engine calls arguments, and how users know them."""


def explain(
    model: Any,
    inputs: Any,
    *,
    target: TargetLike = None,
    method: Any = "auto",
    baselines: Any = None,
    source: SiteLike | None = None,
    feature_names: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    class_names: Sequence[str] | None = None,
    feature_mask: Any = None,
    background: Any = None,
    seed: int | None = 0,
    **parameters: Any,
) -> Any:
    """Explain why a model predicts what it predicts.

    Args:
        model: A module, any function of tensors, or a model with `predict_proba` or `predict`.
        inputs: What it is given: tensors, arrays, a frame, the encoding of a tokenizer, texts (with `tokenizer=`),
            images, or a structure of these; examples come first.
        target: What is explained; see [TargetLike][pellucid.methods.TargetLike]. None is the predicted class of each
            example, or the output where there is one.
        method: "auto", which chooses; the name of a method in `pellucid.methods.table()`; a method; or a list of these,
            which are compared.
        baselines: What stands for the absence of information; see [Baselines][pellucid.methods.Baselines]. Or a name:
            "zero", "mean", "median" or "uniform" (random numbers) of the `background`, "blur" of images and series,
            "mask_token" of texts. Or a data set (a tensor, array, frame or torch's), which is averaged over.
        source: A layer that is attributed to, in the place of the inputs.
        feature_names: The names of the features; None takes those of a frame's columns.
        class_names: The names of the classes, in order; None takes those that the model knows.
        feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask]. Or the features of a table
            by name, `{"sex": ["female", "male"]}`.
        background: The data whose mean, median or range `baselines` name.
        seed: Of random numbers; None draws from torch's global generator.
        **parameters: Fields of the method (`n_steps=100`; `max_evaluations=`, `tolerance=` of "auto"), what it is
            called with (`removal=`), and of all methods `additional_forward_args=`, `tokenizer=`, `processor=`,
            `internal_batch_size=` and the like.

    Returns:
        An [Explanation][pellucid.Explanation]; of several methods or targets a [Comparison][pellucid.Comparison].

    Raises:
        InvalidArgument: An argument is not what it must be.
        UnknownName: There is no such method, parameter or baseline.
        NotDifferentiable: The method takes gradients, and the model has none.

    Examples:
        >>> import pellucid, torch
        >>> model = torch.nn.Linear(3, 1)
        >>> with torch.no_grad():
        ...     _ = model.weight.copy_(torch.tensor([[2.0, -1.0, 0.0]])), model.bias.zero_()
        >>> explanation = pellucid.explain(model, torch.tensor([[3.0, 4.0, 5.0]]), feature_names=["a", "b", "c"])
        >>> explanation.values
        tensor([[ 6., -4.,  0.]])
        >>> explanation.top(1).features.names
        ('a',)
    """
    asked = Asked(
        model=model,
        inputs=inputs,
        target=target,
        baselines=baselines,
        source=source,
        feature_names=feature_names,
        class_names=class_names,
        feature_mask=feature_mask,
        background=background,
        seed=seed,
    )
    if not isinstance(method, list | tuple):
        explanations = _explained(asked, chosen_method(method, parameters, seed))
        return explanations[""] if "" in explanations else Comparison(explanations)
    compared: dict[str, Explanation] = {}
    asked = dataclasses.replace(asked, is_compared=True)
    for each in method:
        choice = chosen_method(each, parameters_of(each, method, parameters), seed)
        for name, explanation in _explained(asked, choice).items():
            label = " ".join(filter(None, (choice.name, name)))
            compared[label if label not in compared else f"{label} ({len(compared) + 1})"] = explanation
    return Comparison(compared)


def _explained(asked: Asked, choice: MethodChoice) -> dict[str, Explanation]:
    """The explanations by one method, with what it warned of among their notes."""
    try:
        with collected_warnings() as messages:
            if isinstance(choice.method, Auto):
                explanations = automatic(asked, choice)
            else:
                explanations = answered(Question.of(asked, choice))
    except Exception as error:
        raise renamed(located(error, "explain", describe(asked.inputs)), NAMES) from error.__cause__
    told = tuple(_in_own_words(message, choice) for message in dict.fromkeys(messages))
    for message in told:
        warn(message)
    return {
        name: replaced(explanation, notes=(*explanation.notes, *told)) for name, explanation in explanations.items()
    }


def _in_own_words(message: str, choice: MethodChoice) -> str:
    """A warning of the engine in the parameters of "auto", where that was asked for."""
    if not isinstance(choice.method, Auto):
        return message
    for theirs in ("or relative=True, or more as max_steps", "or relative=True, or more as max_samples"):
        message = message.replace(theirs, "or more as max_evaluations")
    return message
