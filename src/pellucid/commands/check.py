"""`pellucid check MODEL DATA`."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pellucid.commands import options
from pellucid.commands.asking import check_methods
from pellucid.commands.ends import DOUBTS, is_watched, say, write
from pellucid.commands.explain import explained, told, unless_interrupted
from pellucid.commands.messages import in_options
from pellucid.commands.outputs import Results, check_outputs, write_all
from pellucid.commands.taking import taking
from pellucid.commands.typed_question import TypedQuestion
from pellucid.commands.usage import UsageError

if TYPE_CHECKING:
    from pellucid.explanation import Check

WITH_CHECKS = (".html", ".pellucid", ".json")
"""The files that hold what a check found."""


@taking(
    options.ASKED,
    {
        "orders": (options.Orders, 20),
        "out": (options.CheckedOut, None),
        "as_json": (options.AsJson, False),
        "quiet": (options.Quiet, False),
    },
)
def check(typed: Mapping[str, Any]) -> None:
    """Check how far an explanation is to be trusted: a verdict from each of seven sides, and what to do.

    Exits with 3 where one of them is bad.
    """
    quiet = typed["quiet"]
    files = _files(typed)
    with unless_interrupted(), contextlib.redirect_stdout(sys.stderr):  # the output is for results alone
        asked = TypedQuestion.of(typed)
        with told(asked.ready.doubts, quiet=quiet):
            explanation = explained(asked, progress=False)
            watched = not quiet and is_watched(sys.stderr)
            checked = explanation.check(
                asked.ready.model, random_orders=typed["orders"], seed=typed["seed"], progress=watched
            )
            code = asked.code("explanation = pellucid.explain(ASKED)\nprint(explanation.check())")
            write_all(Results(explanation, code), files)
    if typed["as_json"]:
        write(json.dumps(checked.to_dict(), indent=2) + "\n")
    elif not quiet:
        write(_text(checked))
    if files and not quiet:
        say(f"wrote {', '.join(map(str, files))}")
    if not checked.holds:
        raise typer.Exit(DOUBTS)


def _files(typed: Mapping[str, Any]) -> list[Path]:
    """The files that are to be written, before anybody waits.

    Raises:
        UsageError: One cannot hold a check, or there are several explanations.
    """
    methods = typed["method"] or ()
    check_methods(methods)
    if len(methods) > 1 or len(typed["target"] or ()) > 1:
        raise UsageError("one explanation is checked at a time: got several. Hint: pellucid compare, of methods.")
    files = check_outputs(typed["out"] or (), "", several=False)
    for file in files:
        if file.suffix.lower() not in WITH_CHECKS:
            raise UsageError(f"--out of a check must end in {', '.join(WITH_CHECKS)}: got {str(file)!r}.")
    return files


def _text(checked: Check) -> str:
    """The verdicts, as wide as the terminal, with what to do in options."""
    from pellucid.commands.printing import width_of_terminal
    from pellucid.explanation.checking.words import text_of_check

    verdicts = (replace(verdict, advice=in_options(verdict.advice)) for verdict in checked.verdicts)
    told_in_options = replace(checked, verdicts=tuple(verdicts))
    return text_of_check(told_in_options, columns=width_of_terminal(), coloured=is_watched(sys.stdout)) + "\n"
