"""Modules that say on import that they are not here yet have no doctests to collect."""

from pellucid.errors import ABSENT

collect_ignore = ["conftest.py", *(f"pellucid/{package}.py" for package in ABSENT)]
