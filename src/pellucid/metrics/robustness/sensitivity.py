"""How much attributions change where inputs hardly do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from pellucid.metrics.robustness.neighbourhood import Neighbourhood, RobustnessMetric
from pellucid.metrics.scores import FROM_ZERO, Better, Scores
from pellucid.metrics.statistics import mean_and_stderr


@final
@dataclass(frozen=True, kw_only=True)
class MaxSensitivity(RobustnessMetric):
    """How much attributions change at most, as a share of their size, among noisy copies of an example.

    max_{x'} ‖a(x') - a(x)‖ / ‖a(x)‖

    It is the largest of a sample, which more samples can only raise: it has no standard error. Where attributions are
    zero it is ‖a(x')‖.

    Yeh, Hsieh, Suggala, Inouye, Ravikumar, "On the (in)fidelity and sensitivity of explanations", 2019,
    https://arxiv.org/abs/1901.09392.

    Args:
        radius: How far each element moves at most, as a share of the range of its example.
        n_samples: How many noisy copies of each example.
        seed: Seeds them; None draws from the global generators.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, Saliency
        >>> from pellucid.metrics import MaxSensitivity
        >>> problem = Problem(lambda x: 3 * x.sum(1), torch.rand(2, 4))
        >>> MaxSensitivity()(problem, Saliency()(problem), method=Saliency()).values
        tensor([0., 0.], dtype=torch.float64)
    """

    better: ClassVar[Better] = "lower"
    range: ClassVar[tuple[float, float]] = FROM_ZERO
    paper: ClassVar[str] = "https://arxiv.org/abs/1901.09392"

    def scores(self, neighbourhood: Neighbourhood) -> Scores:
        """The largest changes."""
        return Scores(self, _relative_changes(neighbourhood).amax(1))


@final
@dataclass(frozen=True, kw_only=True)
class AverageSensitivity(RobustnessMetric):
    """How much attributions change on average, as a share of their size, among noisy copies of an example.

    E_{x'} ‖a(x') - a(x)‖ / ‖a(x)‖

    Bhatt, Weller, Moura, "Evaluating and aggregating feature-based model explanations", 2020,
    https://arxiv.org/abs/2005.00631.

    Args:
        radius: How far each element moves at most, as a share of the range of its example.
        n_samples: How many noisy copies of each example.
        seed: Seeds them; None draws from the global generators.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, Saliency
        >>> from pellucid.metrics import AverageSensitivity
        >>> problem = Problem(lambda x: 3 * x.sum(1), torch.rand(2, 4))
        >>> AverageSensitivity()(problem, Saliency()(problem), method=Saliency()).values
        tensor([0., 0.], dtype=torch.float64)
    """

    better: ClassVar[Better] = "lower"
    range: ClassVar[tuple[float, float]] = FROM_ZERO
    paper: ClassVar[str] = "https://arxiv.org/abs/2005.00631"

    def scores(self, neighbourhood: Neighbourhood) -> Scores:
        """The mean changes."""
        return Scores(self, *mean_and_stderr(_relative_changes(neighbourhood)))


@final
@dataclass(frozen=True, kw_only=True)
class LocalLipschitz(RobustnessMetric):
    """How much faster attributions change than inputs, at most, among noisy copies of an example.

    max_{x'} ‖a(x') - a(x)‖ / ‖x' - x‖

    It is the largest of a sample, which more samples can only raise: it has no standard error.

    Alvarez-Melis, Jaakkola, "On the robustness of interpretability methods", 2018, https://arxiv.org/abs/1806.08049.

    Args:
        radius: How far each element moves at most, as a share of the range of its example.
        n_samples: How many noisy copies of each example.
        seed: Seeds them; None draws from the global generators.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, Saliency
        >>> from pellucid.metrics import LocalLipschitz
        >>> problem = Problem(lambda x: (x**2).sum(1), torch.tensor([[1.0, 2.0]]))
        >>> LocalLipschitz()(problem, Saliency()(problem), method=Saliency()).values.round(decimals=3)
        tensor([2.], dtype=torch.float64)
    """

    better: ClassVar[Better] = "lower"
    range: ClassVar[tuple[float, float]] = FROM_ZERO
    paper: ClassVar[str] = "https://arxiv.org/abs/1806.08049"

    def scores(self, neighbourhood: Neighbourhood) -> Scores:
        """The largest slopes."""
        distances = neighbourhood.distances
        return Scores(self, _steepest(distances.of_attributions, distances.of_inputs))


@final
@dataclass(frozen=True, kw_only=True)
class Continuity(RobustnessMetric):
    """The strongest variation of attributions around an example.

    max_{x'} ‖a(x') - a(x)‖₁ / ‖x' - x‖₂

    It is the largest of a sample, which more samples can only raise: it has no standard error.

    Montavon, Samek, Müller, "Methods for interpreting and understanding deep neural networks", 2018,
    https://arxiv.org/abs/1706.07979, section 5.1.

    Args:
        radius: How far each element moves at most, as a share of the range of its example.
        n_samples: How many noisy copies of each example.
        seed: Seeds them; None draws from the global generators.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, Saliency
        >>> from pellucid.metrics import Continuity
        >>> problem = Problem(lambda x: 3 * x.sum(1), torch.rand(2, 4))
        >>> Continuity()(problem, Saliency()(problem), method=Saliency()).values
        tensor([0., 0.], dtype=torch.float64)
    """

    better: ClassVar[Better] = "lower"
    range: ClassVar[tuple[float, float]] = FROM_ZERO
    paper: ClassVar[str] = "https://arxiv.org/abs/1706.07979"

    def scores(self, neighbourhood: Neighbourhood) -> Scores:
        """The largest variations."""
        distances = neighbourhood.distances
        return Scores(self, _steepest(distances.of_attributions_in_sum, distances.of_inputs))


def _steepest(changes: Tensor, moves: Tensor) -> Tensor:
    """The largest ratio of changes to moves, [n, samples] each, among copies that rounding lets move; else NaN."""
    moved = moves > 0
    largest = (changes / moves).masked_fill(~moved, -1.0).amax(1)
    return largest.masked_fill(~moved.any(1), float("nan"))


def _relative_changes(neighbourhood: Neighbourhood) -> Tensor:
    """‖a(x') - a(x)‖ / ‖a(x)‖, [n, samples]."""
    distances = neighbourhood.distances
    return distances.of_attributions / distances.size.where(distances.size > 0, 1.0)[:, None]
