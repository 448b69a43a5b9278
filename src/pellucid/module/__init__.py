"""Captum's modules under its names: gates that learn which features a model needs."""

from pellucid.module.binary_concrete import BinaryConcreteStochasticGates
from pellucid.module.gates import StochasticGatesBase
from pellucid.module.gaussian import GaussianStochasticGates

__all__ = ["BinaryConcreteStochasticGates", "GaussianStochasticGates", "StochasticGatesBase"]
