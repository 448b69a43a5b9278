"""Claim: on models of ordinary sizes, every method takes no longer than Captum's."""

from benchmarks.calls import CALLS
from benchmarks.harness import Aim, BesideCaptum
from benchmarks.models import convolutional, encoder, perceptron, resnet

CASES = [
    BesideCaptum(name=f"ordinary-models/{model.__name__}/{name}", aim=Aim(time=1.0), stage=model, call=call, work=work)
    for model in (perceptron, convolutional, encoder, resnet)
    for name, (call, work) in CALLS.items()
    if model is not resnet or work.gradients == 1  # the others are those of integrated_gradients.py, or take minutes
]
