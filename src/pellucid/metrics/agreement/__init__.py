"""How far explanations agree: with each other, and with known answers."""

from pellucid.metrics.agreement.explanations import (
    FeatureAgreement,
    RankAgreement,
    RankCorrelation,
    SignAgreement,
    TopKOverlap,
)
from pellucid.metrics.agreement.known_answer import Concordance

__all__ = [
    "Concordance",
    "FeatureAgreement",
    "RankAgreement",
    "RankCorrelation",
    "SignAgreement",
    "TopKOverlap",
]
