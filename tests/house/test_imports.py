"""Imports point one way only."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from house.source import SOURCES, Source

# A module imports only from its own row and from those above.
ROWS = [
    {"errors", "files"},
    {"core"},
    {"methods", "rules", "targets"},
    {"plot", "zoo"},
    {"data"},
    {"attr", "models", "text", "concept", "influence", "metrics", "robust", "module"},
    {"explanation"},
    {"pages"},
    {"compat", "jobs", "insights", "examples"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, row in enumerate(ROWS) for name in row}

# What `import pellucid` needs; anything else is imported where it is used.
NEEDED = {"numpy", "torch", "tqdm", "typing_extensions"}
WHERE_IT_IS_USED = {"explanation": {"pandas", "safetensors"}, "metrics": {"pandas"}}
EXTRAS = ["matplotlib", "pandas", "IPython", "rich", "typer", "jinja2", "safetensors", "captum", "sklearn"]


def room(module: str) -> str:
    """The part of the house that a module belongs to: the name below `pellucid`."""
    whole, _, part = module.partition(".")
    return part.split(".")[0] if whole == "pellucid" else ""


def imported(sources: Iterable[Source]) -> Iterator[tuple[Source, str, str]]:
    """Every file, each module that it imports, and where it says so."""
    for source in sources:
        for module, line in source.imported():
            yield source, module, f"{source.path}:{line} imports {module}"


def test_imports_point_one_way_only():
    rooms = {room(source.module) for source in SOURCES} - {""}  # the package itself may import any of its parts
    assert rooms - LEVEL.keys() == set(), f"say in {__file__} where they belong"
    assert [
        said
        for source, module, said in imported(SOURCES)
        if (own := room(source.module)) and room(module) not in ("", own) and LEVEL[room(module)] >= LEVEL[own]
    ] == []


def test_nothing_but_numpy_torch_and_tqdm_is_needed():
    known = {"pellucid", "__future__", *NEEDED, *sys.stdlib_module_names}
    sources = [source for source in SOURCES if room(source.module) not in {"plot", "pages", "examples", "commands"}]
    assert [
        said
        for source, module, said in imported(sources)
        if module.split(".")[0] not in known | WHERE_IT_IS_USED.get(room(source.module), set())
    ] == []


def test_the_first_call_of_a_class_imports_nothing():
    program = [sys.executable, Path(__file__).with_name("first_calls.py")]
    done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(done.stdout)
    assert len(found) == 41
    assert {name: modules for name, modules in found.items() if modules} == {}


def test_importing_the_library_imports_no_extra_draws_no_random_numbers_and_sets_no_switch():
    program = (
        "import random, sys, numpy, torch; before = random.getstate(), repr(numpy.random.get_state()), "
        "torch.get_rng_state().tolist(), torch.is_grad_enabled(), torch.get_num_threads(), torch.get_default_dtype();"
        "import pellucid; after = random.getstate(), repr(numpy.random.get_state()), "
        "torch.get_rng_state().tolist(), torch.is_grad_enabled(), torch.get_num_threads(), torch.get_default_dtype();"
        f"print([name for name in {EXTRAS} if name in sys.modules], before == after)"
    )
    program = [sys.executable, "-W", "error::UserWarning", "-c", program]
    done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[] True"
