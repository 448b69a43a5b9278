"""Claim: the peak memory of Integrated Gradients does not grow with the steps, nor with the batch.

Nor does that of games grow with the features.
"""

from functools import partial

from benchmarks.calls import integrated_gradients
from benchmarks.games import feature_ablation, windows
from benchmarks.harness import Aim, Bounded, Case, Held
from benchmarks.models import pooled, resnet

CASES: list[Case] = [
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
    Held(
        name="bounded-memory/pooled/FeatureAblation, 12,288 features",
        aim=Aim(mebibytes=100),
        stage=partial(pooled, batch=1),
        call=feature_ablation,
    ),
    Held(
        name="bounded-memory/pooled/Occlusion, 784 windows",
        aim=Aim(mebibytes=100),
        stage=partial(pooled, batch=1, size=224),
        call=windows,
    ),
]
