"""How tensors lie in what a module takes or returns, however nested."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor
from torch.utils._pytree import TreeSpec, tree_flatten, tree_map_only, tree_unflatten

from pellucid.core.tensors import Tensors, is_floating

_PYTREE_LOG = logging.getLogger("pellucid")


@final
@dataclass(frozen=True, eq=False)
class TensorTree:
    """Where in tuples, lists, dicts and what else torch knows as a tree the tensors lie, and what lies beside them.

    Args:
        spec: The tree.
        leaves: Its leaves, in order; None where the tensors go.
        leaf_indices: Which of the leaves the tensors are.
    """

    spec: TreeSpec
    leaves: tuple[Any, ...]
    leaf_indices: tuple[int, ...]

    @classmethod
    def of(cls, value: Any, chosen: Callable[[Tensor], bool] = is_floating) -> tuple[Tensors, TensorTree]:
        """The tensors in a value, taken apart from their structure.

        Args:
            value: What a module took or returned.
            chosen: Which tensors; the others stay with the structure.
        """
        if isinstance(value, Tensor) and chosen(value):
            return (value,), _SINGLE_LEAF
        leaves, spec = tree_flatten(value)
        places = tuple(place for place, leaf in enumerate(leaves) if isinstance(leaf, Tensor) and chosen(leaf))
        tensors = tuple(leaves[place] for place in places)
        for place in places:
            leaves[place] = None
        return tensors, cls(spec, tuple(leaves), places)

    def filled(self, tensors: Tensors) -> Any:
        """The structure with these tensors in place of the original ones."""
        if self is _SINGLE_LEAF:
            return tensors[0]
        leaves = list(self.leaves)
        for place, tensor in zip(self.leaf_indices, tensors, strict=True):
            leaves[place] = tensor
        return tree_unflatten(leaves, self.spec)

    def without_constants(self) -> TensorTree:
        """The structure with None beside the tensors; where its types take no None, with what was there."""
        if self is _SINGLE_LEAF:
            return self
        alone = TensorTree(self.spec, (None,) * len(self.leaves), self.leaf_indices)
        return alone if _can_be(alone) else self


_SINGLE_LEAF = TensorTree(tree_flatten(None)[1], (None,), (0,))
"""The structure of a tensor by itself, the one met most."""


def _can_be(structure: TensorTree) -> bool:
    """Whether the types take what a structure holds: some look at it, as packed sequences do."""
    try:
        tree_unflatten(list(structure.leaves), structure.spec)
    except Exception as error:
        return _log_unknown_leaf(error)
    return True


def _log_unknown_leaf(error: Exception) -> bool:
    _PYTREE_LOG.debug("a structure takes no None: %s", type(error).__name__)
    return False


def map_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same value with its tensors changed, also those inside tuples, lists and dicts."""
    return change(value) if isinstance(value, Tensor) else tree_map_only(Tensor, change, value)
