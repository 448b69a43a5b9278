"""The table is true of Captum 0.9: its paths, and nothing under them that Captum does not have there."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import captum
import pytest

from pellucid import attr
from pellucid.compat.captum_module import CaptumModule, fill
from pellucid.compat.module_table import ALIASES, INSTEAD, MODULES, VERSION

ELSEWHERE = {"captum.attr": {"ModelInputWrapper", "Stat"}}
"""Names that pellucid makes public where Captum has them in private modules only."""


def names(path: str) -> set[str]:
    """What the table has under a path."""
    module = CaptumModule(path)
    before = set(vars(module))
    fill(module)
    return set(vars(module)) - before - {"__all__"}


def test_it_has_every_module_path_of_captum_and_its_version():
    assert {"captum", *(module.name for module in pkgutil.walk_packages(captum.__path__, "captum."))} == set(MODULES)
    assert captum.__version__ == VERSION
    for path, target in ALIASES.items():
        package, _, name = path.rpartition(".")
        assert getattr(import_module(package), name) is import_module(target)


def test_packages_come_before_what_is_in_them():
    assert next(iter(MODULES)) == "captum"
    paths = list(MODULES)
    assert all(path.rpartition(".")[0] in paths[: paths.index(path)] for path in paths[1:])


@pytest.mark.parametrize("path", MODULES)
def test_it_has_nothing_that_captum_has_not(path: str):
    theirs = import_module(path)
    assert {name for name in names(path) if not hasattr(theirs, name)} == ELSEWHERE.get(path, set())


def test_it_has_all_of_pellucids_public_names():
    assert names("captum.attr") == set(attr.__all__)
    assert names("captum.attr._utils.lrp_rules") == set(attr.lrp_rules.__all__)


def test_hints_are_of_what_captum_has_and_the_table_has_not():
    for full_name in INSTEAD:
        path, _, name = full_name.rpartition(".")
        assert hasattr(import_module(path), name)
        assert name not in names(path)
