"""The methods that attribute the output to the inputs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from laws.baselines import by_example, distribution
from laws.method import COINS, Method, engine, facade, facade_of_layer, flat_output
from laws.players import grouped, masked, windowed
from pellucid import attr, methods
from pellucid.core.evaluation.model_function import ModelFunction, function_of
from pellucid.core.games.features import Features


def smooth_gradients(nt_samples: int = 3, stdevs: float = 0.2, **arguments: Any) -> methods.NoiseTunnel:
    """Noise around noise: two methods that draw."""
    inside = methods.GradientShap(n_samples=2, **arguments)
    return methods.NoiseTunnel(attribution_method=inside, nt_samples=nt_samples, stdevs=stdevs, **arguments)


def similarity(original: Any, perturbed: Any, interpretable: Tensor, **arguments: Any) -> Tensor:
    """Somebody's own, for which Lime goes through the examples."""
    return 1 + interpretable.sum()


def row_sums(make: Any = methods.ShapleyInteractions, **settings: Any) -> Callable[..., methods.Attributions]:
    """Interactions as attributions, which the laws are about: each feature's with all, and what it is worth alone."""

    def of(
        problem: methods.Problem | ModelFunction, /, baselines: Any = None, *, feature_mask: Any = None
    ) -> methods.Attributions:
        f = problem if isinstance(problem, ModelFunction) else function_of(problem)
        result = make(**settings)(f, baselines, feature_mask=feature_mask)
        with torch.inference_mode(False):
            features = Features.of(f.x, feature_mask)
            values = result.values.sum(-1)[..., torch.searchsorted(result.features, features.ids)]
            spread = features.spread(values.flatten(0, -2))
            found = tuple(each.view(*values.shape[:-1], *each.shape[1:]) for each in spread)
        return f.attributions(found, site="source")

    return of


def removed(x: Any, absent: Any) -> Any:
    """Somebody's own removal."""
    if isinstance(x, tuple):
        return tuple(map(removed, x, absent))
    return x.masked_fill(absent, 0.3)


