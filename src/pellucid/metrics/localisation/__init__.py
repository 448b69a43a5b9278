"""Whether attributions lie where the object is."""

from pellucid.metrics.localisation.masks import (
    AttributionLocalisation,
    Focus,
    LocalisationAUC,
    PointingGame,
    RelevanceMassAccuracy,
    RelevanceRankAccuracy,
    TopKIntersection,
)
from pellucid.metrics.localisation.mosaic import mosaics

__all__ = [
    "AttributionLocalisation",
    "Focus",
    "LocalisationAUC",
    "PointingGame",
    "RelevanceMassAccuracy",
    "RelevanceRankAccuracy",
    "TopKIntersection",
    "mosaics",
]
