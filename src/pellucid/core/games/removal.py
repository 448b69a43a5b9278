"""Removals: how absent features are taken away from an input, in other ways than by a baseline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

from torch import Tensor

from pellucid.core.summaries import Summarized


class Removal(ABC, Summarized):
    """A way of taking absent elements away, applied to each input by itself.

    It is a function of each row alone: what it makes of one does not depend on the others.
    """

    @abstractmethod
    def __call__(self, x: Tensor, absent: Tensor) -> Tensor:
        """The inputs without some of their elements.

        Args:
            x: An input, (n, ...).
            absent: The elements to take away, bool (n, ...).

        Returns:
            (n, ...), of the same dtype; where nothing is absent, the input itself.
        """

    def replacement(self, x: Tensor) -> Tensor | None:
        """What takes the place of absent elements, (n, ...), where that does not depend on which are; else None."""
        return None


RemovalLike: TypeAlias = "Removal | Callable[[Any, Any], Any]"
"""How absent features are taken away, in the place of baselines.

* `pellucid.methods.Blur`: by the input, blurred.
* `pellucid.methods.Segments`: by the mean colour of what is absent, or of patches or superpixels.
* `pellucid.methods.Gaussian`: with edges as soft as a Gaussian.
* `pellucid.methods.Disc`: with round corners, so that a square window becomes a disc.
* `pellucid.methods.Rise`: by the random smooth masks of RISE.
* a function of an input (n, ...) and of a mask of its absent elements, bool (n, ...), which returns the input without
  them; of tuples of these where there are several inputs. It must treat each of the n rows by itself, and return the
  same for the same arguments.
"""
