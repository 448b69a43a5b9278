"""The finder that has Python import pellucid's objects under Captum's paths."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, DistributionFinder
from importlib.util import module_from_spec
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import final

from pellucid.compat.captum_module import CaptumModule, fill
from pellucid.compat.module_table import ALIASES, MODULES, VERSION
from pellucid.compat.real_captum import RealCaptum, real_captum
from pellucid.errors import NotSupported


@final
class CaptumFinder(DistributionFinder, Loader):
    """Finds and loads the modules of the table, and those that an installed Captum lends."""

    lender: RealCaptum | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module of Captum's, if it is here."""
        if fullname in MODULES:
            return self._spec(fullname)
        lent = self.lender.find(fullname) if self.lender and fullname.startswith("captum.") else None
        return lent and ModuleSpec(fullname, self, is_package=lent.submodule_search_locations is not None)

    def create_module(self, spec: ModuleSpec) -> CaptumModule:
        """A module that says what it lacks."""
        return CaptumModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Fill a module; with `captum` all others, so that no import of one waits for another thread's."""
        fill(module)
        if module.__name__ == "captum":
            vars(module)["__version__"] = VERSION
            sys.modules.update({path: self._filled(path) for path in MODULES if path != "captum"})
            for path in [*MODULES, *ALIASES]:
                package, _, name = path.rpartition(".")
                if package:
                    setattr(sys.modules[package], name, sys.modules[ALIASES.get(path, path)])

    def _spec(self, path: str) -> ModuleSpec:
        package = any(name.startswith(f"{path}.") for name in MODULES)
        return ModuleSpec(path, self, origin="pellucid.compat", is_package=package)

    def _filled(self, path: str) -> ModuleType:
        module = module_from_spec(self._spec(path))
        fill(module)
        return module

    def find_distributions(self, context: DistributionFinder.Context | None = None) -> Iterable[Distribution]:
        """Captum's metadata, for those who ask for the version of what is installed."""
        return [_Metadata()] if context is not None and context.name == "captum" else []


class _Metadata(Distribution):
    """What `importlib.metadata` says of a distribution named captum."""

    def read_text(self, filename: str) -> str | None:
        return f"Metadata-Version: 2.1\nName: captum\nVersion: {VERSION}\n" if filename == "METADATA" else None

    def locate_file(self, path: str | PathLike[str]) -> Path:
        return Path(path)


FINDER = CaptumFinder()
_LOCK = threading.RLock()


def install(*, fallback: bool = False) -> None:
    """Have `import captum` in this process give pellucid's objects under Captum's paths, with Captum's defaults.

    To be called before anything imports Captum; again changes nothing, but for a `fallback` that is asked for.

    Args:
        fallback: Whether an installed Captum lends what pellucid lacks; each name is logged, once.

    Raises:
        NotSupported: Captum itself is imported already; or is to lend, and is not installed.

    Examples:
        >>> from pellucid import compat
        >>> compat.install()  # doctest: +SKIP
        >>> from captum.attr import Saliency  # doctest: +SKIP
    """
    with _LOCK:
        if "captum" in sys.modules and not isinstance(sys.modules["captum"], CaptumModule):
            raise NotSupported(
                "captum is imported already, and pellucid cannot stand in for it any more. "
                "Hint: call pellucid.compat.install() before anything imports captum, or python -m pellucid.compat."
            )
        if fallback:
            FINDER.lender = real_captum()
        if FINDER not in sys.meta_path:
            sys.meta_path.insert(0, FINDER)


def uninstall() -> None:
    """Undo `install`: what is imported from now on is Captum's own; what was imported stays as it is."""
    with _LOCK:
        FINDER.lender = None
        if FINDER in sys.meta_path:
            sys.meta_path.remove(FINDER)
        for path in [path for path, module in sys.modules.items() if isinstance(module, CaptumModule)]:
            del sys.modules[path]
