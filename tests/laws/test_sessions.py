"""A pathway learns as it is used, but nothing that changes a number: used again, it gives what a fresh one gives."""

import pytest

from laws.baselines import distribution
from laws.models import SPECIMENS
from pellucid.core.budget import CHUNK_BYTES
from pellucid.methods import GradientShap, InputXGradient, IntegratedGradients, NoiseTunnel, Problem, Saliency

specimen = SPECIMENS["reused"]
model, (x,) = specimen.model(), specimen.inputs(5)
DISTRIBUTION = {"baselines": distribution((x,))[0]}

CALLS = {
    "Saliency": (Saliency(), {}),
    "InputXGradient": (InputXGradient(), {}),
    "IntegratedGradients": (IntegratedGradients(steps=40), {"delta": True}),
    "GradientShap": (GradientShap(samples=6, seed=0), DISTRIBUTION | {"delta": True}),
    "smoothgrad": (NoiseTunnel(method=Saliency(), samples=8, seed=0), {}),
    "vargrad of GradientShap": (
        NoiseTunnel(method=GradientShap(samples=2, seed=1), average="vargrad", per_call=2, seed=0), DISTRIBUTION
    ),
}  # fmt: skip

MODELS = {
    "per example": (model, 1),
    "loss": (lambda x: model(x)[:, 1].mean(), None),
}


def results(problem: Problem, name: str) -> list:
    method, arguments = CALLS[name]
    found = method(problem, **arguments)
    return [each for each in (*found.values, found.delta) if each is not None]


def fresh(kind: str) -> Problem:
    function, target = MODELS[kind]
    return Problem(function, x, target=target)


def check(found: list, expected: list) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one - other).abs().max() < 1e-10


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("order", [1, -1], ids=["forwards", "backwards"])
def test_in_any_order(kind: str, order: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(CHUNK_BYTES, "cpu", 2**14)
    problem = fresh(kind)
    for name in [*CALLS, *CALLS][::order]:
        check(results(problem, name), results(fresh(kind), name))
