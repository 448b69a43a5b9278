"""The methods that attribute the output to a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from laws.baselines import by_example, distribution
from laws.method import COINS, Method, engine, facade_of_layer, flat_output
from laws.of_inputs import row_sums
from laws.players import grouped, masked, overlapping
from pellucid import attr, methods
from zoo.specimens import Inside

LAYER, BETWEEN = ("layer",), ("layer", "neuron")
LASSO = methods.Lasso(alpha=1e-3)


def from_layer(layer: Inside) -> dict[str, Any]:
    return {"source": layer.place}


def read_at_layer(layer: Inside) -> dict[str, Any]:
    return {"gradient_at": layer.place}


def read_between(layer: Inside, neuron: Inside) -> dict[str, Any]:
    """From a layer, with gradients at a later one."""
    return {"source": layer.place, "gradient_at": neuron.place}


def to_neuron(layer: Inside, neuron: Inside) -> dict[str, Any]:
    """From a layer to a neuron of a later one."""
    return {"source": layer.place, "target": methods.Neuron(neuron.place, neuron.neuron)}


def patched(**settings: Any) -> Callable[..., methods.Attributions]:
    """Patching, whose counterfactuals are where it starts from to the laws."""

    def of(problem: methods.Problem, /, baselines: Any, *, feature_mask: Any = None) -> methods.Attributions:
        return methods.Patching(**settings)(problem, baselines, feature_mask=feature_mask)

    return of


def smooth(nt_samples: int = 3, stdevs: float = 0.2, **arguments: Any) -> methods.NoiseTunnel:
    return methods.NoiseTunnel(attribution_method=methods.Saliency(), nt_samples=nt_samples, stdevs=stdevs, **arguments)


def permuted(model: nn.Module, inputs: Any, *, layer: Inside, **arguments: Any) -> Any:
    """LayerFeaturePermutation, which under Captum's name has but the output of a layer, and not what it takes."""
    if layer.of_input:
        return engine(methods.FeaturePermutation, from_layer)(
            model, inputs, layer=layer, feature_mask=arguments.pop("layer_mask"), **arguments
        )
    return attr.LayerFeaturePermutation(model, layer.layer).attribute(inputs, **arguments)


