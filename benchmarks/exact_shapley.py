"""Claim: exact Shapley values take no longer than with SHAP's and shapiq's exact explainers, around the same model."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from benchmarks.harness import Aim, Result, difference, medians
from benchmarks.models import Scene
from benchmarks.timing import THREADS, Spread, interleaved
from pellucid.attr import ShapleyValues

FEATURES, ROWS = 12, 8


@dataclass(frozen=True, kw_only=True)
class BesidePeer:
    """Shapley values by pellucid and by another library, in turn.

    Args:
        name: What to select it by.
        aim: What it claims.
        peer: What the other library does with a model and inputs.
        ours: What pellucid does.
        same: Whether both say the same; where each draws coalitions of its own, they do not.
    """

    name: str
    aim: Aim
    peer: Callable[[nn.Module, Tensor], Tensor]
    ours: Callable[[nn.Module, Tensor], Tensor]
    same: bool = True

    def measure(self) -> Result:
        """Time both, and compare what they find."""
        torch.set_num_threads(THREADS)
        scene = wide_perceptron()
        ours, theirs = partial(self.ours, *scene), partial(self.peer, *scene)
        apart = difference(ours(), theirs()) if self.same else 0.0
        own, other = interleaved(ours, theirs)
        return Result(
            name=self.name,
            aim=self.aim,
            seconds=medians(own, other),
            time=Spread.of_ratios(own, other),
            difference=apart,
        )


def wide_perceptron() -> Scene:
    """Two hidden layers of 128, 12 features, 8 rows."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(FEATURES, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 3))
    return Scene(model.eval(), torch.randn(ROWS, FEATURES))


def pellucid(model: nn.Module, x: Tensor) -> Tensor:
    """All rows in one call."""
    found: Tensor = ShapleyValues(model).attribute(x, target=0)
    return found


def forward(model: nn.Module, output: int = 0) -> object:
    """A function of arrays that gives one output of a model, as SHAP takes it."""

    def evaluate(rows: object) -> object:
        with torch.no_grad():
            return model(torch.as_tensor(rows, dtype=torch.float32))[:, output].numpy()

    return evaluate


def shap(model: nn.Module, x: Tensor) -> Tensor:
    """SHAP's exact explainer, with a background of one row of zeros."""
    from shap import explainers, maskers

    explain = explainers.Exact(forward(model), maskers.Independent(torch.zeros(1, FEATURES).numpy()))
    return torch.as_tensor(explain(x.numpy()).values, dtype=x.dtype)


def shapiq(model: nn.Module, x: Tensor) -> Tensor:
    """The exact computer of shapiq, a game for each row that evaluates all its coalitions in one forward."""
    from shapiq.game_theory.exact import ExactComputer

    def values(row: Tensor, coalitions: object) -> object:
        with torch.no_grad():
            return model(torch.where(torch.as_tensor(coalitions, dtype=torch.bool), row, 0.0))[:, 0].numpy()

    def explained(row: Tensor) -> Tensor:
        found = ExactComputer(game=partial(values, row), n_players=FEATURES)("SV").dict_values
        return torch.tensor([found[(player,)] for player in range(FEATURES)], dtype=x.dtype)

    return torch.stack([explained(row) for row in x])


CASES = [
    BesidePeer(name=f"exact-shapley/{peer.__name__}", aim=Aim(time=1.0), peer=peer, ours=pellucid)
    for peer in (shap, shapiq)
    if find_spec(peer.__name__)
]
