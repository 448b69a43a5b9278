"""What is written above the pictures of examples, and the notes that say what is not drawn."""

from __future__ import annotations

from collections.abc import Mapping

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.plot.axis import number_text
from pellucid.plot.explained import Explained
from pellucid.plot.scale import Scale


def headline(explanation: Explained, example: int) -> str:
    """The target of an example and its prediction, with its number where there are several.

    Args:
        explanation: Of all examples.
        example: Which of them.
    """
    names = explanation.target_names
    name = names[example] if example < len(names) else ""
    said = f"{name or 'prediction'}: {number_text(float(explanation.prediction[example]))} {explanation.unit}".rstrip()
    return f"{example + 1}. {said}" if len(explanation) > 1 else said


def method_text(method: str) -> str:
    """The name of a method as it is read."""
    return method.replace("_", " ")


def capitalized(text: str) -> str:
    """A text that begins with a capital letter, and is otherwise as it was."""
    return text[:1].upper() + text[1:]


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


def unknown_note(scale: Scale) -> str:
    """How many values are left blank."""
    if not scale.unknown:
        return ""
    is_one = scale.unknown == 1
    return f"{scale.unknown} attribution{' is' if is_one else 's are'} NaN or infinite: left blank."


def zero_note(scale: Scale) -> str:
    """That there is nothing to see, where that is so."""
    if scale.largest:
        return ""
    return {
        "positive": "No attribution is positive.",
        "negative": "No attribution is negative.",
    }.get(scale.sign, "No attribution differs from zero.")


def check_examples(explanation: Explained, chart: str) -> None:
    """Check that there is something to draw.

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
