"""Imports point one way only."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from house.source import SOURCES, Source

# A module imports only from its own row and from those above.
ROWS = [
    {"errors"},
    {"core"},
    {"methods", "rules"},
    {"plot", "zoo"},
    {"attr", "models", "text", "concept", "influence", "metrics", "robust", "module"},
    {"compat", "explain", "jobs", "insights", "demo"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, row in enumerate(ROWS) for name in row}

# What `import pellucid` needs; anything else is imported where it is used.
NEEDED = {"numpy", "torch", "tqdm"}
EXTRAS = ["matplotlib", "pandas", "IPython", "rich", "typer", "jinja2", "safetensors", "captum", "sklearn"]


def room(module: str) -> str:
    """The part of the house that a module belongs to: the name below `pellucid`."""
    whole, _, part = module.partition(".")
    return part.split(".")[0] if whole == "pellucid" else ""


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_imports_point_one_way_only(source: Source):
    own = room(source.module)
    if not own:
        return  # the package itself may import any of its parts
    assert own in LEVEL, f"say in {__file__} where {own} belongs"
    for module, line in source.imported():
        if room(module) and room(module) != own:
            assert LEVEL[room(module)] < LEVEL[own], f"{source.path}:{line} imports {module}"


@pytest.mark.parametrize(
    "source",
    [source for source in SOURCES if room(source.module) not in {"plot", "demo", "commands"}],
    ids=lambda source: source.name,
)
def test_nothing_but_numpy_torch_and_tqdm_is_needed(source: Source):
    known = {"pellucid", "__future__", *NEEDED, *sys.stdlib_module_names}
    roots = {module.split(".")[0]: line for module, line in source.imported()}
    assert [f"{source.path}:{line} imports {root}" for root, line in roots.items() if root not in known] == []


def test_importing_the_library_imports_no_extra():
    program = f"import sys, pellucid; print([name for name in {EXTRAS} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_the_first_call_of_a_class_imports_nothing():
    program = [sys.executable, Path(__file__).with_name("first_calls.py")]
    done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(done.stdout)
    assert len(found) == 41
    assert {name: modules for name, modules in found.items() if modules} == {}


def test_importing_the_library_draws_no_random_numbers_and_sets_no_switch():
    program = (
        "import random, sys, numpy, torch; before = random.getstate(), repr(numpy.random.get_state()), "
        "torch.get_rng_state().tolist(), torch.is_grad_enabled(), torch.get_num_threads(), torch.get_default_dtype();"
        "import pellucid; after = random.getstate(), repr(numpy.random.get_state()), "
        "torch.get_rng_state().tolist(), torch.is_grad_enabled(), torch.get_num_threads(), torch.get_default_dtype();"
        "sys.exit(before != after)"
    )
    subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", program], check=True, timeout=60)
