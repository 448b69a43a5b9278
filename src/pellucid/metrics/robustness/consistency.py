"""Whether examples that are explained alike are predicted alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from pellucid.core.counts import check_count
from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.games.features import FeatureMask, Features, mask_of_points
from pellucid.core.problem.problem import Problem
from pellucid.core.tensors import Tensors, flatten_examples
from pellucid.metrics.given import AttributionsLike, are_of_features, of_features, score, tensors_of
from pellucid.metrics.robustness.neighbourhood import classes_of, outputs
from pellucid.metrics.scores import SHARE, Better, Metric, Scores


@final
@dataclass(frozen=True, kw_only=True)
class Consistency(Metric):
    """How often examples that are explained alike have the same prediction.

    P(class of x' = class of x | e(x') = e(x)), over the other examples x' of the batch

    Two explanations are alike if the same features have the largest attributions, with the same signs. NaN of examples
    that are explained like no other: it is for batches of many.

    Dasgupta, Frost, Moshkovitz, "Framework for evaluating faithfulness of local explanations", 2022,
    https://arxiv.org/abs/2202.00734.

    Args:
        top: How many features are compared.

    Examples:
        >>> import torch
        >>> from pellucid.methods import Problem
        >>> from pellucid.metrics import Consistency
        >>> x = torch.tensor([[2.0, 1.0], [3.0, 1.0], [1.0, 4.0]])
        >>> Consistency(top=1)(Problem(lambda x: x, x, target=0), x).values
        tensor([1., 1., nan], dtype=torch.float64)
    """

    top: int = 3

    better: ClassVar[Better] = "higher"
    range: ClassVar[tuple[float, float]] = SHARE
    paper: ClassVar[str] = "https://arxiv.org/abs/2202.00734"

    def __call__(
        self,
        problem: Problem | ModelFunction,
        attributions: AttributionsLike,
        /,
        *,
        feature_mask: FeatureMask = None,
    ) -> Scores:
        """The scores of attributions.

        Args:
            problem: What they answer.
            attributions: See [AttributionsLike][pellucid.metrics.given.AttributionsLike].
            feature_mask: What is one feature; see [FeatureMask][pellucid.methods.FeatureMask].

        Returns:
            Scores of the B examples.

        Raises:
            WrongShape: The attributions do not have the shapes of the source.
        """

        def scored(f: ModelFunction, tensors: Tensors) -> Scores:
            values = of_features(
                Features.of(f.x, mask_of_points(f, feature_mask)), tensors, are_of_features(attributions)
            )
            alike = self._alike(values) * _known(attributions)
            classes = classes_of(outputs(f))
            same = (classes[:, None] == classes).double()
            return Scores(self, (alike * same).sum(1) / alike.sum(1))

        return score(self, problem, attributions, scored)

    def _alike(self, values: Tensor) -> Tensor:
        """Which pairs of different examples are explained alike, as ones, [n, n]; attributions [n, features]."""
        order = values.abs().argsort(dim=1, descending=True, stable=True)
        top = order[:, : min(check_count("top", self.top), values.shape[1])]
        signs = torch.zeros_like(values).scatter_(1, top, values.gather(1, top).sign())
        _, kinds = torch.unique(signs, dim=0, return_inverse=True)
        return torch.eq(kinds[:, None], kinds).double() - torch.eye(len(kinds), dtype=torch.float64, device="cpu")


def _known(attributions: AttributionsLike) -> Tensor:
    """Which examples have no NaN among their attributions, bool [n]: no others are explained like the rest."""
    return ~torch.stack([flatten_examples(tensor).isnan().any(1).cpu() for tensor in tensors_of(attributions)]).any(0)