METHODS = [
    Method("Saliency", facade(attr.Saliency)),
    Method("Saliency-signed", facade(attr.Saliency, abs=False), linear=True),
    Method("InputXGradient", facade(attr.InputXGradient), linear=True),
    Method("GuidedBackprop", facade(attr.GuidedBackprop), of_calls=True),
    Method("Deconvolution", facade(attr.Deconvolution), of_calls=True, fixed=True),
    Method(
        "GuidedGradCam", facade_of_layer(attr.GuidedGradCam), needs=("layer",), calls=(2, 2), spatial=True,
        specimens=("cnn", "lstm", "transformer"),
    ),
    Method(
        "methods.AttentionRollout", engine(methods.AttentionRollout),
        of_output=False, backwards=0, gradient=False, shaped=False, spatial=True,
        specimens=("transformer",),
    ),
    Method(
        "IntegratedGradients",
        facade(attr.IntegratedGradients, n_steps=5),
        baselines=by_example, bounded=True, linear=True, complete={}, converged={"n_steps": 60},
        calls=(1, 5), delta_calls=(2, 2), many="n_steps",
    ),
    Method(
        "IntegratedGradients-local",
        facade(lambda model: attr.IntegratedGradients(model, False), n_steps=4, method="riemann_trapezoid"),
        bounded=True, linear=True, calls=(1, 4), delta_calls=(2, 2), many="n_steps",
    ),
    Method(
        "GradientShap",
        facade(attr.GradientShap, n_samples=4, stdevs=0.1),
        baselines=distribution, stochastic=True, bounded=True, linear=True, complete={"stdevs": 0.0},
        calls=(1, 4), delta_calls=(2, 8), many="n_samples",
    ),
    Method(
        "NoiseTunnel-Saliency",
        facade(lambda model: attr.NoiseTunnel(attr.Saliency(model)), nt_samples=4, stdevs=0.3),
        stochastic=True, calls=(1, 4), many="nt_samples",
    ),
    Method(
        "NoiseTunnel-InputXGradient-in-calls",
        facade(lambda model: attr.NoiseTunnel(attr.InputXGradient(model)), nt_samples=5, nt_samples_batch_size=2),
        stochastic=True, linear=True, calls=(3, 5), many="nt_samples",
    ),
    Method(
        "NoiseTunnel-IntegratedGradients",
        facade(lambda model: attr.NoiseTunnel(attr.IntegratedGradients(model)), nt_samples=3, stdevs=0.2, n_steps=4),
        baselines=by_example, stochastic=True, bounded=True, linear=True,
        complete={"stdevs": 0.0}, converged={"stdevs": 0.0, "n_steps": 60},
        calls=(1, 12), delta_calls=(2, 6), many="nt_samples",
    ),
    Method(
        "NoiseTunnel-IntegratedGradients-vargrad",
        facade(
            lambda model: attr.NoiseTunnel(attr.IntegratedGradients(model)),
            nt_type="vargrad", nt_samples=4, draw_baseline_from_distrib=True, n_steps=3,
        ),
        baselines=distribution, stochastic=True, bounded=True, calls=(1, 12), delta_calls=(2, 8), many="nt_samples",
    ),
    Method(
        "NoiseTunnel-GradientShap-squared",
        facade(
            lambda model: attr.NoiseTunnel(attr.GradientShap(model)), nt_type="smoothgrad_sq", nt_samples=2, n_samples=3
        ),
        baselines=distribution, stochastic=True, bounded=True, calls=(1, 6), delta_calls=(2, 12), many="nt_samples",
    ),
    Method("methods.Saliency", engine(methods.Saliency), bounded=True),
    Method("methods.InputXGradient", engine(methods.InputXGradient), bounded=True, linear=True),
    Method(
        "methods.IntegratedGradients",
        engine(methods.IntegratedGradients, n_steps=5, method="riemann_middle"),
        baselines=by_example, bounded=True, linear=True, complete={}, converged={"n_steps": 1500},
        calls=(1, 5), delta_calls=(2, 2), many="n_steps",
    ),
    Method(
        "methods.GradientShap",
        engine(methods.GradientShap, n_samples=4, stdevs=0.1),
        baselines=distribution, stochastic=True, bounded=True, linear=True, complete={"stdevs": 0.0},
        calls=(1, 4), delta_calls=(2, 8), many="n_samples",
    ),
    Method(
        "methods.NoiseTunnel-GradientShap",
        engine(smooth_gradients),
        baselines=distribution, stochastic=True, bounded=True, linear=True, complete={"stdevs": 0.0},
        calls=(1, 6), delta_calls=(2, 12), many="nt_samples",
    ),
    Method(
        "DeepLift", facade(attr.DeepLift),
        baselines=by_example, bounded=True, linear=True, complete={}, converged={}, calls=(2, 2), backwards=1,
    ),
    Method(
        "DeepLiftShap", facade(attr.DeepLiftShap),
        baselines=distribution, bounded=True, linear=True, calls=(2, 10), backwards=1,
    ),
    Method(
        "methods.DeepLift", engine(methods.DeepLift),
        baselines=by_example, bounded=True, linear=True, complete={}, converged={}, calls=(2, 2), backwards=1,
    ),
    Method("LRP", facade(attr.LRP), rtol=1e-6, of_calls=True),
    Method(
        "methods.LRP-gamma", engine(methods.LRP, composite=methods.Composite(default=methods.Gamma(gamma=0.5))),
        rtol=1e-6, of_calls=True, specimens=("reused", "cnn", "transformer"),
    ),
    Method(
        "FeatureAblation", facade(attr.FeatureAblation), players=masked("feature_mask"),
        baselines=by_example, linear=True, calls=(1, 5), backwards=0, gradient=False,
    ),
    Method(
        "FeatureAblation-in-calls", facade(attr.FeatureAblation, perturbations_per_eval=3),
        players=masked("feature_mask"),
        baselines=by_example, linear=True, calls=(2, 5), backwards=0, gradient=False,
    ),
    Method(
        "FeatureAblation-by-removal", facade(attr.FeatureAblation, removal=removed),
        players=masked("feature_mask"), linear=True, calls=(1, 5), backwards=0, gradient=False,
        specimens=("reused", "two-inputs"),
    ),
    Method(
        "Occlusion", facade(attr.Occlusion), players=windowed("sliding_window_shapes", "strides"),
        baselines=by_example, linear=True, calls=(1, 5), backwards=0, gradient=False,
    ),
    Method(
        "FeaturePermutation", facade(attr.FeaturePermutation), players=masked("feature_mask"), mixes=True,
        stochastic=True, linear=True, calls=(1, 5), backwards=0, gradient=False,
    ),
    Method(
        "ShapleyValues", flat_output(facade(attr.ShapleyValues)), players=masked("feature_mask"),
        baselines=by_example, linear=True, calls=(1, 16), backwards=0, gradient=False,
        specimens=("reused", "two-inputs"),
    ),
    Method(
        "ShapleyValueSampling", flat_output(facade(attr.ShapleyValueSampling, n_samples=2)),
        players=masked("feature_mask"),
        baselines=by_example, stochastic=True, shared=True, linear=True, calls=(1, 6), backwards=0, gradient=False,
        specimens=("reused", "functional"),
    ),
    Method(
        "methods.BanzhafValues", flat_output(engine(methods.BanzhafValues)), players=masked("feature_mask"),
        baselines=by_example, linear=True, calls=(1, 16), backwards=0, gradient=False,
        specimens=("reused", "two-inputs"),
    ),
    Method(
        "methods.BanzhafValueSampling", flat_output(engine(methods.BanzhafValueSampling, n_samples=5)),
        players=masked("feature_mask"), baselines=by_example, stochastic=True, shared=True, noisy=True, linear=True,
        calls=(1, 5), backwards=0, gradient=False,
        specimens=("reused", "functional"),
    ),
    Method(
        "methods.OwenValues", flat_output(engine(methods.OwenValues)), players=grouped("feature_mask"),
        baselines=by_example, linear=True, calls=(1, 12), backwards=0, gradient=False,
        specimens=("reused", "two-inputs"),
    ),
    Method(
        "methods.OwenValueSampling", flat_output(engine(methods.OwenValueSampling, n_samples=5)),
        players=grouped("feature_mask"), baselines=by_example, stochastic=True, shared=True, linear=True,
        calls=(1, 10), backwards=0, gradient=False,
        specimens=("reused", "functional"),
    ),
    Method(
        "methods.ShapleyInteractions", flat_output(engine(row_sums)), players=masked("feature_mask"),
        baselines=by_example, linear=True, calls=(1, 16), backwards=0, gradient=False,
        specimens=("reused", "two-inputs"),
    ),
    Method(
        "methods.ShapleyInteractionSampling",
        flat_output(engine(functools.partial(row_sums, methods.ShapleyInteractionSampling), n_samples=4)),
        players=masked("feature_mask"), baselines=by_example, stochastic=True, shared=True, linear=True,
        calls=(1, 14), backwards=0, gradient=False,
        specimens=("reused", "two-inputs"),
    ),
    Method(
        "methods.KernelShapIQ", flat_output(engine(functools.partial(row_sums, methods.KernelShapIQ))),
        players=masked("feature_mask"), baselines=by_example, linear=True, calls=(1, 16), backwards=0, gradient=False,
        specimens=("reused", "two-inputs"),
    ),
    Method(
        "KernelShap", facade(attr.KernelShap, n_samples=200), players=masked("feature_mask"),
        baselines=by_example, stochastic=True, shared=True, linear=True, calls=(1, 16), backwards=0, gradient=False,
        specimens=("reused", "functional", "cnn", "two-inputs"),
    ),
    Method(
        "methods.KernelShap", engine(methods.KernelShap), players=masked("feature_mask"),
        baselines=by_example, linear=True, calls=(1, 16), backwards=0, gradient=False,
        specimens=("reused", "transformer"),
    ),
    Method(
        "Lime", facade(lambda model: attr.Lime(model, methods.Lasso(alpha=1e-3)), n_samples=COINS),
        players=masked("feature_mask"), baselines=by_example, stochastic=True, shared=True, surrogate=True,
        calls=(1, 7), backwards=0, gradient=False,
        specimens=("reused", "functional", "lstm", "two-inputs"),
    ),
    Method(
        "Lime-in-parts",
        facade(lambda model: attr.Lime(model, methods.Lasso(alpha=1e-3), similarity), n_samples=COINS),
        players=masked("feature_mask"), baselines=by_example, stochastic=True, shared=True, surrogate=True,
        calls=(6, 8), backwards=0, gradient=False,
        specimens=("reused", "two-inputs"),
    ),
]  # fmt: skip
