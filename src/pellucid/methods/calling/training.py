"""Modules in training mode: what they do to attributions, told once of each."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary, WeakSet

from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from pellucid.core.evaluation.model_function import ModelFunction
from pellucid.core.model.inspection import normalises_by_batch
from pellucid.errors import warn

FEW_ROWS = 16
"""Statistics of fewer rows than this are far from those of the data, which batch norm has in evaluation mode."""

_WARNED_MODULES: WeakSet[nn.Module] = WeakSet()
"""Modules that users have been told of."""

_LOOKED: WeakKeyDictionary[nn.Module, tuple[bytes, bool]] = WeakKeyDictionary()
"""For which modes, and few rows or many, models were looked at last: by one of their modules, always the same."""


def tell_of_training(f: ModelFunction) -> None:
    """Warn of modules that draw random numbers, and of batch norms on few rows, in training mode.

    Nothing is said of modules that were told of before, nor where attributions are to be differentiated, as they are
    where a model is trained with them.
    """
    if not f.session.info.trains or f.problem.options.create_graph:
        return
    now = f.session.info.training_flags, f.problem.batch_size < FEW_ROWS
    if _LOOKED.get(f.session.info.modules[0]) == now:
        return
    _LOOKED[f.session.info.modules[0]] = now
    _tell(f, drops, "every call draws other numbers")
    if f.problem.batch_size < FEW_ROWS:
        _tell(f, normalises_by_batch, f"statistics of {f.problem.batch_size} rows take the place of those learnt")


def _tell(f: ModelFunction, concerned: Callable[[nn.Module], bool], consequence: str) -> None:
    modules = [
        each for each in f.session.info.modules if each.training and each not in _WARNED_MODULES and concerned(each)
    ]
    if modules:
        _WARNED_MODULES.update(modules)
        kinds = ", ".join(sorted({type(each).__name__ for each in modules}))
        several = "s" if len(modules) > 1 else ""
        warn(f"{len(modules)} module{several} in training mode ({kinds}): {consequence}. Hint: model.eval().")


def drops(module: nn.Module) -> bool:
    """Whether a module in training mode can be seen to draw random numbers: by the rate at which it drops values."""
    own = vars(module)
    rates = own.get("p") if isinstance(module, _DropoutNd) else None, own.get("dropout"), own.get("drop_prob")
    return isinstance(module, nn.RReLU) or any(isinstance(rate, float) and rate > 0 for rate in rates)
