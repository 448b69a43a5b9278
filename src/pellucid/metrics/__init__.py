"""How far to trust attributions. So far under Captum's names."""

from pellucid.metrics.infidelity import infidelity, infidelity_perturb_func_decorator
from pellucid.metrics.sensitivity import sensitivity_max

__all__ = ["infidelity", "infidelity_perturb_func_decorator", "sensitivity_max"]
