"""How tensors lie in what a module takes or returns, however nested."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor
from torch.utils._pytree import TreeSpec, tree_flatten, tree_map_only, tree_unflatten

from pellucid.core.summaries import Summarized
from pellucid.core.tensors import Tensors, is_floating

_PYTREE_LOG = logging.getLogger("pellucid")


@final
@dataclass(frozen=True, eq=False)
class TensorTree(Summarized):
    """A pytree (nested tuples, lists, dicts, ...) without its tensors: their positions, and the other leaves.

    Args:
        spec: The tree.
        leaves: Its leaves in order, None in the place of tensors.
        leaf_indices: The indices of the tensors among the leaves.
    """

    spec: TreeSpec
    leaves: tuple[Any, ...]
    leaf_indices: tuple[int, ...]

    def __repr__(self) -> str:
        """The outermost container, and how many tensors are in it."""
        if self is _SINGLE_LEAF:
            return "TensorTree(Tensor)"
        return f"TensorTree({getattr(self.spec.type, '__name__', 'Tensor')}, tensors={len(self.leaf_indices)})"

    @classmethod
    def of(cls, value: Any, chosen: Callable[[Tensor], bool] = is_floating) -> tuple[Tensors, TensorTree]:
        """Split a value into its tensors and its structure.

        Args:
            value: What a module took or returned.
            chosen: Which tensors; the others stay in the structure.
        """
        if isinstance(value, Tensor) and chosen(value):
            return (value,), _SINGLE_LEAF
        leaves, spec = tree_flatten(value)
        indices = tuple(index for index, leaf in enumerate(leaves) if isinstance(leaf, Tensor) and chosen(leaf))
        tensors = tuple(leaves[index] for index in indices)
        for index in indices:
            leaves[index] = None
        return tensors, cls(spec, tuple(leaves), indices)

    def filled(self, tensors: Tensors) -> Any:
        """The structure with these tensors in the place of the original ones."""
        if self is _SINGLE_LEAF:
            return tensors[0]
        leaves = list(self.leaves)
        for index, tensor in zip(self.leaf_indices, tensors, strict=True):
            leaves[index] = tensor
        return tree_unflatten(leaves, self.spec)

    def without_constants(self) -> TensorTree:
        """The structure with None for all other leaves; unchanged where its container types take no None."""
        if self is _SINGLE_LEAF:
            return self
        without = TensorTree(self.spec, (None,) * len(self.leaves), self.leaf_indices)
        return without if _can_be_built(without) else self


_SINGLE_LEAF = TensorTree(tree_flatten(None)[1], (None,), (0,))
"""The structure of a single tensor, the most frequent one."""


def _can_be_built(structure: TensorTree) -> bool:
    """Whether the container types accept the leaves: some check them, as packed sequences do."""
    try:
        tree_unflatten(list(structure.leaves), structure.spec)
    except Exception as error:
        return _log_unknown_leaf(error)
    return True


def _log_unknown_leaf(error: Exception) -> bool:
    _PYTREE_LOG.debug("a structure takes no None: %s", type(error).__name__)
    return False


def map_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The value with `change` applied to its tensors, also those inside tuples, lists and dicts."""
    return change(value) if isinstance(value, Tensor) else tree_map_only(Tensor, change, value)
