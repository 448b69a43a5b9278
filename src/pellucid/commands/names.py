"""Names that shells complete: written out, so that nobody waits for torch. Tests hold them to what there is."""

from __future__ import annotations

METHODS = (
    "auto",
    "integrated_gradients",
    "gradient_shap",
    "saliency",
    "input_x_gradient",
    "noise_tunnel",
    "deep_lift",
    "deep_lift_shap",
    "lrp",
    "guided_backprop",
    "deconvolution",
    "feature_ablation",
    "occlusion",
    "feature_permutation",
    "patching",
    "shapley_values",
    "shapley_value_sampling",
    "kernel_shap",
    "lime",
    "banzhaf_values",
    "banzhaf_value_sampling",
    "owen_values",
    "owen_value_sampling",
    "shapley_interactions",
    "shapley_interaction_sampling",
    "kernel_shap_iq",
    "internal_influence",
    "conductance",
    "neuron_conductance",
    "activation",
    "grad_cam",
    "grad_cam_plus_plus",
    "hi_res_cam",
    "layer_cam",
    "x_grad_cam",
    "score_cam",
    "eigen_cam",
    "guided_grad_cam",
    "attention_rollout",
)

PLOTS = (
    "bar",
    "waterfall",
    "force",
    "beeswarm",
    "violin",
    "heatmap",
    "decision",
    "distributions",
    "layers",
    "image",
    "tokens",
    "timeseries",
    "interactions",
    "interaction_network",
    "convergence",
)
"""The pictures that ask for nothing more."""

CASES = ("titanic", "boston", "housing", "cancer", "diabetes")
"""The worked cases, the first of which is shown where none is named."""


DEFAULT_METRICS = ("Deletion", "Insertion", "MuFidelity", "MaxSensitivity", "Sparseness")
"""What methods are compared by, unless said."""

METRICS = (
    *DEFAULT_METRICS,
    "AverageSensitivity",
    "Completeness",
    "Complexity",
    "Comprehensiveness",
    "Consistency",
    "Continuity",
    "EffectiveComplexity",
    "EfficientParameterRandomisation",
    "FaithfulnessCorrelation",
    "FaithfulnessEstimate",
    "Infidelity",
    "InputInvariance",
    "IROF",
    "LocalLipschitz",
    "Monotonicity",
    "MonotonicityCorrelation",
    "NonSensitivity",
    "ParameterRandomisation",
    "PixelFlipping",
    "RandomLogit",
    "RegionPerturbation",
    "RelativeInputStability",
    "RelativeOutputStability",
    "ROAD",
    "Selectivity",
    "SensitivityN",
    "SmoothParameterRandomisation",
    "Sufficiency",
)
"""The metrics that ask for nothing more."""


def metric_names(incomplete: str) -> list[str]:
    """The names of metrics that begin with some letters.

    Args:
        incomplete: The letters.
    """
    return [name for name in METRICS if name.lower().startswith(incomplete.lower())]


def method_names(incomplete: str) -> list[str]:
    """The names of methods that begin with some letters.

    Args:
        incomplete: The letters.
    """
    return [name for name in METHODS if name.startswith(incomplete)]


def plot_names(incomplete: str) -> list[str]:
    """The names of pictures that begin with some letters.

    Args:
        incomplete: The letters.
    """
    return [name for name in PLOTS if name.startswith(incomplete)]


def case_names(incomplete: str) -> list[str]:
    """The names of worked cases that begin with some letters.

    Args:
        incomplete: The letters.
    """
    return [name for name in CASES if name.startswith(incomplete)]


def data_formats(incomplete: str) -> list[str]:
    """The formats of data that begin with some letters.

    Args:
        incomplete: The letters.
    """
    return [name for name in ("csv", "parquet", "npy", "npz", "text") if name.startswith(incomplete)]
