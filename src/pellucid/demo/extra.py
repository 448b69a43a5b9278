"""The error for packages of the extra `demo` that are not installed."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def demo_extra() -> Iterator[None]:
    """Turn the error of a missing package into one line that says which extra to install, and exit code 1."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise SystemExit(f'pellucid: {missing.name} is not installed: pip install "pellucid[demo]"') from missing
