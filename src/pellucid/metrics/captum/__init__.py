"""Captum's metrics, under its names."""

from pellucid.metrics.captum.infidelity import infidelity, infidelity_perturb_func_decorator
from pellucid.metrics.captum.sensitivity import sensitivity_max

__all__ = ["infidelity", "infidelity_perturb_func_decorator", "sensitivity_max"]
