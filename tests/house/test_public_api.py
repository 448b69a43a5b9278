"""What is public is listed, in order, and is there."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType

import pytest

from house.source import SOURCES

PACKAGES = [source.module for source in SOURCES if source.path.name == "__init__.py"]
READ_FILE_BY_FILE = (
    "pellucid.core",
    "pellucid.commands",
    "pellucid.examples",
    "pellucid.methods.calling",
)
LISTED = [name for name in PACKAGES if not name.startswith(READ_FILE_BY_FILE)]


def by_kind(name: str) -> tuple[int, str]:
    """Constants first, then classes, then functions, as ruff sorts `__all__`."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


def public(module: ModuleType) -> set[str]:
    """The public names that a package defines or brings together; of modules only those it lists."""
    values = vars(module).items()
    return {name for name, value in values if not name.startswith("_") and not inspect.ismodule(value)}


@pytest.mark.parametrize("name", LISTED)
def test_all_is_sorted_and_equal_to_the_public_names(name: str):
    module = importlib.import_module(name)
    listed = list(module.__all__)
    assert listed == sorted(listed, key=by_kind)
    assert len(set(listed)) == len(listed)
    assert all(hasattr(module, each) for each in listed)
    modules = {each for each in listed if inspect.ismodule(getattr(module, each))}
    assert set(listed) - modules - {"__version__"} == public(module) - {"annotations"}


@pytest.mark.parametrize("name", sorted(set(PACKAGES) - set(LISTED)))
def test_packages_that_are_read_file_by_file_bring_nothing_together(name: str):
    assert public(importlib.import_module(name)) == set()


def test_every_public_attribution_class_is_listed():
    from pellucid import attr

    def subclasses(cls: type) -> set[type]:
        return {cls}.union(*map(subclasses, cls.__subclasses__()))

    found = subclasses(attr.Attribution)
    ours = {cls.__name__ for cls in found if cls.__module__.startswith("pellucid.attr") and hasattr(cls, "attribute")}
    assert ours <= set(attr.__all__)
