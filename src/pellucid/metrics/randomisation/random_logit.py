"""Whether attributions depend on what is explained: those of another class must be others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.model.layers import OUTPUT
from pellucid.core.problem.target_resolution import target_at
from pellucid.core.random_streams import random_source
from pellucid.core.summaries import summary
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument
from pellucid.metrics.randomisation.parameters import ReattributingMetric
from pellucid.metrics.robustness.neighbourhood import Explain, attributed, outputs
from pellucid.metrics.scores import CORRELATION, Better, Scores
from pellucid.metrics.similarity import Similarity, similarity
from pellucid.metrics.statistics import mean_and_stderr


@final
@dataclass(frozen=True, kw_only=True)
class RandomLogit(ReattributingMetric):
    """How alike attributions are to those of another class, drawn at random.

    similarity(a_c(x), a_k(x)), where c is the class that is explained, and k another

    Sixt, Granz, Landgraf, "When explanations lie: why many modified BP attributions fail", 2020,
    https://arxiv.org/abs/1912.09818.

    Args:
        similarity: See [Similarity][pellucid.metrics.similarity.Similarity].
        n_samples: How many other classes are drawn and averaged over.
        seed: Seeds them, each example for itself; None draws from the global generators.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem, Saliency
        >>> from pellucid.metrics import RandomLogit
        >>> problem = Problem(lambda x: torch.stack([x @ torch.arange(4.0), x.sum(1)], 1), torch.rand(2, 4), target=0)
        >>> RandomLogit()(problem, Saliency()(problem), method=Saliency()).values  # of slopes that are the same
        tensor([nan, nan], dtype=torch.float64)
    """

    similarity: Similarity = "rank correlation"
    n_samples: int = 1
    seed: int | None = 0

    better: ClassVar[Better] = "lower"
    range: ClassVar[tuple[float, float]] = CORRELATION
    paper: ClassVar[str] = "https://arxiv.org/abs/1912.09818"

    def scores(self, f: ModelFunction, attributions: Tensors, method: Explain) -> Scores:
        """The mean similarities."""
        count = outputs(f).shape[1]
        explained = _classes_of(f, count)
        alike = []
        for shift in self._shifts(f, count).T:
            target = target_at(OUTPUT, ((explained + shift) % count)[f.examples].tolist(), f.problem.batch_size)
            others = attributed(method, f.replace(target=target), attributions)
            alike.append(similarity(self.similarity, attributions, others))
        return Scores(self, *mean_and_stderr(torch.stack(alike, dim=1)))

    def _shifts(self, f: ModelFunction, count: int) -> Tensor:
        """How far the other classes are from the one that is explained, int64 [n, samples] from one on."""
        with random_source(self.seed, f.ids) as draws:
            return draws.choice(count - 1, len(f), check_count("n_samples", self.n_samples), 0) + 1


def _classes_of(f: ModelFunction, count: int) -> Tensor:
    """The class that is explained of each example, int64 [n].

    Raises:
        InvalidArgument: It is no class, or there is no other.
    """
    target: Any = f.evaluator.target.argument(f.examples)
    target = target.tolist() if isinstance(target, Tensor) else target
    classes = [target] * len(f) if isinstance(target, int) else target
    of_each = isinstance(classes, list) and len(classes) == len(f) and all(isinstance(each, int) for each in classes)
    if f.evaluator.target.site.modules or count < 2 or not of_each:
        raise InvalidArgument(
            f"target must be one of several classes for RandomLogit: got {summary(target)} of {count}. Hint: target=0."
        )
    return torch.tensor(classes, device="cpu") % count
