"""Infidelity: how far attributions are from saying what perturbations do to the output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, final, get_args

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.evaluation.point_samplers import precomputed_points
from pellucid.core.evaluation.sweep import values_at
from pellucid.core.games.each_example import MOST_HELD
from pellucid.core.random_streams import random_source
from pellucid.core.summaries import summary
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument
from pellucid.metrics.faithfulness.removals import Removals
from pellucid.metrics.faithfulness.subsets import SubsetMetric, size_of_sets
from pellucid.metrics.given import movable, span_of
from pellucid.metrics.scores import FROM_ZERO, Better, Scores
from pellucid.metrics.statistics import mean_and_stderr

Perturbation = Literal["subsets", "noise"]


@final
@dataclass(frozen=True, kw_only=True)
class Infidelity(SubsetMetric):
    """How far attributions are from saying what perturbations do to the output, as a mean square.

    E_I[(I · a - (f(x) - f(x - I)))²]

    With "subsets", I takes random sets of features to their baselines, and attributions are of the whole way there, as
    those that add up to the change of the output are: I · a is the sum of theirs. With "noise", I is Gaussian, and
    attributions are slopes, as gradients are. The mean square of what perturbations do, which attributions of zero
    would have, is in `scores.details["power"]`, and the share of it in `scores.details["relative"]`.

    For perturbations of one's own there is [infidelity][pellucid.metrics.infidelity].

    Yeh, Hsieh, Suggala, Inouye, Ravikumar, "On the (in)fidelity and sensitivity of explanations", 2019,
    https://arxiv.org/abs/1901.09392.

    Args:
        n_samples: How many perturbations.
        seed: Seeds them; None draws from the global generators.
        perturbation: Which: see above.
        size: Of subsets: how many features are in one, or, below one, which share of all.
        stdev: Of noise: its standard deviation, as a share of the range of the example's input.
        normalize: Whether attributions are first scaled, for each example, as fits best.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import Infidelity
        >>> problem = Problem(lambda x: x.sum(1), torch.tensor([[2.0, 4.0]]))
        >>> Infidelity()(problem, torch.tensor([[2.0, 4.0]])).values
        tensor([0.], dtype=torch.float64)
        >>> Infidelity(perturbation="noise")(problem, torch.tensor([[1.0, 1.0]])).values < 1e-9
        tensor([True])
    """

    perturbation: Perturbation = "subsets"
    size: float = 0.2
    stdev: float = 0.1
    normalize: bool = False

    better: ClassVar[Better] = "lower"
    range: ClassVar[tuple[float, float]] = FROM_ZERO
    paper: ClassVar[str] = "https://arxiv.org/abs/1901.09392"

    def scores(self, removals: Removals) -> Scores:
        """The mean squares."""
        if self.perturbation not in get_args(Perturbation):
            raise InvalidArgument(
                f"perturbation must be one of {', '.join(get_args(Perturbation))}: got {summary(self.perturbation)}."
            )
        if self.perturbation == "noise":
            said, done = self._under_noise(removals)
        else:
            said, done = self.sums_and_drops(removals, size_of_sets(self.size, removals.features), self.generator)
        if self.normalize:
            size = said.square().sum(1, keepdim=True)
            said = said * (said * done).sum(1, keepdim=True) / torch.where(size == 0, 1.0, size)
        values, stderr = mean_and_stderr((said - done).square())
        power = done.square().mean(1)
        relative = values / torch.where(power == 0, float("nan"), power)
        return Scores(self, values, stderr, details={"relative": relative, "power": power})

    def _under_noise(self, removals: Removals) -> tuple[Tensor, Tensor]:
        """What attributions say of noise, and by how much the output drops under it, [n, T] each."""
        f, said, done = removals.f, [], []
        x = movable(f)
        for noises in self._noises(removals):
            points = tuple(tensor[:, None] - noise for tensor, noise in zip(x, noises, strict=True))
            products = (
                (noise.double() * slope.double()[:, None]).flatten(2).sum(2).cpu()
                for noise, slope in zip(noises, removals.elements, strict=True)
            )
            said.append(torch.stack(list(products)).sum(0))
            done.append(
                removals.prediction[:, None] - values_at(f, points[0].shape[1], precomputed_points(points)).cpu()
            )
        return torch.cat(said, dim=1), torch.cat(done, dim=1)

    def _noises(self, removals: Removals) -> Iterator[Tensors]:
        """Noise for some samples at a time, (n, samples, ...) for each input."""
        x = movable(removals.f)
        samples = check_count("n_samples", self.n_samples, least=3)
        most = max(1, MOST_HELD // max(1, sum(tensor.numel() for tensor in x)))
        with random_source(self.seed, removals.f.ids) as draws:
            for start in range(0, samples, most):
                count = min(most, samples - start)
                yield tuple(
                    self._reach(tensor)[:, None] * draws.normal(tensor, count, 1.0, number).to(tensor)
                    for number, tensor in enumerate(x)
                )

    def _reach(self, x: Tensor) -> Tensor:
        """The standard deviation of the noise of each example, (n, 1, ...)."""
        low, high = span_of(x)
        return self.stdev * (high - low)
