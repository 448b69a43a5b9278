"""What Captum raises when a future fails; pellucid raises what the future holds."""

from __future__ import annotations


class FeatureAblationFutureError(Exception):
    """A future of a forward function failed in an ablation."""


class ShapleyValueFutureError(Exception):
    """A future of a forward function failed in Shapley value sampling."""
