"""Interpretable models, which are fitted to the outputs of another model."""

from pellucid.models import linear

__all__ = ["linear"]
