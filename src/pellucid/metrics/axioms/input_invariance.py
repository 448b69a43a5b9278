"""Whether attributions stay the same where inputs are shifted, and the model takes the shift back."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, SupportsFloat, final

import torch

from pellucid.core.evaluation.model_function import ModelFunction, function_of
from pellucid.core.problem.problem import Problem
from pellucid.core.summaries import summary
from pellucid.core.tensors import Tensors, as_floating, flatten_examples
from pellucid.errors import InvalidArgument
from pellucid.metrics.randomisation.parameters import ReattributingMetric
from pellucid.metrics.robustness.neighbourhood import Explain, attributed
from pellucid.metrics.scores import FROM_ZERO, Better, Scores


@final
@dataclass(frozen=True, kw_only=True)
class InputInvariance(ReattributingMetric):
    """How much attributions change where inputs are shifted by a constant that the model takes back first.

    ‖ã(x + s) - a(x)‖ / ‖a(x)‖, where ã is made of f̃(x) = f(x - s)

    Both models say the same of the same example. Methods with fixed baselines are not invariant by design: a baseline
    of zeros is another point to the shifted model.

    Kindermans, Hooker, Adebayo, Alber, Schütt, Dähne, Erhan, Kim, "The (un)reliability of saliency methods", 2017,
    https://arxiv.org/abs/1711.00867.

    Args:
        shift: The constant, in units of the inputs.

    Examples:
        >>> import torch
        >>> from pellucid.methods import InputXGradient, Problem, Saliency
        >>> from pellucid.metrics import InputInvariance
        >>> problem = Problem(lambda x: x.sum(1), torch.tensor([[1.0, 2.0]]))
        >>> InputInvariance()(problem, Saliency()(problem), method=Saliency()).values
        tensor([0.], dtype=torch.float64)
        >>> InputInvariance()(problem, InputXGradient()(problem), method=InputXGradient()).values > 0.1
        tensor([True])
    """

    shift: float = 1.0

    better: ClassVar[Better] = "lower"
    range: ClassVar[tuple[float, float]] = FROM_ZERO
    paper: ClassVar[str] = "https://arxiv.org/abs/1711.00867"

    def scores(self, f: ModelFunction, attributions: Tensors, method: Explain) -> Scores:
        """The relative changes."""
        if not isinstance(self.shift, SupportsFloat) or not 0 < abs(self.shift) < float("inf"):
            raise InvalidArgument(f"shift must be a finite number other than zero: got {summary(self.shift)}.")
        others = attributed(method, function_of(self._shifted(f.problem)), attributions)
        before, after = (
            torch.cat([flatten_examples(tensor).cpu().double() for tensor in tensors], dim=1)
            for tensors in (attributions, others)
        )
        size = before.norm(dim=1)
        return Scores(self, (after - before).norm(dim=1) / torch.where(size > 0, size, 1.0))

    def _shifted(self, problem: Problem) -> Problem:
        """The same problem with shifted inputs and a model that takes the shift back."""
        moved = copy.copy(problem)
        inputs = tuple(tensor + self.shift for tensor in as_floating(problem.inputs))
        vars(moved).update(inputs=inputs, model=_taking_back(problem.model, self.shift, len(inputs)))
        return moved


def _taking_back(model: Callable[..., Any], shift: float, count: int) -> Callable[..., Any]:
    """A model that takes its inputs, which are so many, less a shift."""

    def shifted(*arguments: Any) -> Any:
        return model(*(tensor - shift for tensor in arguments[:count]), *arguments[count:])

    return shifted
