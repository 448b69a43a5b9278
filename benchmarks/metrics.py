"""Metrics beside those of Quantus: time for 64 images; and how often their 95 % intervals hold."""

import functools
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from pellucid import metrics
from pellucid.methods import InputXGradient, IntegratedGradients, Problem, Saliency, Session
from pellucid.metrics import Metric
from pellucid.zoo.models import known_models

IMAGES, SIDE = 64, 28
AS_THEY_ARE = {
    "abs": False,
    "normalise": False,
    "disable_warnings": True,
    "display_progressbar": False,
    "return_aggregate": False,
}
REPETITIONS, SAMPLES, MANY = 1000, 100, 20_000


def network() -> nn.Module:
    """A network of two convolutions, for digits."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 10),
    ).eval()


def pairs(truth: Tensor) -> Iterator[tuple[str, Metric, dict[str, Any], str, dict[str, Any]]]:
    """Six metrics: ours, what it is called with, and theirs."""
    start, inside = {"baselines": 0}, {"truth": truth}
    removed = {"perturb_baseline": 0.0, **AS_THEY_ARE}
    yield (
        "pixel flipping, 49 steps",
        metrics.PixelFlipping(steps=49),
        start,
        "PixelFlipping",
        removed | {"features_in_step": 16},
    )
    yield (
        "faithfulness correlation, 100 sets",
        metrics.FaithfulnessCorrelation(size=156),
        start,
        "FaithfulnessCorrelation",
        removed | {"nr_runs": 100, "subset_size": 156},
    )
    yield (
        "faithfulness estimate, 49 groups",
        metrics.FaithfulnessEstimate(together=16),
        start,
        "FaithfulnessEstimate",
        removed | {"features_in_step": 16},
    )
    yield (
        "largest sensitivity, 10 copies",
        metrics.MaxSensitivity(),
        {"method": Saliency(abs=False)},
        "MaxSensitivity",
        AS_THEY_ARE | {"nr_samples": 10},
    )
    yield "sparseness", metrics.Sparseness(), {}, "Sparseness", AS_THEY_ARE | {"abs": True}
    yield "relevance rank accuracy", metrics.RelevanceRankAccuracy(), inside, "RelevanceRankAccuracy", AS_THEY_ARE


def explained(model: nn.Module, inputs: Any, targets: Any, **_: Any) -> Any:
    """Slopes, for Quantus."""
    x = torch.as_tensor(inputs, dtype=torch.float32).requires_grad_()
    outputs = model(x)
    chosen = outputs[torch.arange(len(outputs)), torch.as_tensor(targets).long()].sum()
    return torch.autograd.grad(chosen, x)[0].numpy()


def best(call: Callable[[], object], times: int = 3) -> float:
    """The shortest time, in seconds, after a first call."""
    call()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)


def beside_quantus(console: Console) -> None:
    """Print times of six metrics that both have."""
    model, x = network(), torch.rand(IMAGES, 1, SIDE, SIDE)
    targets, truth = torch.arange(IMAGES) % 10, torch.zeros(IMAGES, 1, SIDE, SIDE, dtype=torch.bool)
    truth[:, :, 8:20, 8:20] = True
    problem = Problem(model, x, target=targets)
    attributions = Saliency(abs=False)(problem).values[0]
    quantus: Any = None
    if find_spec("quantus"):
        import quantus

    shown = Table(title=f"{IMAGES} images of {SIDE} x {SIDE}, a network of two convolutions", title_justify="left")
    for head in ("metric", "pellucid, s", "Quantus, s", "times faster"):
        shown.add_column(head, justify="left" if head == "metric" else "right")
    for name, metric, given, theirs, arguments in pairs(truth):
        ours = best(lambda metric=metric, given=given: metric(problem, attributions, **given))
        row = [name, f"{ours:.4f}", "", ""]
        if quantus is not None:
            other = getattr(quantus, theirs)(**arguments)
            call = functools.partial(
                other,
                model=model,
                x_batch=x.numpy(),
                y_batch=targets.numpy(),
                a_batch=attributions.numpy(),
                s_batch=truth.numpy().astype(float),
                explain_func=explained,
                device="cpu",
                softmax=False,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                seconds = best(call, times=1)
            row[2:] = [f"{seconds:.4f}", f"{seconds / ours:.0f}"]
        shown.add_row(*row)
    console.print(shown)


def coverage(console: Console) -> None:
    """Print which share of intervals holds, of sampled metrics on models with known answers."""
    sampled = {
        "faithfulness correlation": functools.partial(metrics.FaithfulnessCorrelation, size=0.5),
        "mu-fidelity": functools.partial(metrics.MuFidelity, size=0.5),
        "infidelity of sets": functools.partial(metrics.Infidelity, size=0.5),
        "infidelity under noise": functools.partial(metrics.Infidelity, perturbation="noise"),
        "average sensitivity": metrics.AverageSensitivity,
    }
    shown = Table(title=f"{REPETITIONS} repetitions with {SAMPLES} samples", title_justify="left")
    for head in ("metric", *(known.name for known in _suitable())):
        shown.add_column(head, justify="left" if head == "metric" else "right")
    for name, metric in sampled.items():
        shares = [_share_that_holds(metric, known) for known in _suitable()]
        shown.add_row(name, *(f"{share:.1%}" for share in shares))
    console.print(shown)


def _suitable() -> list[Any]:
    """Models of a table or an image with enough sets of features."""
    return [
        known
        for known in known_models()
        if known.source is None
        and known.embedding is None
        and 6 <= known.inputs[0].numel() <= 1000
        and known.unlike is None
    ]


def _share_that_holds(metric: Callable[..., Metric], known: Any) -> float:
    """Of the intervals of all repetitions and of examples whose score varies."""
    problem = Problem(known.model, known.inputs[:4], target=known.target)
    method = (
        InputXGradient()
        if metric is metrics.AverageSensitivity
        else functools.partial(IntegratedGradients(), baselines=0)
    )
    arguments: dict[str, Any] = {"method": method} if metric is metrics.AverageSensitivity else {"baselines": 0}
    held, total = 0, 0
    with warnings.catch_warnings(), Session(problem):
        warnings.simplefilter("ignore")
        # Not quite right, so that there is something to be uncertain about.
        attributions = method(problem).values[0] + 0.3 * known.inputs[:4].float().std() * torch.randn(
            known.inputs[:4].shape
        )
        if metric is metrics.AverageSensitivity:
            attributions = method(problem).values[0]
        truth = metric(n_samples=MANY, seed=1)(problem, attributions, **arguments).values
        for seed in range(REPETITIONS):
            scores = metric(n_samples=SAMPLES, seed=seed + 2)(problem, attributions, **arguments)
            low, high = scores.interval()
            known_scores = ~truth.isnan() & (scores.stderr > 1e-9)
            held += int((((low <= truth) & (truth <= high)) & known_scores).sum())
            total += int(known_scores.sum())
    return held / total if total else float("nan")


def sweep(console: Console) -> None:
    """Print both tables."""
    np.random.seed(0)
    beside_quantus(console)
    coverage(console)
