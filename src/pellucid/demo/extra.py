"""What the command line needs besides the library."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def demo_extra() -> Iterator[None]:
    """Turn a package that is not installed into one line that says which extra brings it, and exit code 1."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise SystemExit(f'pellucid: {missing.name} is not installed: pip install "pellucid[demo]"') from missing
