"""The words around charts: titles, what stands above examples, units, notes; and checks that there is something to say.

Titles say the method, then what is shown, to which target, and of which prediction or of how many examples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.plot.arrays import Array
from pellucid.plot.axis import number_text
from pellucid.plot.explained import Explained
from pellucid.plot.scale import Scale


def title_of(explanation: Explained, what: str, example: int | None = None) -> str:
    """The title of a chart of an explanation, `Integrated gradients: attributions to survived, 40 examples`.

    Args:
        explanation: The explanation.
        what: What is shown of it, before the target: `attributions`.
        example: Of which of its examples; None for all.
    """
    if example is None:
        return method_and(explanation, f"{what}{_of_target([explanation])}")
    number = f", example {example + 1}" if len(explanation) > 1 else ""
    return method_and(explanation, f"{what} to {predicted(explanation, example)}{number}")


def title_of_several(explanations: Iterable[Explained], what: str, *, is_headed: bool = False) -> str:
    """The title of a chart of explanations side by side; their method, where it is the same, or else `by method`.

    Args:
        explanations: Of the same examples.
        what: What is shown of each.
        is_headed: Whether headlines say the target of each example, so that the title need not.
    """
    several = list(explanations)
    said = what if is_headed else f"{what}{_of_target(several)}"
    if len({explanation.method for explanation in several}) > 1:
        return capitalized(f"{said}, by method")
    return method_and(several[0], said)


def method_and(explanation: Explained, what: str) -> str:
    """The name of a method, and what is shown of it: `Integrated gradients: what each pixel adds`."""
    return capitalized(f"{method_text(explanation.method)}: {what}")


def headline(explanation: Explained, example: int) -> str:
    """The target of an example and its prediction, with its number where there are several.

    Args:
        explanation: Of all examples.
        example: Which of them.
    """
    said = predicted(explanation, example)
    return f"{example + 1}. {said}" if len(explanation) > 1 else said


def predicted(explanation: Explained, example: int) -> str:
    """What is explained of an example, and how much that is where it is known: `survived (0.9 logit)`.

    Args:
        explanation: Of all examples.
        example: Which of them.
    """
    names = explanation.target_names
    name = (names[example] if example < len(names) else "") or "the output"
    prediction = float(explanation.prediction[example])
    if not np.isfinite(prediction):
        return name
    return f"{name} ({f'{number_text(prediction)} {explanation.unit}'.rstrip()})"


def _of_target(explanations: list[Explained]) -> str:
    """What is explained, where it is the same of all; and of one example its prediction, or how many there are."""
    count = len(explanations[0])
    names = {name for explanation in explanations for name in explanation.target_names}
    if count == 1 and len(names) == 1:
        return f" to {predicted(explanations[0], 0)}"
    target = f" to {names.pop()}" if len(names) == 1 and names != {""} else ""
    if len(names) > 1:  # which, side by side, cannot be compared as if they were one
        target = f" to {len(names)} targets, each example's own"
    return f"{target}, {count} example{'s' * (count != 1)}"


def method_text(method: str) -> str:
    """The name of a method as it is read."""
    return method.replace("_", " ")


def capitalized(text: str) -> str:
    """A text that begins with a capital letter, and is otherwise as it was."""
    return text[:1].upper() + text[1:]


def in_unit(what: str, explanation: Explained) -> str:
    """What numbers are, with their unit where there is one: `attribution (logit)`.

    Args:
        what: What they are.
        explanation: What has the unit.
    """
    return f"{what} ({explanation.unit})" if explanation.unit else what


def said_of_unit(explanation: Explained) -> str:
    """A sentence on the unit of attributions; "" where it is not known."""
    return f"Attributions are in units of the {explanation.unit}." if explanation.unit else ""


def note_of(*sentences: str) -> str:
    """Sentences, without those that are empty."""
    return " ".join(sentence for sentence in sentences if sentence)


def left_over(count: int, shown: int, what: str) -> str:
    """How many are not shown; "" where all are.

    Args:
        count: How many there are.
        shown: How many are shown.
        what: What they are, in the plural.
    """
    return f"{count - shown} more {what} are not shown." if count > shown else ""


def missing_note(values: Iterable[Array]) -> str:
    """How many attributions are not known; "" where all are.

    Args:
        values: Attributions, of any shapes.
    """
    arrays = list(values)
    missing = sum(int((~np.isfinite(array)).sum()) for array in arrays)
    count = sum(array.size for array in arrays)
    return f"Missing (not finite): {missing} of {count} attributions." if missing else ""


def zero_note(scale: Scale) -> str:
    """That there is nothing to see, where that is so."""
    if scale.largest:
        return ""
    return {
        "positive": "No attribution is positive.",
        "negative": "No attribution is negative.",
    }.get(scale.sign, "No attribution differs from zero.")


def check_examples(explanation: Explained, chart: str) -> None:
    """Check that there are examples to draw.

    Args:
        explanation: The explanation.
        chart: The name of the chart.

    Raises:
        InvalidArgument: It is of no examples.
    """
    if not len(explanation):
        raise InvalidArgument(
            f"explanation must be of at least one example for {chart!r}: got none. Hint: explain(model, x[:1])."
        )


def check_features(explanation: Explained, chart: str) -> None:
    """Check that there are examples to draw, and features.

    Args:
        explanation: The explanation.
        chart: The name of the chart.

    Raises:
        InvalidArgument: There are no examples, or no features.
    """
    check_examples(explanation, chart)
    if not explanation.features.names:
        raise InvalidArgument(
            f"explanation must be of at least one feature for {chart!r}: got none. "
            "Hint: print(explanation) says what it holds."
        )


def check_baseline(explanation: Explained, chart: str) -> None:
    """Check that the outputs are known at the inputs and at the baselines.

    Args:
        explanation: The explanation.
        chart: The name of the chart.

    Raises:
        InvalidArgument: They are not.
    """
    both = np.isfinite(explanation.prediction) & np.isfinite(explanation.baseline_prediction)
    if not both.all():
        raise InvalidArgument(
            f"explanation must know the outputs at the inputs and at the baselines for {chart!r}: got NaN for "
            f"{int((~both).sum())} of {len(explanation)} examples. Hint: explanation.plot.bar()."
        )


def check_several(explanations: object, chart: str) -> None:
    """Check that explanations come by the names of methods, and are of as many examples.

    Args:
        explanations: What should be a mapping.
        chart: The name of the chart.

    Raises:
        InvalidArgument: They are no mapping, none at all, or of different numbers of examples.
    """
    hint = f'Hint: plot.{chart}({{"saliency": explanation}}).'
    if not isinstance(explanations, Mapping) or not explanations:
        raise InvalidArgument(
            f"explanations must be a mapping of at least one method to its explanation: got {summary(explanations)}. "
            f"{hint}"
        )
    counts = {str(name): len(explanation) for name, explanation in explanations.items()}
    if len(set(counts.values())) > 1:
        raise InvalidArgument(f"explanations must be of the same examples: got {summary(counts)} of them. {hint}")
