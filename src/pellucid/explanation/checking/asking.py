"""How an explanation was asked for, so that it can be asked again: the model is not kept alive."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from torch import nn

from pellucid.core.summaries import Summarized
from pellucid.errors import InvalidArgument
from pellucid.explanation.named_methods import MethodChoice
from pellucid.explanation.question import Asked, Question
from pellucid.methods import Several


@final
@dataclass(frozen=True, eq=False)
class Asking(Summarized):
    """What was asked, but for the model, and which method answered.

    Args:
        asked: What users gave, without the model.
        model: Returns the model, or None once it is gone: a module is not kept alive, a function is.
        choice: The method that answered.
        by_baseline: See [result_of][pellucid.explanation.result.result_of].
    """

    asked: Asked
    model: Callable[[], Any]
    choice: MethodChoice
    by_baseline: bool = False

    @classmethod
    def of(cls, question: Question, method: Any, column: int | None, *, by_baseline: bool) -> Asking:
        """How a question was asked.

        Args:
            question: The question.
            method: The method that answered it.
            column: Which of several targets; None of one.
            by_baseline: See [result_of][pellucid.explanation.result.result_of].
        """
        model = question.asked.model
        held: Callable[[], Any] = weakref.ref(model) if isinstance(model, nn.Module) else lambda: model
        asked = dataclasses.replace(question.asked, model=None)
        if isinstance(asked.target, Several) and column is not None:
            targets = asked.target.targets
            asked = dataclasses.replace(asked, target=column if isinstance(targets, str) else targets[column])
        return cls(asked, held, dataclasses.replace(question.choice, method=method), by_baseline)

    def question(self, model: Any = None) -> Question:
        """The question once more.

        Args:
            model: The model; None for the one that was explained.

        Raises:
            InvalidArgument: That is gone.
        """
        model = self.model() if model is None else model
        if model is None:
            raise InvalidArgument(
                "model must be there to check what was explained: it is gone. Hint: explanation.check(model)."
            )
        options = {name: value for name, value in self.choice.options.items() if name != "progress"}
        choice = dataclasses.replace(self.choice, options=options)
        return Question.of(dataclasses.replace(self.asked, model=model), choice)
