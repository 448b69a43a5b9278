"""How far to trust attributions: metrics as frozen dataclasses, called with a problem and its attributions.

problem = Problem(model, inputs, target=3)
scores = Deletion()(problem, IntegratedGradients()(problem), baselines=0)
scores.values, scores.better
"""

from pellucid.metrics.agreement import (
    Concordance,
    FeatureAgreement,
    RankAgreement,
    RankCorrelation,
    SignAgreement,
    TopKOverlap,
)
from pellucid.metrics.axioms import Completeness, InputInvariance, NonSensitivity
from pellucid.metrics.captum import infidelity, infidelity_perturb_func_decorator, sensitivity_max
from pellucid.metrics.comparing import Entry, MethodComparison, compare
from pellucid.metrics.complexity import Complexity, EffectiveComplexity, Sparseness
from pellucid.metrics.faithfulness import (
    IROF,
    ROAD,
    Comprehensiveness,
    Deletion,
    FaithfulnessCorrelation,
    FaithfulnessEstimate,
    Infidelity,
    Insertion,
    Monotonicity,
    MonotonicityCorrelation,
    MuFidelity,
    PixelFlipping,
    RegionPerturbation,
    Selectivity,
    SensitivityN,
    Sufficiency,
)
from pellucid.metrics.image_features import patches, pixels
from pellucid.metrics.localisation import (
    AttributionLocalisation,
    Focus,
    LocalisationAUC,
    PointingGame,
    RelevanceMassAccuracy,
    RelevanceRankAccuracy,
    TopKIntersection,
    mosaics,
)
from pellucid.metrics.measuring import measure
from pellucid.metrics.randomisation import (
    EfficientParameterRandomisation,
    ParameterRandomisation,
    RandomLogit,
    SmoothParameterRandomisation,
)
from pellucid.metrics.robustness import (
    AverageSensitivity,
    Consistency,
    Continuity,
    LocalLipschitz,
    MaxSensitivity,
    RelativeInputStability,
    RelativeOutputStability,
    RelativeRepresentationStability,
)
from pellucid.metrics.scores import Metric, RemovalCurve, Scores

__all__ = [
    "IROF",
    "ROAD",
    "AttributionLocalisation",
    "AverageSensitivity",
    "Completeness",
    "Complexity",
    "Comprehensiveness",
    "Concordance",
    "Consistency",
    "Continuity",
    "Deletion",
    "EffectiveComplexity",
    "EfficientParameterRandomisation",
    "Entry",
    "FaithfulnessCorrelation",
    "FaithfulnessEstimate",
    "FeatureAgreement",
    "Focus",
    "Infidelity",
    "InputInvariance",
    "Insertion",
    "LocalLipschitz",
    "LocalisationAUC",
    "MaxSensitivity",
    "MethodComparison",
    "Metric",
    "Monotonicity",
    "MonotonicityCorrelation",
    "MuFidelity",
    "NonSensitivity",
    "ParameterRandomisation",
    "PixelFlipping",
    "PointingGame",
    "RandomLogit",
    "RankAgreement",
    "RankCorrelation",
    "RegionPerturbation",
    "RelativeInputStability",
    "RelativeOutputStability",
    "RelativeRepresentationStability",
    "RelevanceMassAccuracy",
    "RelevanceRankAccuracy",
    "RemovalCurve",
    "Scores",
    "Selectivity",
    "SensitivityN",
    "SignAgreement",
    "SmoothParameterRandomisation",
    "Sparseness",
    "Sufficiency",
    "TopKIntersection",
    "TopKOverlap",
    "compare",
    "infidelity",
    "infidelity_perturb_func_decorator",
    "measure",
    "mosaics",
    "patches",
    "pixels",
    "sensitivity_max",
]
