"""Models simple enough to be read, which are fitted to what another model does."""

from pellucid.models import linear

__all__ = ["linear"]
