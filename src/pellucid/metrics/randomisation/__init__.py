"""Whether attributions depend on what was learnt, and on what is explained."""

from pellucid.metrics.randomisation.parameters import (
    EfficientParameterRandomisation,
    ParameterRandomisation,
    SmoothParameterRandomisation,
)
from pellucid.metrics.randomisation.random_logit import RandomLogit

__all__ = [
    "EfficientParameterRandomisation",
    "ParameterRandomisation",
    "RandomLogit",
    "SmoothParameterRandomisation",
]
