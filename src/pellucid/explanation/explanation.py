"""What `explain` returns: attributions with all that is needed to read, draw, compare, keep and trust them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import numpy as np

from pellucid.core.evaluation.completeness import CHANCE_FACTOR
from pellucid.data.nested import map_leaves
from pellucid.explanation import aggregation, selection, tables
from pellucid.explanation.checking.checkable import Checkable
from pellucid.explanation.features import Features
from pellucid.explanation.part import Array, Part, made_again
from pellucid.explanation.plots import PlotsOfInstance
from pellucid.explanation.provenance import Provenance
from pellucid.plot.showing import shown

if TYPE_CHECKING:
    from pellucid.explanation.checking.asking import Asking
    from pellucid.explanation.checking.verdict import Check

ADDS_UP = 0.05
"""What sums may miss, as a share of the change of the output, before a reader is told."""


@final
@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Explanation(Checkable):
    """Attributions of B examples: why a model predicts what it predicts of them.

    It is made by [explain][pellucid.explain], and cannot be changed: what its methods return is another one.

    * `explanation[0]`, `explanation[2:5]`, `explanation[prediction > 0]`: some of the examples.
    * `explanation["age"]`, `explanation[["age", "fare"]]`, `explanation[0, "age"]`: some of the features; what the
      others add up to is its `remainder`.
    * `explanation - another`: the differences of all values; `abs(explanation)`: their sizes.
    * `explanation.plot.waterfall()`, `explanation.plot.image()` ...: pictures; see [pellucid.plot][].

    Args:
        parts: The inputs, or the tensors of a layer, and what is attributed to each.
        structure: How these lie in what the user gave: their numbers in the place of arrays.
        prediction: The output that is explained, float64 [B].
        baseline_prediction: The same at the baselines, the mean over these where there are many; NaN where there are
            none.
        target_names: What is explained of each example, [B]: the name of a class, or `output 3`.
        unit: What outputs are: `logit`, `probability`, or "" where that is not known.
        adds_up: Whether the method promises that values add up to the change of the output.
        remainder: What features add up to that are left out, float64 [B].
        evaluations: How often the model was evaluated for each example, float64 [B]; forwards, with backwards or
            without.
        seconds: How long it took, for all.
        feature_labels: The names of the features of masks; () for their own.
        interactions: What pairs of features add together, [B, F, F], of methods of interactions.
        rounds: With "auto", how many evaluations an example had taken after each round, and the largest error then.
        notes: What a reader must know: what was chosen, and what is in doubt.
        provenance: Where it comes from.
        model: What was explained, for the fingerprint of a file; None of what is loaded.

    Attributes:
        asking: How it was asked for; None of one that was loaded, or made of another.
        checked: What its last check found; None where it was not checked.
    """

    parts: tuple[Part, ...]
    structure: Any
    prediction: Array
    baseline_prediction: Array
    target_names: tuple[str, ...]
    unit: str
    adds_up: bool
    remainder: Array
    evaluations: Array
    seconds: float
    provenance: Provenance
    feature_labels: tuple[str, ...] = ()
    interactions: Array | None = None
    rounds: tuple[tuple[float, float], ...] = ()
    notes: tuple[str, ...] = ()
    model: Any = field(default=None, compare=False)
    asking: Asking | None = field(default=None, init=False)
    checked: Check | None = field(default=None, init=False)

    plot: ClassVar[PlotsOfInstance] = PlotsOfInstance()
    """Pictures of it: `plot.bar()`, `plot.waterfall()`, `plot.image()`, `plot.tokens()` ...; `plot()` chooses."""

    def __post_init__(self) -> None:
        for array in (self.prediction, self.baseline_prediction, self.remainder, self.evaluations, self.interactions):
            if array is not None:
                array.flags.writeable = False

    def __reduce__(self) -> tuple[Any, ...]:
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.init}
        return made_again, (type(self), values | {"model": None})

    # ------------------------------------------------------------------------------------------------- what it holds

    def __len__(self) -> int:
        return len(self.prediction)

    @property
    def values(self) -> Any:
        """The attributions as the inputs were given: a tensor, an array, a frame, or a structure of these; copies."""
        return map_leaves(self.structure, lambda _, number: None if number is None else self.parts[number].restored())

    @property
    def inputs(self) -> Any:
        """What was explained, as it was given; None in the place of what was not kept, or not attributed to; copies."""
        return map_leaves(self.structure, lambda _, number: None if number is None else self.parts[number].given())

    @property
    def delta(self) -> Array | None:
        """By how much the values miss the change of the output, [B]; None of methods that do not promise to add up."""
        if not self.adds_up:
            return None
        delta: Array = self.features.values.sum(1) + self.remainder - (self.prediction - self.baseline_prediction)
        return delta

    @property
    def method(self) -> str:
        """The name of the method."""
        return self.provenance.method

    @cached_property
    def features(self) -> Features:
        """The features in a row: their `names`, `values` [B, F], `stderr`, `numbers` and `texts`."""
        return Features(self.parts, self.feature_labels)

    # -------------------------------------------------------------------------------------------- others made of it

    def __getitem__(self, key: Any) -> Explanation:
        """Some of the examples, or of the features.

        Raises:
            InvalidArgument: There is no such example.
            UnknownName: There is no such feature.
        """
        return selection.chosen(self, key)

    def __abs__(self) -> Explanation:
        return aggregation.sizes(self)

    def __sub__(self, other: Explanation) -> Explanation:
        return aggregation.difference(self, other)

    def top(self, k: int = 10) -> Explanation:
        """The k features of the largest mean size, largest first; what the others add up to is the `remainder`.

        Args:
            k: How many, from one on.
        """
        return selection.top(self, k)

    def group(self, features: Mapping[str, Sequence[str | int]]) -> Explanation:
        """Features joined, whose values are the sums of theirs; those in no group stay.

        Args:
            features: The names, or positions, of the features of each group, by its name:
                `{"sex": ["female", "male"]}`.

        Raises:
            UnknownName: There is no such feature.
            InvalidArgument: One is in two groups.
        """
        return selection.grouped(self, features)

    def aggregate(
        self,
        by: Literal["word", "sentence", "channel", "step"] | Sequence[Sequence[tuple[int, int]]] = "word",
        how: Literal["sum", "mean", "max"] = "sum",
    ) -> Explanation:
        """Tokens joined to words, sentences or spans of characters; a series or image to its channels or steps.

        Args:
            by: What elements are joined to; of spans (start, end), those of each text.
            how: How; "max" is the value of the largest size. Only sums still add up.

        Raises:
            InvalidArgument: The explanation is of nothing that can be joined so.
        """
        return aggregation.joined(self, by, how)

    def mean(self) -> Explanation:
        """The mean over the examples, with its standard errors, as an explanation of one example.

        That of `abs(explanation)` says how much features matter, whichever way.
        """
        return aggregation.mean(self)

    # ---------------------------------------------------------------------------------------------- what it turns into

    def to_frame(self) -> Any:
        """A `pandas.DataFrame` with a row for each feature of each example.

        Returns:
            Columns `example`, `feature`, `input`, `attribution`, `stderr` (where there are any), `target` and
            `prediction`.

        Raises:
            ModuleNotFoundError: pandas is not there.
        """
        return tables.to_frame(self)

    def to_numpy(self) -> Array:
        """Attributions, one for each feature, float64 [B, F]; a copy."""
        values: Array = self.features.values.copy()
        return values

    def to_dict(self) -> dict[str, Any]:
        """All that a reader wants as numbers, texts and lists, which JSON can hold."""
        return tables.to_dict(self)

    def to_csv(self, path: Path | str | None = None) -> str | None:
        """The table of [to_frame][pellucid.Explanation.to_frame] as CSV; it takes no pandas.

        Args:
            path: Where to write it; None returns it.
        """
        return tables.to_csv(self, path)

    def save(self, path: Path | str, *, inputs: bool = True) -> None:
        """Write it into a file, `NAME.pellucid`, that [load][pellucid.load] reads; nothing in it is executed.

        Args:
            path: Where to; a file that is there is replaced once the new one is whole.
            inputs: Whether the inputs are kept, too: leave out what is private.

        Raises:
            ModuleNotFoundError: safetensors is not there.
        """
        from pellucid.explanation.container import write

        write([self], path, inputs=inputs, several=False)

    def show(self) -> None:
        """Show what fits where one is: in a notebook or browser a table and a picture, in a terminal their text."""
        shown(self._repr_html_(), self._text, f"Explanation by {self.method}")

    def _text(self, *, columns: int, coloured: bool) -> str:
        from pellucid.explanation.terminal import text_of_explanation

        return text_of_explanation(self, columns=max(40, columns), coloured=coloured)

    def __repr__(self) -> str:
        return self._text(columns=88, coloured=False)

    def _repr_html_(self) -> str:
        from pellucid.explanation.page import page_of_explanation

        return page_of_explanation(self)


def replaced(explanation: Explanation, **changes: Any) -> Explanation:
    """The same answer to the same question, of which something else is said.

    Args:
        explanation: The explanation.
        **changes: What is said: its fields, such as `notes`.
    """
    other = replace(explanation, **changes)
    vars(other).update(asking=explanation.asking, checked=explanation.checked)
    return other


def sizes_of_changes(explanation: Explanation) -> Array:
    """The change of each example's output; at least that of a sum of such attributions with random signs, [B]."""
    change = np.abs(explanation.prediction - explanation.baseline_prediction)
    norms = np.sqrt((explanation.features.values**2).sum(1))
    sizes: Array = np.maximum(change, CHANCE_FACTOR * norms)
    return sizes


def gap_to_tell(explanation: Explanation) -> Array:
    """For which examples sums miss the change of the output by more than a reader expects, bool [B]."""
    delta = explanation.delta
    if delta is None:
        return np.zeros(len(explanation), dtype=bool)
    rounding = 1e-4 * (np.abs(explanation.prediction) + np.abs(explanation.baseline_prediction))
    told: Array = np.abs(delta) > np.maximum(ADDS_UP * sizes_of_changes(explanation), rounding)
    return told
