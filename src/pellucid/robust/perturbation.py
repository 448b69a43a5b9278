"""What changes inputs: the base of attacks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class Perturbation(ABC):
    """Something that changes inputs; calling it perturbs them."""

    @abstractmethod
    def perturb(self, *args: Any, **kwargs: Any) -> Any:
        """Perturb inputs.

        Args:
            *args: The inputs, and what a subclass needs.
            **kwargs: The same by name.
        """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Perturb inputs.

        Args:
            *args: As of `perturb`.
            **kwargs: As of `perturb`.
        """
        return self.perturb(*args, **kwargs)
