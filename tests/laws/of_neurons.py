"""The methods that attribute a neuron, or what flows through it, to the inputs."""

from __future__ import annotations

from typing import Any

from laws.baselines import by_example, distribution
from laws.method import Method, engine, facade_of_neuron
from laws.players import masked, windowed
from pellucid import attr, methods
from zoo.specimens import Inside

NEURON = ("neuron",)


def to_neuron(neuron: Inside) -> dict[str, Any]:
    return {"target": methods.Neuron(neuron.place, neuron.neuron)}


METHODS = [
    Method(
        "NeuronGradient", facade_of_neuron(attr.NeuronGradient),
        needs=NEURON, of_output=False, linear=True,
    ),
    Method(
        "NeuronGuidedBackprop", facade_of_neuron(attr.NeuronGuidedBackprop),
        needs=NEURON, of_output=False, of_calls=True,
        specimens=("reused", "in-place", "cnn"),
    ),
    Method(
        "NeuronDeconvolution", facade_of_neuron(attr.NeuronDeconvolution),
        needs=NEURON, of_output=False, of_calls=True, fixed=True,
        specimens=("reused", "in-place", "cnn"),
    ),
    Method(
        "NeuronIntegratedGradients", facade_of_neuron(attr.NeuronIntegratedGradients, n_steps=5),
        needs=NEURON, of_output=False, baselines=by_example, bounded=True, linear=True,
        converged={"n_steps": 60}, calls=(1, 5), many="n_steps",
    ),
    Method(
        "NeuronGradientShap", facade_of_neuron(attr.NeuronGradientShap, n_samples=4, stdevs=0.1),
        needs=NEURON, of_output=False, baselines=distribution, stochastic=True, bounded=True, linear=True,
        calls=(1, 4), many="n_samples",
    ),
    Method(
        "NeuronConductance", facade_of_neuron(attr.NeuronConductance, targets=True, n_steps=5),
        needs=NEURON, baselines=by_example, bounded=True, linear=True, calls=(1, 5), many="n_steps",
    ),
    Method(
        "NeuronDeepLift", facade_of_neuron(attr.NeuronDeepLift),
        needs=NEURON, of_output=False, baselines=by_example, bounded=True, linear=True, converged={},
        calls=(2, 2), backwards=1,
    ),
    Method(
        "NeuronDeepLiftShap", facade_of_neuron(attr.NeuronDeepLiftShap),
        needs=NEURON, of_output=False, baselines=distribution, bounded=True, linear=True,
        calls=(2, 10), backwards=1,
    ),
    Method(
        "NeuronFeatureAblation", facade_of_neuron(attr.NeuronFeatureAblation), players=masked("feature_mask"),
        needs=NEURON, of_output=False, baselines=by_example, linear=True, calls=(1, 5), backwards=0, gradient=False,
    ),
    Method(
        "methods.Occlusion-of-neuron",
        engine(methods.Occlusion, to_neuron), players=windowed("sliding_window_shapes", "strides"),
        needs=NEURON, of_output=False, baselines=by_example, linear=True, calls=(1, 5), backwards=0, gradient=False,
    ),
    Method(
        "methods.ShapleyValues-of-neuron", engine(methods.ShapleyValues, to_neuron), players=masked("feature_mask"),
        needs=NEURON, of_output=False, baselines=by_example, linear=True, calls=(1, 16), backwards=0, gradient=False,
        specimens=("reused", "transformer"),
    ),
    Method(
        "methods.ShapleyValueSampling-of-neuron", engine(methods.ShapleyValueSampling, to_neuron, n_samples=2),
        needs=NEURON, of_output=False, players=masked("feature_mask"), baselines=by_example, stochastic=True,
        shared=True, linear=True, calls=(1, 6), backwards=0, gradient=False,
        specimens=("reused", "lstm"),
    ),
    Method(
        "methods.KernelShap-of-neuron", engine(methods.KernelShap, to_neuron, n_samples=200, sampling="captum"),
        needs=NEURON, of_output=False, players=masked("feature_mask"), baselines=by_example, stochastic=True,
        shared=True, linear=True, calls=(1, 16), backwards=0, gradient=False,
        specimens=("reused", "two-inputs"),
    ),
]  # fmt: skip
