"""The error for packages of an extra that are not installed."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra_needed(extra: str) -> Iterator[None]:
    """Turn the error of a missing package into one line that says which extra to install, and exit code 1.

    Args:
        extra: The extra of pellucid that has the package.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        raise SystemExit(f'pellucid: {missing.name} is not installed: pip install "pellucid[{extra}]"') from missing
