"""How far sampled Shapley values are from the exact ones, by how coalitions are drawn, at the same evaluations."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from pellucid.methods import KernelShap, Problem, ShapleyValues, ShapleyValueSampling

PLAYERS, REPETITIONS = 14, 200
ORDERS = (28, 112, 448)
"""A multiple of the players, of which stratified orders come as many at a time."""


@dataclass(frozen=True)
class Sampler:
    """One way to draw coalitions.

    Args:
        name: What it is called.
        method: By a budget, in orders of all players, and a seed.
        beside: The name of the plain way, which its errors are divided by.
    """

    name: str
    method: Callable[[int, int], ShapleyValueSampling | KernelShap]
    beside: str


def orders(how: str) -> Callable[[int, int], ShapleyValueSampling]:
    """Orders drawn so."""
    return lambda budget, seed: ShapleyValueSampling(n_samples=budget, permutations=how, seed=seed)  # type: ignore[arg-type]  # one of three


def kernel(how: str) -> Callable[[int, int], KernelShap]:
    """As many coalitions as the orders have, drawn so."""
    return lambda budget, seed: KernelShap(n_samples=budget * PLAYERS, sampling=how, seed=seed)  # type: ignore[arg-type]  # one of two


SAMPLERS = [
    Sampler("random orders", orders("random"), "random orders"),
    Sampler("antithetic orders", orders("antithetic"), "random orders"),
    Sampler("stratified orders", orders("stratified"), "random orders"),
    Sampler("Kernel SHAP, as Captum draws", kernel("captum"), "Kernel SHAP, as Captum draws"),
    Sampler("Kernel SHAP, paired", kernel("auto"), "Kernel SHAP, as Captum draws"),
]


def unanimity() -> Callable[[Tensor], Tensor]:
    """A sum of 40 games in which a random set of players has a random worth, if all of it is there."""
    torch.manual_seed(0)
    sets, worths = torch.rand(40, PLAYERS) < 0.3, torch.randn(40).double()
    return lambda x: ((x[:, None, :] > 0) | ~sets).all(2).double() @ worths


def network() -> Callable[[Tensor], Tensor]:
    """A small network, with weights large enough for features to depend on each other."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(PLAYERS, 32), nn.Tanh(), nn.Linear(32, 1), nn.Flatten(0)).double().eval()
    with torch.no_grad():
        model[0].weight *= 4
    return model


def errors(game: Callable[[Tensor], Tensor]) -> dict[tuple[str, int], float]:
    """The mean squared error of each sampler at each budget, as a share of that of its plain way."""
    torch.manual_seed(1)
    problem = Problem(game, torch.rand(1, PLAYERS).double() + 0.5)
    exact = ShapleyValues()(problem).values[0]

    def error(sampler: Sampler, budget: int) -> float:
        off = [sampler.method(budget, seed)(problem).values[0] - exact for seed in range(REPETITIONS)]
        return torch.cat(off).square().mean().item()

    found = {(each.name, budget): error(each, budget) for each in SAMPLERS for budget in ORDERS}
    plain = {(each.name, budget): found[each.beside, budget] for each in SAMPLERS for budget in ORDERS}
    return {key: found[key] / plain[key] for key in found}


def sweep(console: Console) -> None:
    """Print the errors for a sum of unanimity games and for a small network."""
    budgets = [f"{budget * PLAYERS:,}" for budget in ORDERS]
    for name, game in (("a sum of 40 unanimity games", unanimity()), ("a small network", network())):
        found = errors(game)
        shown = Table(title=f"Mean squared error on {name} of {PLAYERS} players, plain = 1", title_justify="left")
        shown.add_column("coalitions")
        for budget in budgets:
            shown.add_column(f"{budget} evaluations", justify="right")
        for sampler in SAMPLERS:
            shown.add_row(sampler.name, *(f"{found[sampler.name, budget]:.2f}" for budget in ORDERS))
        console.print(shown)
