"""Gradients that follow rules in the backward: guided backpropagation and deconvolution."""

from pellucid.methods.backprop.guided import Deconvolution, GuidedBackprop

__all__ = [
    "Deconvolution",
    "GuidedBackprop",
]
