"""Several explanations of the same examples, by method or by target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from pellucid.core.tensors import format_names
from pellucid.errors import InvalidArgument, UnknownName
from pellucid.explanation.explanation import Explanation
from pellucid.plot.charts.base import Chart
from pellucid.plot.showing import shown


@final
@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Mapping[str, Explanation]):
    """Explanations of the same examples by several methods, or for several targets: a mapping, in order.

    `comparison["saliency"]` is one of them; `comparison[0]` and `comparison["saliency"][0]` are of the first example.

    Args:
        explanations: The explanations, by what tells them apart.
    """

    explanations: Mapping[str, Explanation]

    def __post_init__(self) -> None:
        if not self.explanations:
            raise InvalidArgument("method must be at least one: got an empty list.")

    def __getitem__(self, key: Any) -> Any:
        """One of the explanations by name, or all of them for some examples."""
        if isinstance(key, str):
            if key not in self.explanations:
                raise UnknownName(f"explanation must be one of {format_names(self.explanations)}: got {key!r}.")
            return self.explanations[key]
        return Comparison({name: explanation[key] for name, explanation in self.explanations.items()})

    def __iter__(self) -> Iterator[str]:
        return iter(self.explanations)

    def __len__(self) -> int:
        return len(self.explanations)

    def plot(self) -> Chart:
        """All of them side by side."""
        from pellucid.plot.choosing import side_by_side

        return side_by_side(dict(self.explanations))

    def save(self, path: Path | str, *, inputs: bool = True) -> None:
        """Write all of them into one file, which [load][pellucid.load] reads as a list.

        Args:
            path: Where to.
            inputs: Whether the inputs are kept, too.
        """
        from pellucid.explanation.container import write

        write(list(self.explanations.values()), path, inputs=inputs, several=True)

    def show(self) -> None:
        """Show what fits where one is."""
        shown(self._repr_html_(), self._text, "Explanations")

    def _text(self, *, columns: int, coloured: bool) -> str:
        return "\n\n".join(each._text(columns=columns, coloured=coloured) for each in self.explanations.values())

    def __repr__(self) -> str:
        return self._text(columns=88, coloured=False)

    def _repr_html_(self) -> str:
        return self.plot()._repr_html_() + "".join(each._repr_html_() for each in self.explanations.values())
