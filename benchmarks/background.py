"""Claim: a background of many rows takes no longer than with SHAP's explainers, around the same model."""

from functools import partial
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from benchmarks.exact_shapley import BesidePeer, forward
from benchmarks.harness import Aim
from pellucid.attr import ShapleyValues
from pellucid.methods import Background, KernelShap, Problem

ROWS = (20, 100, 200)
COALITIONS = 300


def background(rows: int, x: Tensor) -> Tensor:
    """As many rows as the model's inputs have features."""
    return torch.randn(rows, x.shape[1], generator=torch.Generator().manual_seed(rows))


def exact(rows: int, model: nn.Module, x: Tensor) -> Tensor:
    """Exact Shapley values of one example."""
    found: Tensor = ShapleyValues(model).attribute(x[:1], Background(background(rows, x)), target=0)
    return found


def by_kernel(rows: int, model: nn.Module, x: Tensor) -> Tensor:
    """Kernel SHAP of one example."""
    problem = Problem(model, x[:1], target=0)
    return KernelShap(n_samples=COALITIONS, seed=0)(problem, baselines=Background(background(rows, x))).values[0]


def shaps_exact(rows: int, model: nn.Module, x: Tensor) -> Tensor:
    """SHAP's exact explainer."""
    from shap import explainers, maskers

    masker = maskers.Independent(background(rows, x).numpy(), max_samples=rows)
    return torch.as_tensor(explainers.Exact(forward(model), masker)(x[:1].numpy(), silent=True).values, dtype=x.dtype)


def shaps_kernel(rows: int, model: nn.Module, x: Tensor) -> Tensor:
    """SHAP's kernel explainer, which draws coalitions of its own."""
    from shap import KernelExplainer

    explainer = KernelExplainer(forward(model), background(rows, x).numpy())
    found = explainer.shap_values(x[:1].numpy(), nsamples=COALITIONS, silent=True, l1_reg=False)
    return torch.as_tensor(found, dtype=x.dtype)


CASES = [
    BesidePeer(
        name=f"background/{name}-{rows}",
        aim=Aim(time=1.0),
        peer=partial(theirs, rows),
        ours=partial(ours, rows),
        same=ours is exact,
    )
    for name, ours, theirs in (("exact", exact, shaps_exact), ("kernel", by_kernel, shaps_kernel))
    for rows in ROWS
    if find_spec("shap")
]
