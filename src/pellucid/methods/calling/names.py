"""What Captum calls the arguments, and what the methods here call the same: one table for all that is said of them."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable
from typing import Any

from pellucid.errors import WrongType

METHOD_NAMES = {
    "abs": "absolute",
    "custom_attribution_func": "custom",
    "distance_mode": "distance",
    "draw_baseline_from_distrib": "draw_baselines",
    "interpretable_model": "model",
    "kernel_width": "width",
    "method": "rule",
    "n_samples": "samples",
    "n_steps": "steps",
    "nt_samples": "samples",
    "nt_samples_batch_size": "per_call",
    "nt_type": "average",
    "perm_func": "permutation",
    "perturb_func": "perturbation",
    "return_convergence_delta": "delta",
    "return_stderr": "stderr",
    "similarity_func": "similarity",
    "sliding_window_shapes": "windows",
}
"""Captum's names of hyperparameters and, where they differ, those of the fields and arguments here."""

_CAPTUM_NAMES = re.compile(r"^method(?= must be)|\b(?:" + "|".join(METHOD_NAMES.keys() - {"abs", "method"}) + r")\b")


def in_own_names(message: str) -> str:
    """A message in the names that the methods have here, as errors are raised in those of Captum."""
    return _CAPTUM_NAMES.sub(lambda found: METHOD_NAMES[found[0]], message)


def told_of_captums_names(*classes: type[Any]) -> None:
    """Have dataclasses say what they call an argument that is given by its name in Captum."""
    for cls in classes:
        cls.__init__ = _telling(cls, cls.__init__)


def _telling(cls: type[Any], made: Callable[..., None]) -> Callable[..., None]:
    names = {field.name for field in dataclasses.fields(cls)}

    @functools.wraps(made)
    def telling(self: Any, *args: Any, **kwargs: Any) -> None:
        for name in kwargs.keys() - names:
            if METHOD_NAMES.get(name) in names:
                raise WrongType(f"{cls.__name__} has no {name}: it is called {METHOD_NAMES[name]} here.")
        made(self, *args, **kwargs)

    return telling
