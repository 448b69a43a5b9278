"""Ask a client all of its cases and store the answers: `python -m clients.answers CLIENT FILE`.

Under `python -m pellucid.compat -m clients.answers CLIENT FILE`, whatever the client imports from Captum is pellucid's.
"""

from __future__ import annotations

import importlib
import random
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clients.stand_ins import declare_operators_of_torchvision

Answer = dict[str, Tensor] | str
"""Tensors, by where they lie in what the client returned; or the error's text."""


def tensors_of(answer: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """The tensors of an answer, each with its path."""
    if isinstance(answer, Mapping):
        items = list(answer.items())
    elif isinstance(answer, Sequence):
        items = list(enumerate(answer))
    else:
        yield path, torch.as_tensor(answer).detach().clone()
        return
    for key, value in items:
        if value is not None:
            yield from tensors_of(value, f"{path}[{key}]")


def answer_of(run: Callable[[], Any]) -> Answer:
    """What a case returns, seeded; or its error, in a line."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    try:
        return dict(tensors_of(run()))
    except Exception as error:
        return "".join(traceback.format_exception_only(error)).strip()


def answers(client: str) -> dict[str, Any]:
    """All answers of a client; of cases that differ, why, and Captum's what is right or pellucid's what is seen."""
    cases = importlib.import_module(f"clients.cases.{client}").CASES
    library = importlib.import_module("captum.attr").IntegratedGradients.__module__.partition(".")[0]
    begin = perf_counter()
    of_cases = {name: answer_of(case.run) for name, case in cases.items()}
    seconds = perf_counter() - begin
    different = {name: case for name, case in cases.items() if case.instead}
    return {
        "library": library,
        "seconds": seconds,
        "answers": of_cases,
        "reasons": {name: case.differs for name, case in different.items()},
        "compared": {
            name: answer_of(case.instead if library == "captum" else case.observed) for name, case in different.items()
        },
    }


def main() -> None:
    """Store the answers of the client that the command line names."""
    client, file = sys.argv[1:]
    declare_operators_of_torchvision()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    torch.save(answers(client), file)


if __name__ == "__main__":
    main()
