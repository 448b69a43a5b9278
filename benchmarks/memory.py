"""Peak memory: the most that a call holds, above what was resident before it.

The kernel keeps the high-water mark of a process's resident memory, so no peak falls between two samples, as it would
with a sampling thread. It is read as VmHWM from /proc, since `ru_maxrss` is inherited from the parent process. Every
call runs in a process of its own, as memory that the allocator keeps after an earlier peak would hide a later one.
Another call on a tiny network and one row of the model go first: imports, thread pools and what a library sets up once
do not count.
"""

import gc
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path

import torch

from benchmarks.calls import Call, integrated_gradients
from benchmarks.models import Scene, Stage, tiny
from benchmarks.timing import THREADS


def peak_bytes(library: str, stage: Stage, call: Call) -> int:
    """The peak of one call.

    Args:
        library: `captum` or `pellucid`.
        stage: Sets the model and the inputs.
        call: What to call.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_peak_bytes, library, stage, call).result()


def _peak_bytes(library: str, stage: Stage, call: Call) -> int:
    torch.set_num_threads(THREADS)
    attr = import_module(f"{library}.attr")
    scene = stage()
    integrated_gradients(attr, *tiny(batch=2))
    _one_row(scene)
    gc.collect()
    before = _resident_bytes("VmRSS")
    call(attr, *scene)
    return _resident_bytes("VmHWM") - before


def _one_row(scene: Scene) -> None:
    """A forward and a backward, through the model to its first parameter: ids of tokens have no gradients."""
    torch.autograd.grad(scene.model(scene.inputs[:1]).sum(), next(scene.model.parameters()))


def _resident_bytes(which: str) -> int:
    """VmRSS, resident now, or VmHWM, the most ever; Linux only."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(which))
    return int(line.split()[1]) * 1024
