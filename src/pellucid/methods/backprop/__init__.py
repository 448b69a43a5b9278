"""Gradients that follow rules on their way back."""

from pellucid.methods.backprop.guided import Deconvolution, GuidedBackprop

__all__ = [
    "Deconvolution",
    "GuidedBackprop",
]
