"""pellucid shows why a PyTorch model predicts what it predicts.

* [pellucid.explain][]: an explanation of any model's predictions, to look at, compare, keep and trust.
* [pellucid.attr][]: every attribution method under the names, arguments and numbers of Captum 0.9.
* [pellucid.methods][]: the same methods as frozen dataclasses over the engine, with standard errors.
* [pellucid.metrics][]: how far to trust attributions; [pellucid.robust][]: attacks; [pellucid.module][]: gates.
* [pellucid.plot][]: pictures; [pellucid.pages][]: pages.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    from pellucid import attr, errors, methods, metrics, module, pages, plot, robust, targets, zoo
    from pellucid.explanation import (
        Auto,
        Capability,
        Check,
        Comparison,
        Explanation,
        Verdict,
        can_explain,
        explain,
        load,
    )

__all__ = [
    "Auto",
    "Capability",
    "Check",
    "Comparison",
    "Explanation",
    "Verdict",
    "__version__",
    "attr",
    "can_explain",
    "errors",
    "explain",
    "load",
    "methods",
    "metrics",
    "module",
    "pages",
    "plot",
    "robust",
    "targets",
    "zoo",
]

__version__ = "0.1.0"

_ROOMS = ("attr", "errors", "methods", "metrics", "module", "pages", "plot", "robust", "targets", "zoo")


def __getattr__(name: str) -> typing.Any:
    """What is imported once it is asked for, so that `import pellucid` takes next to no time."""
    if name in _ROOMS:
        return importlib.import_module(f"pellucid.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'pellucid' has no attribute {name!r}")
    value = getattr(importlib.import_module("pellucid.explanation"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
