"""Errors as one line in the words of the command line."""

from __future__ import annotations

import re
import sysconfig
import traceback
from pathlib import Path

from pellucid.commands.usage import CommandError
from pellucid.errors import PellucidError

WORDS = {
    "inputs": "DATA",
    "model": "MODEL",
    "target": "--target",
    "method": "--method",
    "baselines": "--baseline",
    "background": "--background",
    "source": "--source",
    "class_names": "--classes",
    "seed": "--seed",
    "tokenizer": "--tokenizer",
    "processor": "--processor",
}
"""Arguments of `pellucid.explain`, and what the command line calls them."""

PHRASES = {
    "model.id2label = {0: 'cat', ...} names classes": "--classes cat,dog names classes",
    "baselines themselves": "the baselines themselves",
    "baselines=inputs.mode().iloc[0], or pellucid.methods.Background(rows) of a frame": "--baseline FILE",
    "baselines=inputs.mode().iloc[0], or baselines=training_data, which is": "--baseline FILE, whose rows are",
    "baselines=tokenizer.mask_token_id": "--baseline mask_token",
    "background=training_data": "--background FILE",
    "pellucid.methods.table()": "pellucid methods",
    "target=None where there is one value per example": "no --target where there is one value per example",
}
"""What messages say in Python, and how it is typed."""

LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})
"""Where files are that are not the user's."""

OWN = str(Path(__file__).parents[1])

DEBUG = "Hint: PELLUCID_DEBUG=1 shows where."


def in_options(message: str) -> str:
    """A message of the library, whose arguments have the names of options: `Hint: --set n_steps=100`.

    An argument begins a sentence, stands in code, or before `=`; what follows another word is prose.

    Args:
        message: The message.
    """
    for phrase, words in PHRASES.items():
        message = message.replace(phrase, words)
    message = re.sub(r" \[inputs: .*\]$", "", " ".join(message.split())).removeprefix("explain: ")
    for name, option in WORDS.items():
        word = rf"(?<![\w.'\"\[(-]){name}(?![\w'\"])"
        message = re.sub(rf"(?<!\w )(?<!, ){word}|{word}(?==)", option, message)
    message = re.sub(r"(--[a-z]+)=(\.\.\.|(?=[\s,]))", r"\1", message)
    said, hint, what = message.partition("Hint: ")
    return said + hint + re.sub(r"(?<![\w.(\[-])([a-z_]+)=(?=[\w'(\[{.])", r"--set \1=", what)


def message_of(error: BaseException) -> str:
    """What went wrong, in one line.

    Args:
        error: What a command raised.
    """
    if isinstance(error, PellucidError):
        return in_options(str(error))
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, CommandError | ModuleNotFoundError) or not isinstance(error, Exception):
        return str(error)
    notes = " ".join(getattr(error, "__notes__", ()))
    if "pellucid's" not in notes:
        return f"{raised(error)} {DEBUG}"
    _, _, hint = notes.partition(" Hint: ")
    return f"MODEL raised {raised(error)} {in_options(f'Hint: {hint}') if hint else DEBUG}"


def raised(error: BaseException) -> str:
    """An exception in one line, `ValueError in churn.py, line 12: too small`, and a full stop.

    Args:
        error: The exception.
    """
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    said = f"{type(error).__name__}{_place(error)}: {text}" if text else f"{type(error).__name__}{_place(error)}"
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _place(error: BaseException) -> str:
    """The last line of the user's own files on the way to an exception; "" where there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" in {Path(error.filename).name}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if _is_users(frame.filename)]
    return f" in {Path(theirs[-1].filename).name}, line {theirs[-1].lineno}" if theirs else ""


def _is_users(file: str) -> bool:
    return not file.startswith((*LIBRARIES, OWN, "<"))
