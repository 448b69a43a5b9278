"""Lists of what breaks a rule that is younger than the code: they may only shrink."""

from __future__ import annotations

from collections.abc import Mapping, Set


def changes(offenders: Mapping[str, int], listed: Mapping[str, int]) -> list[str]:
    """What must change, in the code or in the list of its offenders; nothing where they agree.

    Args:
        offenders: What breaks the rule, and by how much.
        listed: What is known to, and by how much at most.
    """
    return [
        *(f"mend: {name}, {size}" for name, size in sorted(offenders.items()) if size > listed.get(name, 0)),
        *(f"mended, to be taken off the list: {name}" for name in sorted(listed.keys() - offenders.keys())),
    ]


def changes_of_names(offenders: Set[str], listed: Set[str]) -> list[str]:
    """The same of a rule that is kept or not."""
    return changes(dict.fromkeys(offenders, 1), dict.fromkeys(listed, 1))
