"""Surrogates: linear models fitted to the model near an input."""

from pellucid.methods.surrogates.kernel_shap import KernelShap
from pellucid.methods.surrogates.kernel_shap_iq import KernelShapIQ
from pellucid.methods.surrogates.lasso import Lasso
from pellucid.methods.surrogates.lime import Lime
from pellucid.methods.surrogates.lime_base import LimeBase
from pellucid.methods.surrogates.similarity import ExponentialKernel

__all__ = [
    "ExponentialKernel",
    "KernelShap",
    "KernelShapIQ",
    "Lasso",
    "Lime",
    "LimeBase",
]
