"""Attributes of modules and files of Python: `package.module:attribute`, `file.py:attribute`, `file.py:make()`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from pellucid.commands.messages import raised
from pellucid.commands.models.loaded import LoadedModel, ModelOptions
from pellucid.commands.usage import CommandError, UsageError, not_among


class ImportFailed(CommandError):
    """A module of the user's could not be imported; the message says why."""


def model_of_attribute(text: str, options: ModelOptions) -> LoadedModel:
    """A model by the module that it is in, and its name there.

    Args:
        text: Both, with a colon between.
        options: Of no use here.

    Raises:
        UsageError: There is no such thing.
    """
    model = attribute_of(text, "MODEL")
    if inspect.isclass(model):
        raise UsageError(f"MODEL {text}: it is a class. Hint: {text}() calls it without arguments.")
    return LoadedModel(model=model, code=(*_code(text),))


def attribute_of(text: str, what: str) -> Any:
    """What a module, or a file of Python, has under a name; with `()` behind, what that returns.

    The current folder, and that of a file, can be imported from.

    Args:
        text: The module or file, and the name, with a colon between.
        what: The argument that it is.

    Raises:
        UsageError: There is no such module, file or name.
        ImportFailed: The module raised an exception.
    """
    home, _, path = text.rpartition(":")
    is_called, path = path.endswith("()"), path.removesuffix("()")
    if not home or not all(name.isidentifier() for name in path.split(".")):
        raise UsageError(f"{what} must be package.module:attribute or file.py:attribute: got {text!r}.")
    value: Any = _module_of(home, what)
    for name in path.split("."):
        if not hasattr(value, name):
            raise not_among(f"{what} {text}: the name", [entry for entry in vars(value) if entry[0] != "_"], name)
        value = getattr(value, name)
    return value() if is_called else value


def _module_of(home: str, what: str) -> ModuleType:
    if home.endswith(".py"):
        file = Path(home)
        if not file.is_file():
            raise UsageError(f"{what}: there is no file {home}.")
        import_from(file.parent)
        known = sys.modules.get(file.stem)
        if known is not None and getattr(known, "__file__", None) == str(file.resolve()):
            return known
        return _imported_file(file, file.stem if known is None else f"{file.stem} of {file.parent.resolve()}")
    import_from(Path())
    try:
        return importlib.import_module(home)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{home}.".startswith(f"{error.name}."):
            hint = f" Hint: {home}.py:..." if Path(f"{home}.py").is_file() else ""
            raise UsageError(f"{what}: there is no module {error.name!r} here, nor installed.{hint}") from error
        raise ImportFailed(f"importing {home} failed: {raised(error)}") from error
    except Exception as error:
        raise ImportFailed(f"importing {home} failed: {raised(error)}") from error


def _imported_file(file: Path, name: str) -> ModuleType:
    """A module of a file, which modules that it is unpickled by or that import it find under its name."""
    specification = importlib.util.spec_from_file_location(name, file.resolve())
    if specification is None or specification.loader is None:
        raise ImportFailed(f"{file} is no file of Python.")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ImportFailed(f"importing {file} failed: {raised(error)}") from error
    return module


def import_from(folder: Path) -> None:
    """Have modules in a folder be found, as Python does for the script that it runs.

    Args:
        folder: The folder.
    """
    path = os.path.abspath(folder)
    if path not in sys.path:
        sys.path.insert(0, path)


def _code(text: str) -> list[str]:
    home, _, path = text.rpartition(":")
    if home.endswith(".py"):
        first, *further = path.split(".")
        called = "()" * first.endswith("()")
        rest = "".join(f".{name}" for name in further)
        return ["import runpy", f'model = runpy.run_path({home!r})["{first.removesuffix("()")}"]{called}{rest}']
    return [f"import {home}", f"model = {home}.{path}"]
