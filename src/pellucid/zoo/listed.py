"""The methods of pellucid that the zoo evaluates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from pellucid import methods
from pellucid.zoo.known_model import KnownModel
from pellucid.zoo.listed_method import ListedMethod, Needs
from pellucid.zoo.quantity import Quantity

SAMPLES = 200


def listed(
    method: Callable[..., Any], needs: Needs = "gradients", computes: Quantity | None = None, *, name: str | None = None
) -> ListedMethod:
    """An entry for a method that is the same for all models."""
    return ListedMethod(name=name or type(method).__name__, method=lambda _: method, needs=needs, computes=computes)


def _occlusion(known: KnownModel) -> Callable[..., Any]:
    window = known.window or ()  # without one, it is not asked
    return methods.Occlusion(sliding_window_shapes=window, strides=window)


def _groups(known: KnownModel) -> torch.Tensor:
    """The model's groups; pairs of neighbours where these make no difference."""
    if known.groups is not None:
        return known.groups
    if known.feature_mask is not None:
        return known.feature_mask // 2
    of_features = known.inputs if known.source_baselines is None else known.source_baselines
    return (torch.arange(of_features[0].numel()) // 2).reshape(1, *of_features.shape[1:])


LISTED: tuple[ListedMethod, ...] = (
    listed(methods.Saliency(abs=False), computes="gradient"),
    listed(methods.InputXGradient(), computes="gradient times input"),
    listed(methods.IntegratedGradients(), computes="integrated gradients"),
    listed(methods.GradientShap(n_samples=SAMPLES, seed=0), computes="integrated gradients"),
    listed(
        methods.NoiseTunnel(attribution_method=methods.Saliency(abs=False), nt_samples=SAMPLES, stdevs=0.1, seed=0),
        computes="gradient",
        name="SmoothGrad",
    ),
    listed(methods.DeepLift(), computes="contributions to the difference"),
    listed(methods.DeepLiftShap(), computes="contributions to the difference"),
    listed(methods.LRP(), computes="relevance"),
    listed(methods.LRP(composite=methods.EpsilonPlus()), computes="relevance", name="LRP epsilon-plus"),
    listed(methods.LRP(composite=methods.AttnLRP()), computes="relevance", name="LRP for attention"),
    listed(methods.GuidedBackprop(), computes="guided gradient"),
    listed(methods.Deconvolution(), computes="deconvolved gradient"),
    listed(methods.FeatureAblation(), "values", "removal"),
    ListedMethod(name="Occlusion", method=_occlusion, needs="windows", computes="removal"),
    listed(methods.FeaturePermutation(seed=3), "values"),  # a permutation of the middling ones: some are lucky
    listed(methods.ShapleyValues(), "values", "Shapley values"),
    listed(methods.ShapleyValueSampling(n_samples=SAMPLES, seed=0), "values", "Shapley values"),
    listed(methods.BanzhafValues(), "values", "Banzhaf values"),
    listed(methods.BanzhafValueSampling(n_samples=SAMPLES, seed=0), "values", "Banzhaf values"),
    ListedMethod(
        name="OwenValues",
        method=lambda known: methods.OwenValues(groups=_groups(known)),
        needs="values",
        computes="Owen values",
    ),
    ListedMethod(
        name="OwenValueSampling",
        method=lambda known: methods.OwenValueSampling(groups=_groups(known), n_samples=SAMPLES, seed=0),
        needs="values",
        computes="Owen values",
    ),
    listed(methods.KernelShap(n_samples=SAMPLES, seed=0), "values", "Shapley values"),
    listed(methods.Lime(n_samples=SAMPLES, seed=0), "values"),
    listed(methods.ShapleyInteractions(index="SII"), "values", "Shapley interactions"),
    listed(
        methods.ShapleyInteractionSampling(index="SII", n_samples=SAMPLES, seed=0), "values", "Shapley interactions"
    ),
    listed(methods.KernelShapIQ(index="SII", n_samples=2 * SAMPLES, seed=0), "values", "Shapley interactions"),
    listed(methods.GradCam(), "maps"),
    listed(methods.GradCamPlusPlus(), "maps"),
    listed(methods.HiResCam(), "maps"),
    listed(methods.LayerCam(), "maps"),
    listed(methods.XGradCam(), "maps"),
    listed(methods.ScoreCam(), "maps"),
    listed(methods.EigenCam(), "maps"),
    listed(methods.GuidedGradCam(), "maps"),
    ListedMethod(
        name="AttentionRollout",
        method=lambda known: methods.AttentionRollout(token=known.token),
        needs="attention",
    ),
    listed(methods.Activation(), "activations", "activation"),
    listed(methods.InternalInfluence(), "layer", "gradient"),
    listed(methods.Conductance(), "layer", "integrated gradients"),
    ListedMethod(
        name="NeuronConductance",
        method=lambda known: methods.NeuronConductance(selector=known.neuron[1] if known.neuron else 0),
        needs="neuron",
        computes="integrated gradients",
    ),
)
"""All methods of `pellucid.methods` but `LimeBase`, which is whatever its parts are, and `Patching`, which needs other
inputs to compare with.

A new one gets every claim by being here."""
