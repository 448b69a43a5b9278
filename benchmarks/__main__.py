"""`python -m benchmarks [--json] [WORD ...]`: run the cases whose names hold one of these words, by default all."""

import argparse
import sys
import warnings
from collections.abc import Iterator

from rich.console import Console

from benchmarks import (
    attention_relevance,
    background,
    blocks,
    bounded_memory,
    call_overhead,
    deeplift,
    exact_shapley,
    games,
    integrated_gradients,
    intervals,
    layer_memory,
    layers_and_neurons,
    metrics,
    ordinary_models,
    passing_back,
    per_call,
    replay,
    variance,
)
from benchmarks.harness import Case, Result
from benchmarks.table import PAGE, line, table

CASES: list[Case] = [
    *call_overhead.CASES,
    *per_call.CASES,
    *ordinary_models.CASES,
    *integrated_gradients.CASES,
    *layers_and_neurons.CASES,
    *games.CASES,
    *exact_shapley.CASES,
    *background.CASES,
    *deeplift.CASES,
    *passing_back.CASES,
    *attention_relevance.CASES,
    *bounded_memory.CASES,
    *layer_memory.CASES,
    *replay.CASES,
]

SWEEPS = {"blocks": blocks.sweep, "variance": variance.sweep, "intervals": intervals.sweep, "metrics": metrics.sweep}
"""What has tables of its own, and runs only where it is asked for."""


def measured(cases: list[Case]) -> Iterator[Result]:
    """Measure one case after another, and tell which on the error stream."""
    with Console(stderr=True).status("") as status:
        for number, case in enumerate(cases, start=1):
            status.update(f"{number} of {len(cases)}: {case.name}")
            yield case.measure()


def main() -> None:
    """Run what the arguments select."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time and memory beside Captum.",
        epilog="On a GPU: python -m benchmarks.on_gpu",
    )
    parser.add_argument(
        "words",
        nargs="*",
        help="parts of names of cases; `blocks`, `variance`, `intervals` and `metrics` have tables of their own",
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON per case")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module="captum")  # it tells of every call that it has set requires_grad
    console = Console(width=None if sys.stdout.isatty() else PAGE)
    for word, sweep in SWEEPS.items():
        if arguments.words == [word]:
            sweep(console)
            return
    selected = [case for case in CASES if not arguments.words or any(word in case.name for word in arguments.words)]
    if not selected:
        parser.error("no case of that name: " + ", ".join(case.name for case in CASES))
    if arguments.json:
        for result in measured(selected):
            print(line(result), flush=True)
    else:
        console.print(table(list(measured(selected))))


if __name__ == "__main__":
    main()
