"""Folders as Hugging Face's `save_pretrained` writes them: weights in safetensors, and the tokenizer or processor."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pellucid.commands.models.loaded import LoadedModel, ModelOptions
from pellucid.commands.usage import UsageError
from pellucid.errors import InvalidFile

CLASSES = {"LMHeadModel": "AutoModelForCausalLM", "ForConditionalGeneration": "AutoModelForSeq2SeqLM"}
"""Classes of architectures whose names end otherwise than these; `BertForMaskedLM` is an `AutoModelForMaskedLM`."""


def model_of_folder(text: str, options: ModelOptions) -> LoadedModel:
    """The model of a folder, by the class that its configuration names; no code in the folder is run.

    Args:
        text: The folder.
        options: Whether weights that are pickled are trusted.

    Raises:
        UsageError: The folder has no such model, or only pickled weights, which are not trusted.
    """
    import transformers

    folder = Path(text)
    name = _class_name(folder)
    is_safe = any(folder.glob("*.safetensors"))
    if not is_safe and any(folder.glob("*.bin")) and not options.trust:
        raise UsageError(
            f"MODEL {text}: its weights are pickled (.bin), and unpickling runs whatever code they hold. "
            "Hint: a folder with safetensors, or --trust, if it is from someone you trust."
        )
    log: Any = transformers.logging
    log.set_verbosity_error()
    log.disable_progress_bar()
    kind: Any = getattr(transformers, name, transformers.AutoModel)
    try:
        model, loading = kind.from_pretrained(
            text,
            use_safetensors=is_safe,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError) as error:
        raise InvalidFile(f"{text}: transformers cannot load it: {' '.join(str(error).split())}") from error
    missing = sorted(loading["missing_keys"])
    doubts = (f"{text} lacks {len(missing)} weights of {name}, which are random: {missing[0]} ...",) if missing else ()
    code = ("import transformers", f"model = transformers.{kind.__name__}.from_pretrained({text!r}).eval()")
    return LoadedModel(model=model, code=code, folder=text, doubts=doubts)


def _class_name(folder: Path) -> str:
    """The class of transformers' that suits the architecture of a configuration.

    Raises:
        UsageError: There is no configuration.
        InvalidFile: It is none.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise UsageError(f"MODEL {folder}: a folder must have a config.json, as Hugging Face's have.")
    try:
        configuration = json.loads(file.read_text(encoding="utf-8"))
        architecture = (configuration.get("architectures") or [""])[0]
    except (ValueError, AttributeError) as error:
        raise InvalidFile(f"{file}: it is no configuration of a model ({type(error).__name__}).") from error
    special = next((name for ending, name in CLASSES.items() if architecture.endswith(ending)), "")
    task = re.search(r"For[A-Z].*$", architecture)
    return special or (f"AutoModel{task[0]}" if task else "AutoModel")
