"""Whether the model does without the features that attributions say it needs, and not without the others."""

from pellucid.metrics.faithfulness.curves import Deletion, Insertion, PixelFlipping, Selectivity
from pellucid.metrics.faithfulness.infidelity import Infidelity
from pellucid.metrics.faithfulness.rationales import Comprehensiveness, Sufficiency
from pellucid.metrics.faithfulness.regions import IROF, RegionPerturbation
from pellucid.metrics.faithfulness.road import ROAD
from pellucid.metrics.faithfulness.single_features import FaithfulnessEstimate, Monotonicity, MonotonicityCorrelation
from pellucid.metrics.faithfulness.subsets import FaithfulnessCorrelation, MuFidelity, SensitivityN

__all__ = [
    "IROF",
    "ROAD",
    "Comprehensiveness",
    "Deletion",
    "FaithfulnessCorrelation",
    "FaithfulnessEstimate",
    "Infidelity",
    "Insertion",
    "Monotonicity",
    "MonotonicityCorrelation",
    "MuFidelity",
    "PixelFlipping",
    "RegionPerturbation",
    "Selectivity",
    "SensitivityN",
    "Sufficiency",
]
