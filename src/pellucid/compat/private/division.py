"""A division that cannot fail."""

from __future__ import annotations

import torch
from torch import Tensor


def safe_div(numerator: Tensor, denom: Tensor | float, default_denom: Tensor | float = 1.0) -> Tensor:
    """A quotient, with another denominator wherever it would be zero."""
    if not isinstance(denom, Tensor):
        return numerator / (denom or default_denom)
    return numerator / torch.where(denom != 0, denom, default_denom)
