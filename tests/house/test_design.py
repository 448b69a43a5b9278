"""The map of the code, docs/design.md, is true of the code."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import torch
from torch import nn

import pellucid
from pellucid.attr import Saliency

HOME = Path(pellucid.__file__).parent
PAGE = (Path(__file__).parents[2] / "docs/design.md").read_text()
WALK, ROOMS = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)


def test_the_walk_is_that_of_a_call():
    frames: list[tuple[str, str]] = []

    class Looking(nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            frame = sys._getframe(1)
            frames.clear()
            while frame is not None:
                file = Path(frame.f_code.co_filename)
                if file.is_relative_to(HOME):
                    frames.append((file.relative_to(HOME).as_posix(), frame.f_code.co_name))
                frame = frame.f_back
            return super().forward(input)

    model = Looking(3, 2)
    Saliency(model).attribute(torch.randn(2, 3), target=0)
    Saliency(model).attribute(torch.randn(2, 3), target=0)  # not the first, which also looks at the model
    assert re.findall(r"(\w\S*\.py) +(\w+)", WALK) == frames[::-1]


def test_every_file_has_a_place_among_the_rooms():
    words = set(re.findall(r"[\w.]+", ROOMS))
    missing = [
        file.relative_to(HOME)
        for file in HOME.rglob("*.py")
        if file.name != "__init__.py"
        and not {file.stem, file.name, file.relative_to(HOME).as_posix().replace("/", ".")} & words
        and file.parent.name not in {"attr", "models", "decompositions"}
    ]
    assert missing == []


def test_every_folder_is_a_room():
    folders = {file.parent.name for file in HOME.rglob("__init__.py")} - {HOME.name}
    assert folders <= set(re.findall(r"(\w+)/", ROOMS))


def test_the_rooms_name_nothing_that_is_not_there():
    there = {path.stem for path in HOME.rglob("*.py")} | {path.name for path in HOME.rglob("*")}
    named = re.findall(r"^ +([\w.]+/?|[\w.]+(?:, [\w.]+)+)(?= {2,})", ROOMS, re.MULTILINE)
    names = {name.strip("/") for line in named for name in line.split(", ")}
    assert names <= there
