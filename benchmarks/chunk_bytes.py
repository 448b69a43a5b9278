"""Not a claim but a choice: the time of fifty steps of Integrated Gradients by the bytes that a chunk may take."""

from functools import partial

import torch
from rich.console import Console
from rich.table import Table

import pellucid.attr
from benchmarks.calls import integrated_gradients
from benchmarks.models import Scene, Stage, convolutional, encoder, perceptron, resnet
from benchmarks.timing import THREADS, Spread, sample
from pellucid.core.budget import CHUNK_BYTES

MIB = 2**20
SIZES = (4, 8, 16, 32, 64, 128, 256, 512)
ROUNDS = 5

STAGES: dict[str, Stage] = {
    "resnet, 4 of 3x64x64": resnet,
    "resnet, 1 of 3x224x224": partial(resnet, batch=1, size=224),
    "encoder, 4 of 64 tokens": encoder,
    "convolutional, 8 of 3x32x32": convolutional,
    "perceptron, 64 of 100": perceptron,
}


def sweep(console: Console) -> None:
    """Print, for each model and size, the time beside that at the engine's own size, and the most rows of a forward."""
    torch.set_num_threads(THREADS)
    kept = CHUNK_BYTES["cpu"]
    found = Table(title=f"time beside {kept // MIB} MiB (rows per forward)", title_justify="left")
    found.add_column("model")
    for size in SIZES:
        found.add_column(f"{size} MiB", justify="right")
    try:
        with Console(stderr=True).status("") as status:
            for name, stage in STAGES.items():
                status.update(name)
                found.add_row(name, *_cells(stage(), kept // MIB))
    finally:
        CHUNK_BYTES["cpu"] = kept
    console.print(found)


def _cells(scene: Scene, reference: int) -> list[str]:
    rows = [_rows(scene, size) for size in SIZES]
    rounds = [[_seconds(scene, size) for size in (reference, *SIZES)] for _ in range(ROUNDS)]
    own, *others = zip(*rounds, strict=True)
    ratios = [Spread.of_ratios(samples, own).median for samples in others]
    return [f"{ratio:.2f} ({most})" for ratio, most in zip(ratios, rows, strict=True)]


def _seconds(scene: Scene, size: int) -> float:
    CHUNK_BYTES["cpu"] = size * MIB
    return sample(partial(integrated_gradients, pellucid.attr, *scene))


def _rows(scene: Scene, size: int) -> int:
    """The most rows of one forward."""
    CHUNK_BYTES["cpu"] = size * MIB
    rows: list[int] = []
    with scene.model.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0]))):
        integrated_gradients(pellucid.attr, *scene)
    return max(rows)
