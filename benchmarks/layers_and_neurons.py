"""Claim: to look into a model of an ordinary size takes no longer than with Captum, by any method."""

from benchmarks.harness import Aim, BesideCaptum
from benchmarks.inside import Place, calls_at
from benchmarks.models import convolutional, encoder, perceptron, resnet

PLACES = {
    perceptron: Place("1", neuron=(0,)),
    convolutional: Place("0", neuron=(0, 8, 8)),
    encoder: Place("layers.layers.0", neuron=(0, 0)),
    resnet: Place("5", neuron=(0, 8, 8)),
}
"""Early in each: a ReLU, a convolution, the first block, the end of the first stage.

Not the small CNN's first ReLU: from there, a step of Integrated Gradients lies so close to a kink that it falls on one
side or the other by rounding, and the libraries differ by 0.003.
"""

STOPS_EARLY = {
    "resnet/LayerActivation": 0.4,
    "encoder/LayerActivation": 0.25,
    "resnet/NeuronGradient": 0.59,
    "encoder/NeuronGradient": 0.59,
}
"""Where most of a forward comes after all that matters, less is claimed than the time of all others."""

CASES = [
    BesideCaptum(
        name=f"layers-and-neurons/{model.__name__}/{name}",
        aim=Aim(time=STOPS_EARLY.get(f"{model.__name__}/{name}", 1.0)),
        stage=model,
        call=call,
    )
    for model, place in PLACES.items()
    for name, call in calls_at(place).items()
]
