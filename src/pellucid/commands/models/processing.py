"""What makes tensors of texts and images: of the model's own folder, or as `--tokenizer` and `--processor` say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid.commands.models.attribute import attribute_of
from pellucid.commands.usage import UsageError
from pellucid.errors import InvalidFile

CLASSES = {"tokenizer": "AutoTokenizer", "processor": "AutoImageProcessor"}


def processing_of(what: str, text: str, folder: str) -> tuple[Any, tuple[str, ...]]:
    """A tokenizer or a processor, and lines of Python that make it.

    Args:
        what: Which of them, `tokenizer` or `processor`.
        text: A folder of Hugging Face's, or `module:attribute`; "" for the model's own.
        folder: The model's folder; "" where it has none.

    Raises:
        UsageError: There is no such thing.
        InvalidFile: The folder has none.
    """
    if text and not Path(text).is_dir():
        if ":" not in text:
            raise UsageError(f"--{what} must be a folder or package.module:attribute: got {text!r}.")
        home, _, name = text.rpartition(":")
        of_file = home.endswith(".py")
        code = (
            ("import runpy", f'{what} = runpy.run_path({home!r})["{name}"]')
            if of_file
            else (f"import {home}", f"{what} = {home}.{name}")
        )
        return attribute_of(text, f"--{what}"), code
    home = text or folder
    if not home:
        return None, ()
    import transformers

    name = CLASSES[what]
    try:
        found = getattr(transformers, name).from_pretrained(home, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # whatever a folder without one leads to
        if text or what == "tokenizer":
            said = " ".join(str(error).split())[:200]
            raise InvalidFile(f"{home}: transformers finds no {what} in it ({said}). Hint: --{what} FOLDER.") from error
        return _none()
    return found, ("import transformers", f"{what} = transformers.{name}.from_pretrained({home!r})")


def _none() -> tuple[Any, tuple[str, ...]]:
    """No processor: images go in as they are."""
    return None, ()
