"""What options ask, as the arguments of `pellucid.explain`."""

from __future__ import annotations

import io
import json
import re
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, final

from pellucid.commands.data_files.columns import listed
from pellucid.commands.data_files.kinds import data_of
from pellucid.commands.data_files.loaded import DataOptions
from pellucid.commands.messages import WORDS
from pellucid.commands.names import METHODS
from pellucid.commands.prepared import Prepared, as_model_takes
from pellucid.commands.usage import UsageError, not_among

BASELINES = ("zero", "mean", "median", "blur", "uniform", "mask_token")
"""Baselines by name."""


@final
@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is asked of the model, as it was typed; see `pellucid explain --help`."""

    methods: Sequence[str] = ()
    targets: Sequence[str] = ()
    baseline: str = ""
    background: str = ""
    source: str = ""
    classes: str = ""
    settings: Sequence[str] = ()
    seed: int = 0


@final
@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Arguments of `pellucid.explain`, and how they are written in Python.

    Args:
        values: By their names.
        code: Lines that make those that are files.
        texts: How each is written, by its name.
    """

    values: dict[str, Any] = field(default_factory=dict)
    code: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, value: Any, text: str = "") -> None:
        """Have an argument.

        Args:
            name: Its name.
            value: Its value.
            text: How that is written; "" for its `repr`.
        """
        self.values[name] = value
        self.texts[name] = text or repr(value)


def check_methods(methods: Sequence[str]) -> None:
    """Check that there are methods of these names, in whatever case, with underscores or without.

    Args:
        methods: The names.

    Raises:
        UsageError: There is none of one of them.
    """
    for name in methods:
        if _letters(name) not in map(_letters, METHODS):
            raise not_among("--method", METHODS, name)


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def arguments_of(wishes: Wishes, ready: Prepared) -> Arguments:
    """The arguments that are asked for.

    Args:
        wishes: What was typed.
        ready: The model and the data that they are for.

    Raises:
        UsageError: Something that was typed cannot be meant.
        InvalidFile: A file is not what it should be.
    """
    arguments = Arguments()
    if wishes.targets:
        targets = list(map(target_of, wishes.targets))
        _put_targets(arguments, targets)
    methods = list(dict.fromkeys(wishes.methods))
    if methods:
        arguments.put("method", methods[0] if len(methods) == 1 else methods)
    if wishes.source:
        arguments.put("source", wishes.source)
    if wishes.classes:
        arguments.put("class_names", listed(wishes.classes))
    if wishes.seed:
        arguments.put("seed", wishes.seed)
    if wishes.baseline:
        _put_baseline(arguments, wishes.baseline, ready)
    if wishes.background:
        rows, code = _rows("--background", wishes.background, ready)
        arguments.code.extend(_of_name(line, "background") for line in code)
        arguments.put("background", rows, "background")
    for name, value in settings_of(wishes.settings).items():
        arguments.put(name, value)
    for name, maker in ready.processing.items():
        arguments.put(name, maker, name)
    return arguments


def target_of(text: str) -> Any:
    """A target: the number of an output, several for one of more dimensions, or the name of a class.

    Args:
        text: As it was typed.
    """
    numbers = [number.strip() for number in text.split(",")]
    if all(number.removeprefix("-").isdecimal() for number in numbers):
        return int(text) if len(numbers) == 1 else tuple(map(int, numbers))
    return text


def settings_of(pairs: Sequence[str]) -> dict[str, Any]:
    """Parameters of their names and values, which are JSON, or else texts.

    Args:
        pairs: NAME=VALUE each.

    Raises:
        UsageError: One is no such pair, or there is an option of its own for it.
    """
    values = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--set must be NAME=VALUE: got {pair!r}.")
        if name in WORDS:
            raise UsageError(f"--set {name}=...: it has an option of its own. Hint: {WORDS[name]}.")
        values[name] = _json_or_text(text)
    return values


def _json_or_text(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return str(text)
    return tuple(value) if isinstance(value, list) and all(isinstance(entry, int) for entry in value) else value


def _put_targets(arguments: Arguments, targets: list[Any]) -> None:
    if len(targets) == 1:
        arguments.put("target", targets[0])
        return
    from pellucid.targets import Several

    arguments.code.append("import pellucid.targets")
    arguments.put("target", Several(targets), f"pellucid.targets.Several({targets!r})")


def _put_baseline(arguments: Arguments, text: str, ready: Prepared) -> None:
    """What stands for the absence of information: a name, a number, or the rows of a file."""
    number = _number(text)
    if text in BASELINES or number is not None:
        arguments.put("baselines", text if number is None else number)
        return
    if not Path(text).exists():
        raise not_among("--baseline", (*BASELINES, "a number", "a file"), text)
    rows, code = _rows("--baseline", text, ready)
    arguments.code.extend(_of_name(line, "baselines") for line in code)
    if hasattr(rows, "__len__") and not isinstance(rows, Mapping) and 1 < len(rows) == len(ready.data.inputs):
        from pellucid.methods import Background  # as many rows as examples would be one for each

        arguments.put("baselines", Background(rows), "pellucid.methods.Background(baselines)")
    else:
        arguments.put("baselines", rows, "baselines")


def _of_name(line: str, name: str) -> str:
    """A line of Python that makes `inputs`, under another name; texts in it stay as they are."""
    tokens = tokenize.generate_tokens(io.StringIO(line).readline)
    places = [token.start[1] for token in tokens if token.type == tokenize.NAME and token.string == "inputs"]
    for place in reversed(places):
        line = line[:place] + name + line[place + len("inputs") :]
    return line


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) else None


def _rows(option: str, text: str, ready: Prepared) -> tuple[Any, tuple[str, ...]]:
    """The rows of a file like DATA, of the same columns, and lines of Python."""
    data = data_of(text, DataOptions(), option)
    if data.kind != ready.data.kind or data.kind == "texts":
        raise UsageError(f"{option} {text} must hold what DATA holds, {ready.data.kind}: got {data.kind}.")
    if data.kind == "table":
        columns = list(ready.data.inputs.columns)
        missing = [column for column in columns if column not in data.inputs.columns]
        if missing:
            raise UsageError(f"{option} {text} must have all columns that MODEL takes: {missing[0]!r} is missing.")
        data = replace(data, inputs=data.inputs[columns], code=(*data.code, f"inputs = inputs[{columns!r}]"))
    data = as_model_takes(data, ready.model, has_processor=bool(ready.processing))
    if data.kind == "images" and ready.processing:
        from pellucid.data.processing import processed

        return processed(data.inputs, ready.model, processor=ready.processing["processor"]), data.code
    return data.inputs, data.code
