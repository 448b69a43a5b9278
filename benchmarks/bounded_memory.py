"""Claim: the peak memory of Integrated Gradients does not grow with the steps, nor with the batch."""

from functools import partial

from benchmarks.calls import integrated_gradients
from benchmarks.harness import Aim, Bounded
from benchmarks.models import resnet

CASES = [
    Bounded(
        name="bounded-memory/resnet/200 steps beside 50",
        aim=Aim(growth=1.1),
        more=(resnet, partial(integrated_gradients, n_steps=200)),
        less=(resnet, integrated_gradients),
    ),
    Bounded(
        name="bounded-memory/resnet/batch 16 beside 4",
        aim=Aim(growth=1.1),
        more=(partial(resnet, batch=16), integrated_gradients),
        less=(resnet, integrated_gradients),
    ),
]
