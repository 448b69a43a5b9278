"""Models as small as those of the parity tests, on one thread as there."""

from parity.conftest import _one_thread

__all__ = ["_one_thread"]
