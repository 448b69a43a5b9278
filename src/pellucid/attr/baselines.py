"""Random baselines of templates."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from pellucid.core.summaries import summary, summary_of_call
from pellucid.errors import InvalidArgument, OutOfRange

Names: TypeAlias = "str | tuple[str, ...]"
"""The name of a value, or the names of values that are drawn together."""


class ProductBaselines:
    """Draws baselines: one of several values for each part, independently of the others.

    Args:
        baseline_values: The values of each part: a list of lists; or a dict of lists by name. Where a name is a tuple
            of names, the values are tuples, which are drawn together.
        seed: Seeds the draws; None draws from Python's global generator.

    Raises:
        InvalidArgument: They are neither, or tuples do not have a value for each name.

    Examples:
        >>> from pellucid.attr import ProductBaselines
        >>> baselines = ProductBaselines({"name": ["Ann", "Bo"], ("city", "land"): [("Rome", "Italy")]}, seed=0)
        >>> baselines()
        {'name': 'Bo', 'city': 'Rome', 'land': 'Italy'}
    """

    def __init__(
        self,
        baseline_values: Sequence[Sequence[Any]] | Mapping[Names, Sequence[Any]],
        *,
        seed: int | None = None,
    ) -> None:
        if not isinstance(baseline_values, Mapping | list | tuple):
            raise InvalidArgument(
                f"baseline_values must be a list of lists, or a dict of lists: got {summary(baseline_values)}."
            )
        named = isinstance(baseline_values, Mapping)
        self.dict_keys: list[Names] = list(baseline_values) if named else []
        self.baseline_values = list(
            baseline_values.values() if isinstance(baseline_values, Mapping) else baseline_values
        )
        for names, values in zip(self.dict_keys, self.baseline_values, strict=False):
            if isinstance(names, tuple) and not all(_fits(value, names) for value in values):
                raise InvalidArgument(
                    f"baseline_values must have a tuple of {len(names)} for {names}: got {summary(values)}."
                )
        self._draws: Any = random if seed is None else random.Random(seed)

    def sample(self) -> list[Any] | dict[str, Any]:
        """One value for each part.

        Returns:
            A list, or a dict by all the names.

        Raises:
            OutOfRange: A part has no values.
        """
        for values in self.baseline_values:
            if not values:
                raise OutOfRange(
                    f"baseline_values must hold values for each part: got {summary(self.baseline_values)}."
                )
        drawn = [self._draws.choice(values) for values in self.baseline_values]
        if not self.dict_keys:
            return drawn
        baselines: dict[str, Any] = {}
        for names, value in zip(self.dict_keys, drawn, strict=True):
            baselines |= zip(names, value, strict=True) if isinstance(names, tuple) else {names: value}
        return baselines

    def __call__(self) -> list[Any] | dict[str, Any]:
        """One value for each part: `sample`."""
        return self.sample()

    def __repr__(self) -> str:
        shown = dict(zip(self.dict_keys, self.baseline_values, strict=True)) if self.dict_keys else self.baseline_values
        return summary_of_call("ProductBaselines", [("", shown, None)])


def _fits(value: object, names: tuple[str, ...]) -> bool:
    """Whether a value has a part for each name."""
    return isinstance(value, tuple | list) and len(value) == len(names)
