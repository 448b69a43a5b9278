"""How much attributions change relative to what else changes: inputs, outputs, or what a layer says."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, SupportsFloat, final

from torch import Tensor

from pellucid.core.model.layers import OUTPUT, SiteLike, resolve_site
from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument
from pellucid.metrics.robustness.neighbourhood import SMALLEST, Neighbourhood, RobustnessMetric
from pellucid.metrics.scores import FROM_ZERO, Better, Scores


@dataclass(frozen=True, kw_only=True)
class StabilityMetric(RobustnessMetric):
    """A metric of relative stability: the largest among copies whose predicted class is that of their example.

    Args:
        radius: How far each element moves at most, as a share of the range of its example.
        n_samples: How many noisy copies of each example.
        seed: Seeds them; None draws from the global generators.
        smallest: What is divided by at least, ε_min of the paper.
    """

    smallest: float = SMALLEST

    better: ClassVar[Better] = "lower"
    range: ClassVar[tuple[float, float]] = FROM_ZERO
    paper: ClassVar[str] = "https://arxiv.org/abs/2203.06877"

    def scores(self, neighbourhood: Neighbourhood) -> Scores:
        """The largest relative changes; NaN where no copy has the class of its example."""
        if not isinstance(self.smallest, SupportsFloat) or not 0 < self.smallest < float("inf"):
            raise InvalidArgument(f"smallest must be a finite number above zero: got {summary(self.smallest)}.")
        changes = self.changes(neighbourhood).clamp(min=self.smallest)
        ratios = neighbourhood.distances.of_attributions_relatively / changes
        same = neighbourhood.same_class
        largest = ratios.masked_fill(~same, -1.0).amax(1)
        return Scores(self, largest.masked_fill(~same.any(1), float("nan")))

    @abstractmethod
    def changes(self, neighbourhood: Neighbourhood) -> Tensor:
        """What changes of attributions are compared with, [n, samples]."""


@final
@dataclass(frozen=True, kw_only=True)
class RelativeInputStability(StabilityMetric):
    """How much more attributions change than inputs, both relatively, at most.

    max_{x'} ‖(a(x') - a(x)) / a(x)‖ / max(‖(x' - x) / x‖, ε_min), over noisy copies x' of the same predicted class

    Agarwal, Johnson, Pawelczyk, Krishna, Saxena, Zitnik, Lakkaraju, "Rethinking stability for attribution-based
    explanations", 2022, https://arxiv.org/abs/2203.06877.

    Args:
        radius: How far each element moves at most, as a share of the range of its example.
        n_samples: How many noisy copies of each example.
        seed: Seeds them; None draws from the global generators.
        smallest: What is divided by at least, ε_min.

    Examples:
        >>> import torch
        >>> from pellucid.methods import InputXGradient, Problem
        >>> from pellucid.metrics import RelativeInputStability
        >>> problem = Problem(lambda x: 3 * x.sum(1), torch.rand(2, 4))
        >>> scores = RelativeInputStability()(problem, InputXGradient()(problem), method=InputXGradient())
        >>> scores.values.round(decimals=3)
        tensor([1., 1.], dtype=torch.float64)
    """

    def changes(self, neighbourhood: Neighbourhood) -> Tensor:
        """Those of the inputs, relatively."""
        return neighbourhood.distances.of_inputs_relatively


@final
@dataclass(frozen=True, kw_only=True)
class RelativeOutputStability(StabilityMetric):
    """How much more attributions change, relatively, than outputs, at most.

    max_{x'} ‖(a(x') - a(x)) / a(x)‖ / max(‖h(x') - h(x)‖, ε_min), over noisy copies x' of the same predicted class; h
    are all outputs

    Agarwal, Johnson, Pawelczyk, Krishna, Saxena, Zitnik, Lakkaraju, "Rethinking stability for attribution-based
    explanations", 2022, https://arxiv.org/abs/2203.06877.

    Args:
        radius: How far each element moves at most, as a share of the range of its example.
        n_samples: How many noisy copies of each example.
        seed: Seeds them; None draws from the global generators.
        smallest: What is divided by at least, ε_min.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, Saliency
        >>> from pellucid.metrics import RelativeOutputStability
        >>> problem = Problem(lambda x: 3 * x.sum(1), torch.rand(2, 4))
        >>> RelativeOutputStability()(problem, Saliency()(problem), method=Saliency()).values
        tensor([0., 0.], dtype=torch.float64)
    """

    def changes(self, neighbourhood: Neighbourhood) -> Tensor:
        """Those of the output."""
        return neighbourhood.changes_at(OUTPUT)


@final
@dataclass(frozen=True, kw_only=True)
class RelativeRepresentationStability(StabilityMetric):
    """How much more attributions change than what a layer says, both relatively, at most.

    max_{x'} ‖(a(x') - a(x)) / a(x)‖ / max(‖(L(x') - L(x)) / L(x)‖, ε_min), over noisy copies x' of the same predicted
    class; L is what the layer says

    Agarwal, Johnson, Pawelczyk, Krishna, Saxena, Zitnik, Lakkaraju, "Rethinking stability for attribution-based
    explanations", 2022, https://arxiv.org/abs/2203.06877.

    Args:
        radius: How far each element moves at most, as a share of the range of its example.
        n_samples: How many noisy copies of each example.
        seed: Seeds them; None draws from the global generators.
        smallest: What is divided by at least, ε_min.
        layer: The layer; see [SiteLike][pellucid.methods.SiteLike].

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, Saliency
        >>> from pellucid.metrics import RelativeRepresentationStability
        >>> problem = Problem(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 1)), torch.rand(2, 4))
        >>> metric = RelativeRepresentationStability(layer="0")
        >>> metric(problem, Saliency()(problem), method=Saliency()).values
        tensor([0., 0.], dtype=torch.float64)
    """

    layer: SiteLike

    def changes(self, neighbourhood: Neighbourhood) -> Tensor:
        """Those of what the layer says, relatively."""
        site = resolve_site(self.layer, neighbourhood.f.problem.model)
        return neighbourhood.changes_at(site, relatively=True)
