"""Warnings of modules in training mode, once for each module."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary, WeakSet

from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.model.inspection import normalises_by_batch
from pellucid.errors import warn

FEW_ROWS = 16
"""Statistics of fewer rows than this are far from those of the data, which batch norm uses in evaluation mode."""

_WARNED_MODULES: WeakSet[nn.Module] = WeakSet()
"""Modules that were warned of."""

_LAST_CHECK: WeakKeyDictionary[nn.Module, tuple[bytes, bool]] = WeakKeyDictionary()
"""The training flags, and whether rows were few, at the last check of each model, by the first of its modules."""


def warn_of_training_mode(f: ModelFunction) -> None:
    """Warn of modules that draw random numbers, and of batch norms on few rows, in training mode.

    There are no warnings of modules that were warned of before, nor with `create_graph`, which is for training a model
    on its attributions.
    """
    if not f.session.info.trains or f.problem.options.create_graph:
        return
    state = f.session.info.training_flags, f.problem.batch_size < FEW_ROWS
    if _LAST_CHECK.get(f.session.info.modules[0]) == state:
        return
    _LAST_CHECK[f.session.info.modules[0]] = state
    _warn_of(f, has_dropout, "every call draws other numbers")
    if f.problem.batch_size < FEW_ROWS:
        _warn_of(f, normalises_by_batch, f"statistics of {f.problem.batch_size} rows take the place of those learnt")


def _warn_of(f: ModelFunction, is_affected: Callable[[nn.Module], bool], consequence: str) -> None:
    """Warn of the modules in training mode that a predicate holds of."""
    training = (module for module in f.session.info.modules if module.training)
    modules = [module for module in training if module not in _WARNED_MODULES and is_affected(module)]
    if modules:
        _WARNED_MODULES.update(modules)
        kinds = ", ".join(sorted({type(module).__name__ for module in modules}))
        several = "s" if len(modules) > 1 else ""
        warn(f"{len(modules)} module{several} in training mode ({kinds}): {consequence}. Hint: model.eval().")


def has_dropout(module: nn.Module) -> bool:
    """Whether a module in training mode draws random numbers, as its dropout rate shows."""
    attributes = vars(module)
    rate = attributes.get("p") if isinstance(module, _DropoutNd) else None
    rates = rate, attributes.get("dropout"), attributes.get("drop_prob")
    return isinstance(module, nn.RReLU) or any(isinstance(rate, float) and rate > 0 for rate in rates)
