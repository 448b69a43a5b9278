"""A model, and how it was come by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final


@final
@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """What is said of MODEL besides its name.

    Args:
        trust: Whether files may be unpickled, which runs what code they hold.
        class_name: The class whose weights a file has, `package.module:Class`; "" where that is not said.
        class_arguments: Its arguments as JSON: an object, or a list.
    """

    trust: bool = False
    class_name: str = ""
    class_arguments: str = "{}"


@final
@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model.

    Args:
        model: The model.
        code: Lines of Python that make it, as `model`.
        folder: The folder of Hugging Face's that it is from, which has a tokenizer or a processor, too; "" for none.
        doubts: What is in doubt of it.
    """

    model: Any
    code: tuple[str, ...]
    folder: str = ""
    doubts: tuple[str, ...] = ()
