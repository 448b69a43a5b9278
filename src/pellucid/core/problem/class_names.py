"""Names of classes, which targets may be given by."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

from pellucid.core.model.inspection import ModelInfo
from pellucid.core.summaries import Summarized
from pellucid.errors import InvalidArgument

MOST_LISTED_NAMES = 5
"""How many names a message lists."""


@final
@dataclass(frozen=True)
class ClassNames(Summarized):
    """The numbers of a model's classes by their names.

    Args:
        model: The model; it, or a module inside it, may have `id2label`, or a `config` that has it.
        names: The names in the order of the classes; None for those of the configuration.

    Examples:
        >>> from pellucid.core.problem.class_names import ClassNames
        >>> ClassNames(len, ["cat", "dog"]).number_of("dog")
        1
    """

    model: Callable[..., Any] | None
    names: Sequence[str] | None = None

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The number of each class, by name."""
        if self.names is not None:
            return {name: number for number, name in enumerate(self.names)}
        return next(self._configured(), {})

    def _configured(self) -> Iterator[Mapping[str, int]]:
        """The names in the configurations of the model and of the modules in it."""
        modules = () if self.model is None else ModelInfo.of(self.model).modules
        for holder in (self.model, *modules):
            for labelled in (holder, getattr(holder, "config", None)):
                labels = getattr(labelled, "id2label", None)
                if isinstance(labels, Mapping) and labels:
                    yield {str(name): int(number) for number, name in labels.items()}

    def number_of(self, name: str, argument: str = "target") -> int:
        """The number of a class.

        Args:
            name: Its name.
            argument: The user's argument, for the message.

        Raises:
            InvalidArgument: There is no such class, or no class has a name.
        """
        if name in self.numbers:
            return self.numbers[name]
        if not self.numbers:
            raise InvalidArgument(
                f"{argument} must be a number where classes have no names: got {name!r}. "
                "Hint: model.id2label = {0: 'cat', ...} names them."
            )
        likely = difflib.get_close_matches(name, self.numbers, MOST_LISTED_NAMES)
        listed = list(map(repr, likely or list(self.numbers)[:MOST_LISTED_NAMES]))
        more = [] if likely or len(listed) == len(self.numbers) else ["..."]
        raise InvalidArgument(
            f"{argument} must be the name of one of {len(self.numbers)} classes: got {name!r}. "
            f"Hint: {' or '.join(listed + more)}."
        )


NAMELESS = ClassNames(None)
"""For neurons, which have no names."""
