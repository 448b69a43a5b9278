"""An installed Captum, loaded out of everybody's sight, to lend what pellucid lacks.

Its modules are not in `sys.modules`, where pellucid's have their names. Imports inside of them, whenever they run, lead
to each other all the same, as the `__import__` of their own builtins sees to that.
"""

from __future__ import annotations

import builtins
import logging
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec, resolve_name
from types import ModuleType
from typing import Any

from pellucid.errors import AROUND_ITS_OWN, NotSupported

LOGGER = logging.getLogger("pellucid.compat")
_AROUND = ' It takes methods of Captum\'s own: pellucid.compat.captum_itself("captum.attr") has them.'


class RealCaptum:
    """Captum as it is installed.

    Raises:
        NotSupported: It is not.
    """

    def __init__(self) -> None:
        self._root = _installed()
        self._modules: dict[str, ModuleType] = {}
        self._lent: set[tuple[str, str]] = set()
        self._lock = threading.RLock()
        self._builtins = {**vars(builtins), "__import__": self._import}

    def module(self, path: str) -> ModuleType:
        """The module of a path, `captum.attr`, which is loaded if it is not yet.

        Raises:
            ModuleNotFoundError: There is none.
        """
        with self._lock:
            return self._modules.get(path) or self._load(path)

    def find(self, path: str) -> ModuleSpec | None:
        """Where a module is, if there is one."""
        package, _, _ = path.rpartition(".")
        if not package:
            return self._root
        folders = getattr(self.module(package), "__path__", []) if self.find(package) else []
        return PathFinder.find_spec(path, folders)

    def has(self, path: str, name: str) -> bool:
        """Whether it has a module of this path, and in it this name."""
        return self.find(path) is not None and hasattr(self.module(path), name)

    def lend(self, path: str, name: str) -> Any:
        """The object of a name in a module; that it is Captum's is logged, once."""
        with self._lock:
            if (path, name) not in self._lent:
                self._lent.add((path, name))
                version = getattr(self.module("captum"), "__version__", "?")
                around = _AROUND if name in AROUND_ITS_OWN else ""
                LOGGER.warning("%s.%s is lent by Captum %s: pellucid has none.%s", path, name, version, around)
        return getattr(self.module(path), name)

    def _load(self, path: str) -> ModuleType:
        package, _, name = path.rpartition(".")
        spec = self.find(path)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {path!r}", name=path)
        module = module_from_spec(spec)
        vars(module)["__builtins__"] = self._builtins
        self._modules[path] = module
        try:
            if spec.loader is not None:  # as a folder without an __init__.py has none
                spec.loader.exec_module(module)
        except BaseException:
            del self._modules[path]
            raise
        if package:
            setattr(self._modules[package], name, module)
        return module

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """What an import statement in one of the modules does: Python's own, but for Captum's own modules."""
        path = resolve_name("." * level + name, (globals or {}).get("__package__"))
        if path.partition(".")[0] != "captum":
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        module = self.module(path)
        for leaf in fromlist or ():
            if not hasattr(module, leaf) and self.find(f"{path}.{leaf}"):
                self.module(f"{path}.{leaf}")
        return module if fromlist else self.module("captum")


def captum_itself(path: str = "captum") -> ModuleType:
    """A module of an installed Captum, while pellucid stands in for it: to compare, or for what must be Captum's own.

    Args:
        path: The module's path.

    Returns:
        The module; it is not the one that `import` gives.

    Raises:
        NotSupported: Captum is not installed.
        ModuleNotFoundError: It has no such module.
    """
    return real_captum().module(path)


def real_captum() -> RealCaptum:
    """The one of this process, as every object of Captum's must be there once."""
    with _LOCK:
        if not _FOUND:
            _FOUND.append(RealCaptum())
        return _FOUND[0]


_LOCK = threading.Lock()
_FOUND: list[RealCaptum] = []


def _installed() -> ModuleSpec:
    """Where Captum is: the first package of its name that has something in it, as `pellucid-as-captum` has not."""
    for spec in _candidates():
        if PathFinder.find_spec("captum.attr", spec.submodule_search_locations):
            return spec
    raise NotSupported("Captum is to lend what pellucid lacks, and is not installed. Hint: pip install captum==0.9.0")


def _candidates() -> Iterator[ModuleSpec]:
    """What finders find, and each folder in which Python looks; pellucid's own has no folder."""
    specs = [finder.find_spec("captum", None) for finder in sys.meta_path]
    specs += [PathFinder.find_spec("captum", [folder]) for folder in sys.path]
    yield from (spec for spec in specs if spec is not None and spec.submodule_search_locations)
