"""Not a claim but a choice: automatic blocks beside the best that a user could find by hand, on ten networks."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import takewhile

import torch
from rich.console import Console
from rich.table import Table

import pellucid.attr
from benchmarks.models import (
    Scene,
    Stage,
    convolutional,
    encoder,
    perceptron,
    pooled,
    recurrent,
    resnet,
    tiny,
    titanic,
)
from benchmarks.timing import THREADS, Spread, sample

ROUNDS = 5
STEPS = FEATURES = 20
NEAR = 1.05
"""What is no slower than this beside the best is as good."""

STAGES: dict[str, Stage] = {
    "tiny, 16 of 3": partial(tiny, 16),
    "titanic, 64 of 12": partial(titanic, 64),
    "perceptron, 64 of 100": perceptron,
    "perceptron, 16 of 2000": partial(perceptron, 16, 2000),
    "pooled, 4 of 3x64x64": pooled,
    "pooled, 1 of 3x224x224": partial(pooled, 1, 224),
    "convolutional, 32 of 3x32x32": partial(convolutional, 32),
    "recurrent, 16 of 32 tokens": recurrent,
    "encoder, 4 of 64 tokens": encoder,
    "resnet, 4 of 3x64x64": resnet,
}


def gradients(scene: Scene, most: int | None) -> object:
    """Integrated Gradients, in forwards of at most so many copies of the batch."""
    rows = None if most is None else most * len(scene.inputs)
    method = pellucid.attr.IntegratedGradients(scene.model)
    return method.attribute(scene.inputs, target=0, n_steps=STEPS, internal_batch_size=rows)


def ablations(scene: Scene, most: int | None) -> object:
    """Features taken away one at a time, without gradients, likewise."""
    elements = scene.inputs[0].numel()
    mask = (torch.arange(elements) * FEATURES // elements).view(1, *scene.inputs.shape[1:])
    method = pellucid.attr.FeatureAblation(scene.model)
    return method.attribute(scene.inputs, target=0, feature_mask=mask, perturbations_per_eval=most)


CALLS: dict[str, Callable[[Scene, int | None], object]] = {
    "internal_batch_size": gradients,
    "perturbations_per_eval": ablations,
}


def sweep(console: Console) -> None:
    """Print, for each network, the time of automatic blocks beside the best ones, and the rows of both."""
    torch.set_num_threads(THREADS)
    found = Table(title="automatic blocks beside the best", title_justify="left")
    found.add_column("network")
    found.add_column("sweep over")
    for heading in ("time beside the best", "rows", "rows of the best", f"fewest rows within {NEAR}"):
        found.add_column(heading, justify="right")
    with Console(stderr=True).status("") as status:
        for network, stage in STAGES.items():
            for argument, call in CALLS.items():
                status.update(f"{network}: {argument}")
                found.add_row(network, argument, *_cells(stage(), call))
    console.print(found)


def _cells(scene: Scene, call: Callable[[Scene, int | None], object]) -> Iterator[str]:
    choices = [None, *takewhile(lambda copies: copies <= STEPS, (2**power for power in range(9))), STEPS + 1]
    rows = [_most_rows(scene, partial(call, scene, most)) for most in choices]
    rounds = [[sample(partial(call, scene, most)) for most in choices] for _ in range(ROUNDS)]
    automatic, *others = zip(*rounds, strict=True)
    medians = [Spread.of_ratios(automatic, each).median for each in others]
    best = max(medians)
    yield f"{best:.2f}"
    yield str(rows[0])
    yield str(rows[1 + medians.index(best)])
    yield str(next(most for most, ratio in zip(rows[1:], medians, strict=True) if ratio * NEAR >= best))


def _most_rows(scene: Scene, call: Callable[[], object]) -> int:
    """The most rows of one forward."""
    rows: list[int] = []
    with scene.model.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0]))):
        call()
    return max(rows)
