"""How often 95 % intervals of Kernel SHAP hold the exact value, beside the errors of SHAP's, which has none."""

from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import pellucid
from benchmarks.background import forward
from pellucid.examples import titanic
from pellucid.examples.split import as_tensor
from pellucid.methods import Background

PASSENGERS, BACKGROUND = 100, 20
COALITIONS = (100, 200, 500, 1000)
"""Of the 4096 that the 12 features have."""


def shap(coalitions: int) -> NDArray[np.float64]:
    """What SHAP's kernel explainer finds; it draws by NumPy's global generator."""
    from shap import KernelExplainer

    passengers = titanic.data()
    test, train = (as_tensor(part).numpy() for part in (passengers.test[:PASSENGERS], passengers.train[:BACKGROUND]))
    explainer = KernelExplainer(forward(titanic.trained(), output=1), train)
    return np.asarray(explainer.shap_values(test, nsamples=coalitions, silent=True, l1_reg=False))


def sweep(console: Console) -> None:
    """Print errors and the share of intervals that hold, by how many coalitions are evaluated."""
    passengers, beside_shap = titanic.data(), find_spec("shap") is not None

    def explained(method: str, **settings: int) -> pellucid.Explanation:
        rows, others = passengers.test[:PASSENGERS], Background(passengers.train[:BACKGROUND])
        return pellucid.explain(titanic.trained(), rows, target=1, method=method, baselines=others, **settings)

    exact = explained("shapley_values").to_numpy()
    title = f"Kernel SHAP of {PASSENGERS} passengers, 12 features, a background of {BACKGROUND}"
    shown = Table(title=title, title_justify="left")
    for head in ("coalitions", "mean error", "95 % intervals that hold", "SHAP's mean error"):
        shown.add_column(head, justify="right")
    for coalitions in COALITIONS:
        found = explained("kernel_shap", n_samples=coalitions)
        off = np.abs(found.to_numpy() - exact)
        holds = (off <= 1.96 * np.asarray(found.features.stderr)).mean()
        theirs = f"{np.abs(shap(coalitions) - exact).mean():.4f}" if beside_shap else ""
        shown.add_row(str(coalitions), f"{off.mean():.4f}", f"{holds:.1%}", theirs)
    console.print(shown)
