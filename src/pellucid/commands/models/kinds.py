"""Which kind of MODEL a text names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from pellucid.commands.models.attribute import model_of_attribute
from pellucid.commands.models.hugging_face import model_of_folder
from pellucid.commands.models.loaded import LoadedModel, ModelOptions
from pellucid.commands.models.state_dict import model_of_safetensors
from pellucid.commands.models.trusted import model_of_export, model_of_pickle
from pellucid.commands.usage import UsageError

Reader: TypeAlias = Callable[[str, ModelOptions], LoadedModel]

FILES: Mapping[str, Reader] = {
    ".safetensors": model_of_safetensors,
    ".pt2": model_of_export,
    ".pt": model_of_pickle,
    ".pth": model_of_pickle,
    ".bin": model_of_pickle,
    ".ts": model_of_pickle,
    ".torchscript": model_of_pickle,
}
"""What reads a model of a file, by its suffix."""


def model_of(text: str, options: ModelOptions) -> LoadedModel:
    """The model that a user means.

    Args:
        text: What was typed as MODEL.
        options: What else is said of it.

    Raises:
        UsageError: It is nothing that models are read of.
        InvalidFile: It is a file or folder, and not what it should be.
    """
    path = Path(text)
    if path.is_dir():
        return model_of_folder(text, options)
    reader = FILES.get(path.suffix.lower())
    if reader is not None:
        if not path.is_file():
            raise UsageError(f"MODEL: there is no file {text}.")
        return reader(text, options)
    if ":" in text:
        return model_of_attribute(text, options)
    hint = f" Hint: {text}:model, the name of the model in it." if path.suffix == ".py" else ""
    raise UsageError(
        f"MODEL must be package.module:attribute, file.py:attribute, a folder of Hugging Face's, or a file that ends "
        f"in {', '.join(FILES)}: got {text!r}.{hint}"
    )
