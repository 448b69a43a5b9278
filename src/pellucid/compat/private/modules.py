"""Modules that Captum has for models to be built of."""

from __future__ import annotations

from torch import Tensor, nn


class Addition_Module(nn.Module):  # noqa: N801  # Captum's name
    """A sum as a module of its own, which rules can be given to."""

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The sum."""
        return x1 + x2
