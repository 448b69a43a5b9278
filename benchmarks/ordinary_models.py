"""Claim: on models of ordinary sizes, every method takes no longer than Captum's."""

from benchmarks.calls import CALLS
from benchmarks.harness import Aim, BesideCaptum
from benchmarks.models import convolutional, encoder, perceptron

CASES = [
    BesideCaptum(name=f"ordinary-models/{model.__name__}/{name}", aim=Aim(time=1.0), stage=model, call=call, work=work)
    for model in (perceptron, convolutional, encoder)
    for name, (call, work) in CALLS.items()
]
