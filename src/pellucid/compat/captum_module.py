"""A module of the `captum` that pellucid stands in for: what it holds, and what it says of a name that it lacks."""

from __future__ import annotations

import dis
import sys
from importlib import import_module
from types import FrameType, ModuleType
from typing import Any

from pellucid.compat.module_table import INSTEAD, MODULES
from pellucid.compat.real_captum import RealCaptum
from pellucid.errors import NotFound


class CaptumModule(ModuleType):
    """A module under one of Captum's paths, whose attributes are pellucid's objects.

    Those that pellucid lacks are Captum's own where the loader has it, and are refused otherwise.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        lender: RealCaptum | None = getattr(self.__loader__, "lender", None)
        if lender is None or not lender.has(self.__name__, name):
            raise _refusal(f"{self.__name__}.{name}", sys._getframe(1), lends=lender is not None)
        value = lender.lend(self.__name__, name)
        setattr(self, name, value)
        return value


def fill(module: ModuleType) -> None:
    """Give a module the objects that the table has under its path."""
    for source, names in MODULES.get(module.__name__, {}).items():
        home = import_module(f"pellucid.{source}")
        for entry in names.split():
            if entry == "*":
                vars(module).update({name: getattr(home, name) for name in home.__all__}, __all__=list(home.__all__))
            else:
                name, _, other = entry.partition("=")
                vars(module)[name] = getattr(home, other or name)


def _refusal(path: str, frame: FrameType, *, lends: bool) -> Exception:
    """What pellucid lacks, and what to use; an ImportError for who imports it, and nothing that `hasattr` lets pass.

    Args:
        path: The full name.
        frame: Who asks.
        lends: Whether Captum was asked, too.
    """
    hint = INSTEAD.get(path) or "pellucid.compat.install(fallback=True) takes it from an installed Captum."
    message = f"{path} is neither in pellucid nor in Captum." if lends else f"{path} is not in pellucid. Hint: {hint}"
    # `from module import name` would replace the message of an AttributeError by its own.
    imported = dis.opname[frame.f_code.co_code[frame.f_lasti]] == "IMPORT_FROM"
    return ImportError(message, name=path) if imported else NotFound(message)
