"""Captum's names: change `from captum.attr import ...` to `from pellucid.attr import ...`.

The few that are not here yet say so when they are imported; `pellucid.errors.ABSENT` lists them.
The parameters, shapes, exceptions and numbers are Captum 0.9's; where Captum is wrong, pellucid is right, and
`docs/differences.md` lists each such case. What the arguments mean is written once:
[TargetLike][pellucid.methods.TargetLike] for `target` and `neuron_selector`,
[SiteLike][pellucid.methods.SiteLike] for `layer`, [Baselines][pellucid.methods.Baselines] for `baselines`,
[Problem][pellucid.methods.Problem] for `inputs`, `additional_forward_args` and `internal_batch_size`.

What pellucid adds is keyword-only: `create_graph` makes attributions that can be differentiated; `seed` or `generator`
gives every example its own stream of random numbers (see [random_source][pellucid.core.random_streams.random_source]);
`show_progress` shows progress on stderr; `n_steps="auto"` with a `tolerance` takes as many steps as an example needs.
"""

import typing

from pellucid.attr import visualization
from pellucid.attr._bases import (
    Attribution,
    GradientAttribution,
    LayerAttribution,
    NeuronAttribution,
    PerturbationAttribution,
)
from pellucid.attr.ablation import (
    FeatureAblation,
    FeaturePermutation,
    LayerFeatureAblation,
    LayerFeaturePermutation,
    NeuronFeatureAblation,
    Occlusion,
)
from pellucid.attr.activation import LayerActivation
from pellucid.attr.baselines import ProductBaselines
from pellucid.attr.cam import GuidedGradCam, LayerGradCam
from pellucid.attr.conductance import InternalInfluence, LayerConductance, NeuronConductance
from pellucid.attr.dataloader import DataLoaderAttribution
from pellucid.attr.deeplift import DeepLift, LayerDeepLift, NeuronDeepLift
from pellucid.attr.deeplift_shap import DeepLiftShap, LayerDeepLiftShap, NeuronDeepLiftShap
from pellucid.attr.embeddings import (
    InterpretableEmbeddingBase,
    ModelInputWrapper,
    TokenReferenceBase,
    configure_interpretable_embedding_layer,
    remove_interpretable_embedding_layer,
)
from pellucid.attr.gradient import InputXGradient, LayerGradientXActivation, NeuronGradient, Saliency
from pellucid.attr.gradient_shap import GradientShap, LayerGradientShap, NeuronGradientShap
from pellucid.attr.integrated_gradients import IntegratedGradients, LayerIntegratedGradients, NeuronIntegratedGradients
from pellucid.attr.lime import KernelShap, Lime, LimeBase
from pellucid.attr.lrp import LRP, LayerLRP
from pellucid.attr.noise import NoiseTunnel
from pellucid.attr.relu import Deconvolution, GuidedBackprop, NeuronDeconvolution, NeuronGuidedBackprop
from pellucid.attr.shapley import ShapleyValues, ShapleyValueSampling
from pellucid.attr.stats import Count, Max, Min, Stat, StatValue, Sum
from pellucid.attr.summarizer import ClassSummarizer, CommonStats, Summarizer, SummarizerSingleTensor
from pellucid.attr.variances import MSE, Mean, StdDev, Var
from pellucid.errors import missing as _missing

__all__ = [
    "LRP",
    "MSE",
    "Attribution",
    "ClassSummarizer",
    "CommonStats",
    "Count",
    "DataLoaderAttribution",
    "Deconvolution",
    "DeepLift",
    "DeepLiftShap",
    "FeatureAblation",
    "FeaturePermutation",
    "GradientAttribution",
    "GradientShap",
    "GuidedBackprop",
    "GuidedGradCam",
    "InputXGradient",
    "IntegratedGradients",
    "InternalInfluence",
    "InterpretableEmbeddingBase",
    "KernelShap",
    "LayerActivation",
    "LayerAttribution",
    "LayerConductance",
    "LayerDeepLift",
    "LayerDeepLiftShap",
    "LayerFeatureAblation",
    "LayerFeaturePermutation",
    "LayerGradCam",
    "LayerGradientShap",
    "LayerGradientXActivation",
    "LayerIntegratedGradients",
    "LayerLRP",
    "Lime",
    "LimeBase",
    "Max",
    "Mean",
    "Min",
    "ModelInputWrapper",
    "NeuronAttribution",
    "NeuronConductance",
    "NeuronDeconvolution",
    "NeuronDeepLift",
    "NeuronDeepLiftShap",
    "NeuronFeatureAblation",
    "NeuronGradient",
    "NeuronGradientShap",
    "NeuronGuidedBackprop",
    "NeuronIntegratedGradients",
    "NoiseTunnel",
    "Occlusion",
    "PerturbationAttribution",
    "ProductBaselines",
    "Saliency",
    "ShapleyValueSampling",
    "ShapleyValues",
    "Stat",
    "StatValue",
    "StdDev",
    "Sum",
    "Summarizer",
    "SummarizerSingleTensor",
    "TokenReferenceBase",
    "Var",
    "configure_interpretable_embedding_layer",
    "remove_interpretable_embedding_layer",
    "visualization",
]

if not typing.TYPE_CHECKING:  # or a checker would find any name here

    def __getattr__(name: str) -> None:
        _missing("attr", name)