METHODS = [
    Method(
        "LayerActivation", facade_of_layer(attr.LayerActivation, targets=False),
        needs=LAYER, at="layer", of_output=False, backwards=0, gradient=False,
    ),
    Method(
        "LayerGradientXActivation", facade_of_layer(attr.LayerGradientXActivation),
        needs=LAYER, at="layer", linear=True,
    ),
    Method(
        "LayerIntegratedGradients", facade_of_layer(attr.LayerIntegratedGradients, n_steps=5),
        needs=LAYER, at="layer", baselines=by_example, bounded=True, linear=True, complete={},
        converged={"n_steps": 60}, calls=(3, 7), delta_calls=(2, 2), backwards=1, many="n_steps",
    ),
    Method(
        "LayerGradientShap", facade_of_layer(attr.LayerGradientShap, n_samples=4, stdevs=0.1),
        needs=LAYER, at="layer", baselines=distribution, stochastic=True, bounded=True, linear=True,
        complete={"stdevs": 0.0}, calls=(3, 12), delta_calls=(2, 8), backwards=1, many="n_samples",
    ),
    Method(
        "InternalInfluence", facade_of_layer(attr.InternalInfluence, n_steps=4),
        needs=LAYER, at="layer", baselines=by_example, bounded=True, linear=True, calls=(1, 4), many="n_steps",
    ),
    Method(
        "LayerConductance", facade_of_layer(attr.LayerConductance, n_steps=5),
        needs=LAYER, at="layer", baselines=by_example, bounded=True, linear=True,
        complete={"method": "riemann_trapezoid"}, calls=(1, 6), delta_calls=(2, 2), many="n_steps",
    ),
    Method(
        "methods.InputXGradient-from-layer", engine(methods.InputXGradient, from_layer),
        needs=LAYER, at="layer", bounded=True, linear=True,
    ),
    Method(
        "methods.GradientShap-from-layer", engine(methods.GradientShap, from_layer, n_samples=4, stdevs=0.1),
        needs=LAYER, at="layer", baselines=distribution, stochastic=True, bounded=True, linear=True,
        complete={"stdevs": 0.0}, calls=(3, 9), delta_calls=(2, 8), backwards=1, many="n_samples",
    ),
    Method(
        "methods.NoiseTunnel-Saliency-from-layer", engine(smooth, from_layer),
        needs=LAYER, at="layer", stochastic=True, bounded=True, calls=(2, 4), backwards=1, many="nt_samples",
    ),
    Method(
        "methods.Conductance", engine(methods.Conductance, read_at_layer, n_steps=5),
        needs=LAYER, at="layer", baselines=by_example, bounded=True, linear=True, complete={},
        converged={"n_steps": 2000}, calls=(1, 6), delta_calls=(2, 2), many="n_steps",
    ),
    Method(
        "methods.Conductance-between-layers", engine(methods.Conductance, read_between, n_steps=5),
        needs=BETWEEN, at="neuron", baselines=by_example, bounded=True, linear=True, complete={},
        calls=(3, 8), delta_calls=(2, 2), backwards=1, many="n_steps",
    ),
    Method(
        "methods.IntegratedGradients-from-layer-to-neuron",
        engine(methods.IntegratedGradients, to_neuron, n_steps=5, method="riemann_middle"),
        needs=BETWEEN, at="layer", of_output=False, baselines=by_example, bounded=True, linear=True, complete={},
        calls=(3, 7), delta_calls=(2, 2), backwards=0, many="n_steps",
    ),
    Method(
        "LayerDeepLift", facade_of_layer(attr.LayerDeepLift),
        needs=LAYER, at="layer", baselines=by_example, bounded=True, linear=True, complete={}, converged={},
        calls=(2, 2), backwards=1,
    ),
    Method(
        "LayerDeepLiftShap", facade_of_layer(attr.LayerDeepLiftShap),
        needs=LAYER, at="layer", baselines=distribution, bounded=True, linear=True, calls=(2, 10), backwards=1,
    ),
    Method(
        "methods.DeepLift-from-layer", engine(methods.DeepLift, from_layer),
        needs=LAYER, at="layer", baselines=by_example, bounded=True, linear=True, complete={}, converged={},
        calls=(4, 4), backwards=1,
    ),
    Method(
        "methods.DeepLift-from-layer-to-neuron", engine(methods.DeepLift, to_neuron),
        needs=BETWEEN, at="layer", of_output=False, baselines=by_example, bounded=True, linear=True, complete={},
        calls=(4, 4), backwards=0,
    ),
    Method("LayerLRP", facade_of_layer(attr.LayerLRP), needs=LAYER, at="layer", rtol=1e-6, of_calls=True),
    Method(
        "methods.LRP-from-layer", engine(methods.LRP, from_layer),
        needs=LAYER, at="layer", calls=(2, 2), backwards=1, rtol=1e-6, of_calls=True,
    ),
    Method(
        "LayerFeatureAblation", facade_of_layer(attr.LayerFeatureAblation),
        needs=LAYER, at="layer", players=masked("layer_mask", layer_baselines=0.3), linear=True, calls=(2, 6),
        backwards=0, gradient=False,
    ),
    Method(
        "LayerFeaturePermutation", permuted, needs=LAYER, at="layer",
        players=masked("layer_mask"), mixes=True, stochastic=True, linear=True, calls=(2, 6), backwards=0,
        gradient=False,
    ),
    Method(
        "methods.FeatureAblation-from-layer", engine(methods.FeatureAblation, from_layer),
        needs=LAYER, at="layer", players=masked("feature_mask"), linear=True, calls=(2, 6), backwards=0, gradient=False,
    ),
    Method(
        "methods.Patching-from-layer", engine(patched, from_layer), baselines=by_example,
        needs=LAYER, at="layer", players=masked("feature_mask"), linear=True, calls=(3, 7), backwards=0, gradient=False,
        specimens=("reused", "two-inputs"),
    ),
    Method(
        "methods.Occlusion-from-layer", engine(methods.Occlusion, from_layer),
        needs=LAYER, at="layer",
        players=overlapping("sliding_window_shapes", "strides"), linear=True, calls=(2, 6), backwards=0,
        gradient=False,
        specimens=("reused", "two-inputs"),
    ),
    Method(
        "methods.ShapleyValues-from-layer", flat_output(engine(methods.ShapleyValues, from_layer)),
        needs=LAYER, at="layer", players=masked("feature_mask"), linear=True, calls=(2, 17), backwards=0,
        gradient=False,
        specimens=("reused", "lstm"),
    ),
    Method(
        "methods.ShapleyValueSampling-from-layer",
        flat_output(engine(methods.ShapleyValueSampling, from_layer, n_samples=2)),
        needs=LAYER, at="layer", players=masked("feature_mask"), stochastic=True, shared=True, linear=True,
        calls=(2, 7), backwards=0, gradient=False,
        specimens=("lstm", "transformer"),  # in some others features only add up, and any order gives the same
    ),
    Method(
        "methods.BanzhafValues-from-layer", flat_output(engine(methods.BanzhafValues, from_layer)),
        needs=LAYER, at="layer", players=masked("feature_mask"), linear=True, calls=(2, 17), backwards=0,
        gradient=False,
        specimens=("lstm",),
    ),
    Method(
        "methods.BanzhafValueSampling-from-layer",
        flat_output(engine(methods.BanzhafValueSampling, from_layer, n_samples=4)),
        needs=LAYER, at="layer", players=masked("feature_mask"), stochastic=True, shared=True, noisy=True,
        linear=True, calls=(2, 5), backwards=0, gradient=False,
        specimens=("in-place",),
    ),
    Method(
        "methods.OwenValues-from-layer", flat_output(engine(methods.OwenValues, from_layer)),
        needs=LAYER, at="layer", players=grouped("feature_mask"), linear=True, calls=(2, 13), backwards=0,
        gradient=False,
        specimens=("lstm",),
    ),
    Method(
        "methods.OwenValueSampling-from-layer", flat_output(engine(methods.OwenValueSampling, from_layer, n_samples=5)),
        needs=LAYER, at="layer", players=grouped("feature_mask"), stochastic=True, shared=True, linear=True,
        calls=(2, 11), backwards=0, gradient=False,
        specimens=("lstm",),  # where features do more than add up
    ),
    Method(
        "methods.ShapleyInteractions-from-layer", flat_output(engine(row_sums, from_layer)),
        needs=LAYER, at="layer", players=masked("feature_mask"), linear=True, calls=(2, 17), backwards=0,
        gradient=False,
        specimens=("lstm",),
    ),
    Method(
        "methods.KernelShap-from-layer", engine(methods.KernelShap, from_layer),
        needs=LAYER, at="layer", players=masked("feature_mask"), linear=True, calls=(2, 17), backwards=0,
        gradient=False,
        specimens=("reused", "two-inputs"),
    ),
    Method(
        "methods.Lime-from-layer-to-neuron",
        engine(methods.Lime, to_neuron, n_samples=COINS, interpretable_model=LASSO),
        needs=BETWEEN, at="layer", of_output=False, players=masked("feature_mask"), stochastic=True, shared=True,
        surrogate=True, calls=(2, 8), backwards=0, gradient=False,
        specimens=("reused", "lstm"),
    ),
    Method("LayerGradCam", facade_of_layer(attr.LayerGradCam), needs=LAYER, at="layer", linear=True, shaped=False),
    Method(
        "methods.GradCamPlusPlus", engine(methods.GradCamPlusPlus, read_at_layer, relu_attributions=False),
        needs=LAYER, at="layer", shaped=False,
    ),
    Method(
        "methods.HiResCam", engine(methods.HiResCam, read_at_layer, relu_attributions=False),
        needs=LAYER, at="layer", linear=True, shaped=False,
    ),
    Method(
        "methods.LayerCam", engine(methods.LayerCam, read_at_layer, relu_attributions=False),
        needs=LAYER, at="layer", shaped=False,
    ),
    Method(
        "methods.XGradCam-from-layer", engine(methods.XGradCam, from_layer, relu_attributions=False),
        needs=LAYER, at="layer", linear=True, shaped=False,
    ),
    Method(
        "methods.ScoreCam", engine(methods.ScoreCam, read_at_layer, relu_attributions=False),
        needs=LAYER, at="layer", baselines=by_example, calls=(2, 5), backwards=0, gradient=False, shaped=False,
        spatial=True,
        specimens=("cnn",),
    ),
    Method(
        "methods.EigenCam", engine(methods.EigenCam, read_at_layer, relu_attributions=False),
        needs=LAYER, at="layer", of_output=False, backwards=0, gradient=False, shaped=False,
    ),
]  # fmt: skip
