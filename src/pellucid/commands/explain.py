"""`pellucid explain MODEL DATA`."""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pellucid.commands import options
from pellucid.commands.asking import check_methods
from pellucid.commands.ends import DOUBTS, Terminated, is_watched, say, write
from pellucid.commands.messages import in_options
from pellucid.commands.outputs import Results, check_outputs, write_all
from pellucid.commands.taking import taking
from pellucid.commands.typed_question import TypedQuestion
from pellucid.errors import PellucidWarning

if TYPE_CHECKING:
    from pellucid.explanation import Explanation


@taking(
    options.ASKED,
    {
        "out": (options.Out, None),
        "plot": (options.Plot, ""),
        "as_json": (options.AsJson, False),
        "quiet": (options.Quiet, False),
    },
)
def explain(typed: Mapping[str, Any]) -> None:
    """Explain what a model predicts of data: as tables here, or as files."""
    methods, targets, quiet = typed["method"] or (), typed["target"] or (), typed["quiet"]
    files = check_outputs(typed["out"] or (), typed["plot"], several=len(methods) > 1 or len(targets) > 1)
    check_methods(methods)
    with unless_interrupted(), contextlib.redirect_stdout(sys.stderr):  # the output is for results alone
        asked = TypedQuestion.of(typed)
        with told(asked.ready.doubts, quiet=quiet) as doubts:
            explanation = explained(asked, progress=not quiet and is_watched(sys.stderr))
            results = Results(explanation, asked.code("explanation = pellucid.explain(ASKED)"), typed["plot"])
            doubts += filter(None, map(_gap, results.several))
            write_all(results, files)
    show(results, files, as_json=typed["as_json"], quiet=quiet)
    if doubts:
        raise typer.Exit(DOUBTS)


def explained(asked: TypedQuestion, *, progress: bool) -> Any:
    """The explanation, or several, whose examples have the names of the data's rows.

    Args:
        asked: The question.
        progress: Whether a bar says how far it is.
    """
    import pellucid

    shown = {"progress": True} if progress else {}
    data = asked.ready.data
    explanation = pellucid.explain(asked.ready.model, data.inputs, **{**shown, **asked.arguments.values})
    return _named(explanation, data.names) if data.names else explanation


def _gap(explanation: Explanation) -> str:
    """By how much values miss what they promise to add up to; "" where they do not."""
    from pellucid.explanation.explanation import gap_to_tell
    from pellucid.explanation.reading import reading_of

    return f"{explanation.method} {reading_of(explanation).sums}." if gap_to_tell(explanation).any() else ""


def _named(explanation: Any, names: Sequence[str]) -> Any:
    """An explanation, or several, whose examples have the names of the data's rows."""
    import pellucid
    from pellucid.explanation.explanation import replaced

    if isinstance(explanation, pellucid.Comparison):
        return pellucid.Comparison({label: _named(one, names) for label, one in explanation.items()})
    if len(names) != len(explanation):
        return explanation
    first, *others = explanation.parts
    return replaced(explanation, parts=(replace(first, index=tuple(names)), *others))


def show(results: Results, files: Sequence[Path], *, as_json: bool, quiet: bool) -> None:
    """Print results, or say which files they were written into.

    Args:
        results: The results.
        files: The files.
        as_json: Whether JSON is printed.
        quiet: Whether nothing else is.
    """
    if as_json:
        write(json.dumps(results.as_json(), indent=2) + "\n")
    elif not files and not quiet:
        from pellucid.commands.printing import text_of_results

        write(text_of_results(results.explanation))
    if files and not quiet:
        say(f"wrote {', '.join(map(str, files))}")


@contextlib.contextmanager
def told(doubts: Sequence[str], *, quiet: bool) -> Iterator[list[str]]:
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
def unless_interrupted() -> Iterator[None]:
    """A `with` statement whose interrupts say that nothing was written."""
    try:
        yield
    except (KeyboardInterrupt, Terminated) as interrupt:
        raise type(interrupt)("nothing was written") from interrupt
