"""Whether attributions depend on what the model has learnt: those of random weights must be others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.evaluation.model_function import ModelFunction, function_of
from pellucid.core.problem.problem import Problem
from pellucid.core.tensors import Tensors, flatten_examples
from pellucid.metrics.given import AttributionsLike, score
from pellucid.metrics.randomisation.randomised_model import Order, randomised
from pellucid.metrics.robustness.neighbourhood import Explain, Neighbourhood, attributed, mean_under_noise
from pellucid.metrics.robustness.noise import Noise
from pellucid.metrics.scores import CORRELATION, UNBOUNDED, Better, Metric, Scores
from pellucid.metrics.similarity import Similarity, similarity
from pellucid.metrics.statistics import mean_and_stderr


@dataclass(frozen=True, kw_only=True)
class ReattributingMetric(Metric, ABC):
    """A metric that attributes again, under another model or another target."""

    def __call__(
        self, problem: Problem | ModelFunction, attributions: AttributionsLike, /, *, method: Explain
    ) -> Scores:
        """The scores of attributions.

        Args:
            problem: What they answer.
            attributions: See [AttributionsLike][pellucid.metrics.given.AttributionsLike].
            method: How they were made; see [Explain][pellucid.metrics.robustness.neighbourhood.Explain].

        Returns:
            Scores of the B examples.

        Raises:
            InvalidArgument: An argument is not what is described here.
            NotSupported: The model is a function around modules, where a copy is needed.
            WrongType: A number is of another type.
            WrongShape: The attributions do not have the shapes of the source, or the method's are others.
        """
        return score(self, problem, attributions, lambda f, tensors: self.scores(f, tensors, method))

    @abstractmethod
    def scores(self, f: ModelFunction, attributions: Tensors, method: Explain) -> Scores:
        """The scores, as the paper has them.

        Args:
            f: The function.
            attributions: Those of its points, (n, ...) each.
            method: How they are made again.
        """


@final
@dataclass(frozen=True, kw_only=True)
class ParameterRandomisation(ReattributingMetric):
    """How alike attributions are to those of the same model with random weights, in the mean over layers.

    mean over layers l of similarity(a(x), a_l(x)), where a_l is made of a copy of the model whose weights are random
    from the last layer down to l

    Attributions that hardly change do not depend on what was learnt. The similarity after each layer is in
    `scores.details["by_layer"]`, [B, layers].

    Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim, "Sanity checks for saliency maps", 2018,
    https://arxiv.org/abs/1810.03292.

    Args:
        order: Which weights are random; see [Order][pellucid.metrics.randomisation.randomised_model.Order].
        similarity: See [Similarity][pellucid.metrics.similarity.Similarity].
        n_samples: How many draws of random weights are averaged over.
        seed: Seeds them.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, Saliency
        >>> from pellucid.metrics import ParameterRandomisation
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
        >>> problem = Problem(model, torch.rand(2, 4), target=0)
        >>> scores = ParameterRandomisation()(problem, Saliency()(problem), method=Saliency())
        >>> scores.details["by_layer"].shape
        torch.Size([2, 2])
    """

    order: Order = "top down"
    similarity: Similarity = "rank correlation"
    n_samples: int = 1
    seed: int = 0

    better: ClassVar[Better] = "lower"
    range: ClassVar[tuple[float, float]] = CORRELATION
    paper: ClassVar[str] = "https://arxiv.org/abs/1810.03292"

    def scores(self, f: ModelFunction, attributions: Tensors, method: Explain) -> Scores:
        """The mean similarities."""
        draws = [
            self._by_layer(f, attributions, method, draw) for draw in range(check_count("n_samples", self.n_samples))
        ]
        by_layer = torch.stack(draws)
        values, stderr = mean_and_stderr(by_layer.nanmean(2).T)
        return Scores(self, values, stderr, details={"by_layer": by_layer.nanmean(0)})

    def _by_layer(self, f: ModelFunction, attributions: Tensors, method: Explain, draw: int) -> Tensor:
        """The similarities after each layer, [n, layers], of one draw of weights."""
        others = (
            attributed(method, function_of(problem), attributions)
            for _, problem in randomised(f.problem, self.order, self.seed, draw)
        )
        return torch.stack([similarity(self.similarity, attributions, each) for each in others], dim=1)


@final
@dataclass(frozen=True, kw_only=True)
class SmoothParameterRandomisation(ReattributingMetric):
    """How alike attributions are to those of random weights, both in the mean over noisy copies: without their noise.

    As [ParameterRandomisation][pellucid.metrics.ParameterRandomisation], of E_{x'}[a(x')]

    The noisy copies are those of the metrics of robustness.

    Hedström, Weber, Lapuschkin, Höhne, "Sanity checks revisited: an exploration to repair the model parameter
    randomisation test", 2024, https://arxiv.org/abs/2401.06465.

    Args:
        order: Which weights are random; see [Order][pellucid.metrics.randomisation.randomised_model.Order].
        similarity: See [Similarity][pellucid.metrics.similarity.Similarity].
        radius: How far each element moves at most, as a share of the range of its example.
        n_samples: How many noisy copies of each example.
        seed: Seeds weights and copies.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, Saliency
        >>> from pellucid.metrics import SmoothParameterRandomisation
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
        >>> problem = Problem(model, torch.rand(2, 4), target=0)
        >>> SmoothParameterRandomisation()(problem, Saliency()(problem), method=Saliency()).values.shape
        torch.Size([2])
    """

    order: Order = "top down"
    similarity: Similarity = "rank correlation"
    radius: float = 0.02
    n_samples: int = 10
    seed: int = 0

    better: ClassVar[Better] = "lower"
    range: ClassVar[tuple[float, float]] = CORRELATION
    paper: ClassVar[str] = "https://arxiv.org/abs/2401.06465"

    def scores(self, f: ModelFunction, attributions: Tensors, method: Explain) -> Scores:
        """The mean similarities."""
        noise = Noise(self.radius, self.n_samples, self.seed)
        smooth = Neighbourhood(f, attributions, method, noise).distances.mean
        by_layer = torch.stack(
            [
                similarity(self.similarity, smooth, mean_under_noise(noise, function_of(problem), attributions, method))
                for _, problem in randomised(f.problem, self.order, self.seed)
            ],
            dim=1,
        )
        return Scores(self, by_layer.nanmean(1), details={"by_layer": by_layer})


@final
@dataclass(frozen=True, kw_only=True)
class EfficientParameterRandomisation(ReattributingMetric):
    """How much more complex attributions are once all weights are random, as a share of their complexity.

    (ξ(a_random(x)) - ξ(a(x))) / ξ(a(x)), where ξ is the entropy of the histogram of an example's attributions

    One set of attributions of one model with random weights is all it takes. NaN where attributions are all the same.
    It is for images: of a few features, all of which are in bins of their own, both entropies are the same.

    Hedström, Weber, Lapuschkin, Höhne, "Sanity checks revisited: an exploration to repair the model parameter
    randomisation test", 2024, https://arxiv.org/abs/2401.06465.

    Args:
        bins: How many bins the histogram has, between the least and the largest attribution.
        n_samples: How many draws of random weights are averaged over.
        seed: Seeds them.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, Saliency
        >>> from pellucid.metrics import EfficientParameterRandomisation
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
        >>> problem = Problem(model, torch.rand(2, 4), target=0)
        >>> EfficientParameterRandomisation()(problem, Saliency()(problem), method=Saliency()).values.shape
        torch.Size([2])
    """

    bins: int = 100
    n_samples: int = 1
    seed: int = 0

    better: ClassVar[Better] = "higher"
    range: ClassVar[tuple[float, float]] = UNBOUNDED
    paper: ClassVar[str] = "https://arxiv.org/abs/2401.06465"

    def scores(self, f: ModelFunction, attributions: Tensors, method: Explain) -> Scores:
        """The relative rises of complexity."""
        learnt = self._complexity(attributions)
        rises = []
        for draw in range(check_count("n_samples", self.n_samples)):
            ((_, problem),) = randomised(f.problem, "all at once", self.seed, draw)
            random = self._complexity(attributed(method, function_of(problem), attributions))
            rises.append((random - learnt) / torch.where(learnt == 0, float("nan"), learnt))
        return Scores(self, *mean_and_stderr(torch.stack(rises, dim=1)))

    def _complexity(self, attributions: Tensors) -> Tensor:
        """The entropy of the histogram of each example's attributions, [n]; NaN where one is not finite."""
        values = torch.cat([flatten_examples(tensor).cpu().double() for tensor in attributions], dim=1)
        low, high = values.amin(1, keepdim=True), values.amax(1, keepdim=True)
        known = values.isfinite().all(1)
        width = (high - low) / check_count("bins", self.bins)
        places = ((values - low) / torch.where(width > 0, width, 1.0)).nan_to_num(0.0).long().clamp(max=self.bins - 1)
        counts = torch.zeros(len(values), self.bins, dtype=torch.float64, device="cpu")
        counts.scatter_add_(1, places, torch.ones_like(values))
        shares = counts / values.shape[1]
        return (-torch.xlogy(shares, shares).sum(1)).masked_fill(~known, float("nan"))
