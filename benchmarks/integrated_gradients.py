"""Claim: fifty steps of Integrated Gradients take little more than their forwards and backwards, and less memory."""

from functools import partial

from benchmarks.calls import CALLS
from benchmarks.harness import Aim, BesideCaptum
from benchmarks.models import resnet

CALL, WORK = CALLS["IntegratedGradients"]

CASES = [
    BesideCaptum(
        name=f"integrated-gradients/resnet/{batch}x{size}",
        aim=Aim(time=1.0, floor=1.1, memory=0.7),
        stage=partial(resnet, batch, size),
        call=CALL,
        work=WORK,
    )
    for batch, size in ((4, 64), (1, 224))
]
