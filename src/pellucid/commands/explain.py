"""`pellucid explain MODEL DATA`."""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pellucid.commands import options
from pellucid.commands.asking import Arguments, Wishes, arguments_of, check_methods
from pellucid.commands.data_files.kinds import data_of
from pellucid.commands.data_files.loaded import DataOptions
from pellucid.commands.ends import DOUBTS, Terminated, is_watched, say, write
from pellucid.commands.messages import in_options
from pellucid.commands.models.kinds import model_of
from pellucid.commands.models.loaded import ModelOptions
from pellucid.commands.outputs import Results, check_outputs, write_all
from pellucid.commands.prepared import Prepared, prepared
from pellucid.errors import PellucidWarning

if TYPE_CHECKING:
    from pellucid.explanation import Explanation


def explain(
    model: options.Model,
    data: options.Data,
    method: options.Method = None,
    target: options.Target = None,
    baseline: options.Baseline = "",
    background: options.BackgroundFile = "",
    source: options.Source = "",
    classes: options.Classes = "",
    settings: options.Settings = None,
    seed: options.Seed = 0,
    columns: options.Columns = "",
    drop: options.Drop = "",
    index: options.Index = "",
    rows: options.Rows = "",
    data_format: options.Format = "",
    key: options.Key = "",
    trust: options.Trust = False,
    class_name: options.Class = "",
    class_arguments: options.ClassArguments = "{}",
    tokenizer: options.Tokenizer = "",
    processor: options.Processor = "",
    device: options.Device = "auto",
    out: options.Out = None,
    plot: options.Plot = "",
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Explain what a model predicts of data: as tables here, or as files."""
    files = check_outputs(out or (), plot, several=len(method or ()) > 1 or len(target or ()) > 1)
    check_methods(method or ())
    with _unless_interrupted(), contextlib.redirect_stdout(sys.stderr):  # the output is for results alone
        ready = prepared(
            model_of(model, ModelOptions(trust=trust, class_name=class_name, class_arguments=class_arguments)),
            data_of(
                data,
                DataOptions(format=data_format, key=key, columns=columns, drop=drop, index=index, rows=rows),
            ),
            tokenizer=tokenizer,
            processor=processor,
            device=device,
        )
        wishes = Wishes(
            methods=method or (),
            targets=target or (),
            baseline=baseline,
            background=background,
            source=source,
            classes=classes,
            settings=settings or (),
            seed=seed,
        )
        arguments = arguments_of(wishes, ready)
        if not quiet:
            for note in (*ready.notes, f"{_size(ready)}, on {ready.device}"):
                say(note)
        with _told(ready.doubts, quiet=quiet) as doubts:
            results = _results(ready, arguments, plot, progress=not quiet and is_watched(sys.stderr))
            doubts += filter(None, map(_gap, results.several))
            write_all(results, files)
    _show(results, files, as_json=as_json, quiet=quiet)
    if doubts:
        raise typer.Exit(DOUBTS)


def _results(ready: Prepared, arguments: Arguments, plot: str, *, progress: bool) -> Results:
    import pellucid

    shown = {"progress": True} if progress else {}
    explanation = pellucid.explain(ready.model, ready.data.inputs, **{**shown, **arguments.values})
    if ready.data.names:
        explanation = _named(explanation, ready.data.names)
    asked = "".join(f", {name}={text}" for name, text in arguments.texts.items())
    lines = [
        "import pellucid",
        *ready.code,
        *ready.data.code,
        *arguments.code,
        f"explanation = pellucid.explain(model, inputs{asked})",
    ]
    return Results(explanation, "\n".join(dict.fromkeys(lines)) + "\n", plot)


def _gap(explanation: Explanation) -> str:
    """By how much values miss what they promise to add up to; "" where they do not."""
    from pellucid.explanation.explanation import gap_to_tell
    from pellucid.explanation.reading import reading_of

    return f"{explanation.method} {reading_of(explanation).sums}." if gap_to_tell(explanation).any() else ""


def _size(ready: Prepared) -> str:
    count = len(ready.data.inputs)
    noun = {"table": "row", "array": "row", "images": "image", "texts": "text"}[ready.data.kind]
    return f"{count} {noun}{'s' * (count != 1)}"


def _named(explanation: Any, names: Sequence[str]) -> Any:
    """An explanation, or several, whose examples have the names of the data's rows."""
    import pellucid

    if isinstance(explanation, pellucid.Comparison):
        return pellucid.Comparison({label: _named(one, names) for label, one in explanation.items()})
    if len(names) != len(explanation):
        return explanation
    first, *others = explanation.parts
    return replace(explanation, parts=(replace(first, index=tuple(names)), *others))


def _show(results: Results, files: Sequence[Path], *, as_json: bool, quiet: bool) -> None:
    if as_json:
        write(json.dumps(results.as_json(), indent=2) + "\n")
    elif not files and not quiet:
        from pellucid.commands.printing import text_of_results

        write(text_of_results(results.explanation))
    if files and not quiet:
        say(f"wrote {', '.join(map(str, files))}")


@contextlib.contextmanager
def _told(doubts: Sequence[str], *, quiet: bool) -> Iterator[list[str]]:
    """A `with` statement whose warnings are told after it; those of pellucid are doubts, which are its list."""
    listed = list(doubts)
    others: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield listed
    for warning in caught:
        is_own = issubclass(warning.category, PellucidWarning)
        (listed if is_own else others).append(in_options(str(warning.message)))
    if not quiet:
        for message in dict.fromkeys([*others, *listed]):
            say(f"{'in doubt' if message in listed else 'warning'}: {message}")


@contextlib.contextmanager
def _unless_interrupted() -> Iterator[None]:
    """A `with` statement whose interrupts say that nothing was written."""
    try:
        yield
    except (KeyboardInterrupt, Terminated) as interrupt:
        raise type(interrupt)("nothing was written") from interrupt
