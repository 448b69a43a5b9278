"""How often 95 % intervals of Kernel SHAP hold the exact value, beside the errors of SHAP's, which has none."""

from functools import partial
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame
from rich.console import Console
from rich.table import Table
from torch import nn

import pellucid
from benchmarks.exact_shapley import forward
from pellucid.examples import titanic
from pellucid.examples.split import as_tensor
from pellucid.methods import Background

PASSENGERS, BACKGROUND = 100, 20
COALITIONS = (100, 200, 500, 1000)
"""Of the 4096 that the 12 features have."""


def shap(coalitions: int, rows: DataFrame, others: DataFrame, network: nn.Module) -> NDArray[np.float64]:
    """What SHAP's kernel explainer finds; it draws by NumPy's global generator."""
    from shap import KernelExplainer

    explainer = KernelExplainer(forward(network, output=1), as_tensor(others).numpy())
    found = explainer.shap_values(as_tensor(rows).numpy(), nsamples=coalitions, silent=True, l1_reg=False)
    return np.asarray(found)


def sweep(console: Console) -> None:
    """Print errors and the share of intervals that hold, by how many coalitions are evaluated."""
    passengers, network, beside_shap = titanic.data(), titanic.trained(), find_spec("shap") is not None
    rows, others = passengers.test[:PASSENGERS], passengers.train[:BACKGROUND]
    explained = partial(pellucid.explain, network, rows, target=1, baselines=Background(others))
    exact = explained(method="shapley_values").to_numpy()
    title = f"Kernel SHAP of {PASSENGERS} passengers, 12 features, a background of {BACKGROUND}"
    shown = Table(title=title, title_justify="left")
    for head in ("coalitions", "mean error", "95 % intervals that hold", "SHAP's mean error"):
        shown.add_column(head, justify="right")
    for coalitions in COALITIONS:
        found = explained(method="kernel_shap", n_samples=coalitions)
        off = np.abs(found.to_numpy() - exact)
        holds = (off <= 1.96 * np.asarray(found.features.stderr)).mean()
        theirs = f"{np.abs(shap(coalitions, rows, others, network) - exact).mean():.4f}" if beside_shap else ""
        shown.add_row(str(coalitions), f"{off.mean():.4f}", f"{holds:.1%}", theirs)
    console.print(shown)
