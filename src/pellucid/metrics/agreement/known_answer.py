"""How far attributions agree with a known answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.problem.problem import Problem
from pellucid.core.tensors import Tensors, as_tensor_tuple, describe, flatten_examples, format_shapes
from pellucid.errors import WrongShape
from pellucid.metrics.given import AttributionsLike, score
from pellucid.metrics.scores import SHARE, Better, Metric, Scores
from pellucid.zoo.scores import concordance


@final
@dataclass(frozen=True, kw_only=True)
class Concordance(Metric):
    """Which share of pairs of features has its sizes in the order of how much they are known to matter; ties are half.

    P(|a_i| > |a_j|) + P(|a_i| = |a_j|) / 2, over pairs of features of which i matters more than j

    It is 1/2 by chance. The models of [pellucid.zoo][] know how much each feature matters: `known.importance`.

    Harrell et al., "Evaluating the yield of medical tests", 1982, https://doi.org/10.1001/jama.1982.03320430047030.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import Concordance
        >>> problem = Problem(lambda x: x @ torch.tensor([1.0, 2.0, 3.0]), torch.rand(1, 3))
        >>> Concordance()(problem, torch.tensor([[0.1, 0.3, 0.2]]), truth=torch.tensor([[1, 2, 3]])).values
        tensor([0.6667], dtype=torch.float64)
    """

    better: ClassVar[Better] = "higher"
    range: ClassVar[tuple[float, float]] = SHARE
    paper: ClassVar[str] = "https://doi.org/10.1001/jama.1982.03320430047030"

    def __call__(self, problem: Problem | ModelFunction, attributions: AttributionsLike, /, *, truth: Tensor) -> Scores:
        """The scores of attributions.

        Args:
            problem: What they answer; of a single input.
            attributions: See [AttributionsLike][pellucid.metrics.given.AttributionsLike].
            truth: How much each feature matters, of the shape of the input.

        Returns:
            Scores of the B examples; NaN where all features matter the same.

        Raises:
            WrongShape: `truth`, or the attributions, have another shape.
        """

        def scored(f: ModelFunction, tensors: Tensors) -> Scores:
            known_all = as_tensor_tuple(truth, "truth")
            if [known.shape for known in known_all] != [tensors[0].shape] or len(tensors) > 1:
                raise WrongShape(
                    f"truth must have the shape of a single input, {format_shapes(f.x)}: got {describe(truth)}."
                )
            flat = zip(*(flatten_examples(tensor).cpu().double() for tensor in (*tensors, *known_all)), strict=True)
            values = [concordance(own[None], known[None]) for own, known in flat]
            return Scores(self, torch.tensor(values, dtype=torch.float64, device="cpu"))

        return score(self, problem, attributions, scored)
