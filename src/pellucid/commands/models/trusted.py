"""Files that torch unpickles: whole models, TorchScript and exported programs."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

from pellucid.commands.models.attribute import import_from
from pellucid.commands.models.loaded import LoadedModel, ModelOptions
from pellucid.commands.models.state_dict import model_of_state_dict
from pellucid.commands.usage import UsageError
from pellucid.errors import InvalidFile


def model_of_export(text: str, options: ModelOptions) -> LoadedModel:
    """A program that `torch.export.save` wrote.

    Args:
        text: The file.
        options: Whether it is trusted.

    Raises:
        UsageError: It is not.
        InvalidFile: It is no such file.
    """
    _check_trust(text, options)
    import torch.export

    try:
        program = torch.export.load(text)
    except Exception as error:
        raise InvalidFile(f"{text}: torch.export cannot load it: {type(error).__name__}.") from error
    model: Any = program.module()
    for module in model.modules():
        module.training = False  # which was decided when it was exported, and cannot be any more
    return LoadedModel(model=model, code=("import torch", f"model = torch.export.load({text!r}).module()"))


def model_of_pickle(text: str, options: ModelOptions) -> LoadedModel:
    """A model that `torch.save` or `torch.jit.save` wrote; weights alone where there is a class for them.

    Args:
        text: The file.
        options: Whether it is trusted; the class of weights.

    Raises:
        UsageError: It is not trusted, or holds weights and the class is not said.
        InvalidFile: It is no such file.
    """
    if options.class_name:
        return model_of_state_dict(text, options)
    _check_trust(text, options)
    import torch

    if _is_script(text):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that of torch.jit, of which users of old files know
            load: Any = torch.jit.load
            model = load(text, map_location="cpu")
        return LoadedModel(model=model, code=("import torch", f'model = torch.jit.load({text!r}, map_location="cpu")'))
    import_from(Path())  # where the classes of the model may be
    try:
        model = torch.load(text, map_location="cpu", weights_only=False)
    except Exception as error:
        hint = " Hint: run it where the classes of the model can be imported." if _is_of_modules(error) else ""
        raise InvalidFile(f"{text}: torch.load failed: {type(error).__name__}: {error}.{hint}") from error
    if isinstance(model, dict):
        raise UsageError(f"MODEL {text} holds weights alone. Hint: --class package.module:Class, without --trust.")
    return LoadedModel(
        model=model, code=("import torch", f'model = torch.load({text!r}, map_location="cpu", weights_only=False)')
    )


def _check_trust(text: str, options: ModelOptions) -> None:
    """Check that a file may be unpickled.

    Raises:
        UsageError: That was not said.
    """
    if not options.trust:
        weights = "" if text.endswith(".pt2") else "; or --class package.module:Class, if it holds weights alone"
        raise UsageError(
            f"MODEL {text}: torch unpickles such files, which runs whatever code they hold. "
            f"Hint: --trust, if it is from someone you trust{weights}."
        )


def _is_script(text: str) -> bool:
    """Whether a file is TorchScript, which has its code beside its weights."""
    if not zipfile.is_zipfile(text):
        return False
    with zipfile.ZipFile(text) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _is_of_modules(error: Exception) -> bool:
    return isinstance(error, ImportError | AttributeError)
