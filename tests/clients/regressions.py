"""Regressions that go all the way to the optimum, for Captum's `Lime` and `KernelShap`, whose own do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import torch
from captum._utils.models.linear_model import SkLearnLasso
from captum.attr import KernelShap, Lime
from torch import Tensor

from clients.case import Case

ROUNDED = "Two of `KernelShap`'s coalitions weigh a million in Captum; in pellucid what they ask for holds exactly"
UNFINISHED = "Scikit-learn's lasso, as Captum calls it, stops short of the optimum of `Lime`"


class LeastSquares:
    """Weighted least squares in float64, where samples of a weight of a million hold."""

    def fit(self, samples: Any, **_: Any) -> None:
        """Fit to all batches of (features, outputs, weights)."""
        features, outputs, weights = (torch.cat(tensors).double() for tensors in zip(*samples, strict=True))
        scale = torch.where(weights > 1e5, 1e12, weights).sqrt()[:, None]
        design = torch.cat([torch.ones(len(features), 1), features], dim=1)
        self.solution = torch.linalg.lstsq(design * scale, outputs[:, None] * scale, driver="gelsd").solution[1:, 0]

    def representation(self) -> Tensor:
        """The coefficients."""
        return self.solution.float()[None]


def to_the_optimum(run: Callable[[], Any]) -> Any:
    """What a case answers where the surrogates that its client makes without a model of its own are fitted exactly."""
    begin = Lime.__init__

    def begin_exactly(self: Lime, forward_func: Any, interpretable_model: Any = None, **others: Any) -> None:
        exact = LeastSquares() if isinstance(self, KernelShap) else SkLearnLasso(alpha=0.01, tol=1e-9, max_iter=100_000)
        begin(self, forward_func, exact, **others)

    with patch.object(Lime, "__init__", begin_exactly):
        return run()


def surrogate(run: Callable[[], Any], differs: str) -> Case:
    """A case of `Lime` or `KernelShap`, in which Captum's regressions may be seen to stop short."""
    return Case(run, differs=differs, instead=lambda: to_the_optimum(run))
