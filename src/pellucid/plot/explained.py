"""What charts ask of an explanation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias

from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.plot.arrays import Array

Kind: TypeAlias = Literal["table", "image", "tokens", "series", "other"]
"""What an input is: a row of features (F), an image (C, H, W) or (H, W), tokens (T), a time series (T, C), or else."""


class ExplainedInput(Protocol):
    """One of the inputs of an explanation, or a layer, and what is attributed to it."""

    @property
    def name(self) -> str:
        """What it is called; "" of the only one."""
        ...

    @property
    def kind(self) -> Kind:
        """What it is."""
        ...

    @property
    def values(self) -> Array:
        """Attributions of its elements, floats (B, ...)."""
        ...

    @property
    def inputs(self) -> Array | None:
        """The input itself, (B, ...); None where it was not kept."""
        ...

    @property
    def tokens(self) -> tuple[tuple[str, ...], ...]:
        """The tokens of each text, as many as it has; () of other kinds."""
        ...


class ExplainedFeatures(Protocol):
    """The F features of B examples, in order."""

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, [F]."""
        ...

    @property
    def values(self) -> Array:
        """Attributions, one for each feature, float64 [B, F]."""
        ...

    @property
    def stderr(self) -> Array | None:
        """Their standard errors, [B, F], NaN where they are not known; None where there are none."""
        ...

    @property
    def numbers(self) -> Array:
        """The features themselves, float64 [B, F], NaN where they are no numbers."""
        ...

    @property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """How each reads, `39` or `male`, [B][F]; "" where that is not known."""
        ...


class Explained(Protocol):
    """What charts ask of an explanation of B examples."""

    def __len__(self) -> int:
        """The number of examples."""
        ...

    def __getitem__(self, examples: Any, /) -> Explained:
        """The same of some examples."""
        ...

    @property
    def features(self) -> ExplainedFeatures:
        """The features, and what is attributed to them."""
        ...

    @property
    def prediction(self) -> Array:
        """The output that is explained, float64 [B]."""
        ...

    @property
    def baseline_prediction(self) -> Array:
        """The same at the baselines, [B]; NaN where there are none."""
        ...

    @property
    def remainder(self) -> Array:
        """What features that are not shown add up to, [B]."""
        ...

    @property
    def target_names(self) -> tuple[str, ...]:
        """What is explained of each example, [B]."""
        ...

    @property
    def unit(self) -> str:
        """What outputs and attributions are: `logit`, `probability`; "" where that is not known."""
        ...

    @property
    def method(self) -> str:
        """The name of the method."""
        ...

    @property
    def interactions(self) -> Array | None:
        """What pairs of features add together, symmetric [B, F, F], with main effects on the diagonal."""
        ...

    @property
    def rounds(self) -> tuple[tuple[float, float], ...]:
        """How many evaluations an example had taken after each round, and the largest error that was left."""
        ...

    @property
    def parts(self) -> Sequence[ExplainedInput]:
        """The inputs."""
        ...


def check_one_example(explanation: Explained, chart: str) -> None:
    """Check that an explanation is of one example, of which a chart is.

    Args:
        explanation: The explanation.
        chart: The name of the chart.

    Raises:
        InvalidArgument: It is of none, or of several.
    """
    if len(explanation) != 1:
        raise InvalidArgument(
            f"explanation must be of one example for {chart!r}: got {len(explanation)}. "
            f"Hint: explanation[0].plot.{chart}()."
        )


def input_of_kind(explanation: Explained, kind: Kind, chart: str) -> ExplainedInput:
    """The first input of a kind.

    Args:
        explanation: The explanation.
        kind: What is needed.
        chart: The name of the chart.

    Raises:
        InvalidArgument: There is none.
    """
    for explained in explanation.parts:
        if explained.kind == kind:
            return explained
    kinds = ", ".join(sorted({explained.kind for explained in explanation.parts}))
    raise InvalidArgument(f"{chart} needs {kind}: got an explanation of {kinds or summary(())}. Hint: plot.bar().")
