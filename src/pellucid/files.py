"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST = 100
"""How many letters of a name its temporary name keeps, so that file systems take it."""


@contextmanager
def whole_files() -> Iterator[Callable[[Path], Path]]:
    """A `with` statement in which files are written under temporary names beside their own.

    They take the places of the old ones at its end, once every one of them is complete. Where it is left by an
    exception, such as that of a full disk or an interrupt, none is left, and old files are as they were.

    Yields:
        What makes the temporary name, of the same suffix, for a file.

    Raises:
        OSError: The folder is not there, or cannot be written into, or the name is that of a folder.
    """
    begun: dict[Path, Path] = {}

    def begin(path: Path) -> Path:
        if path.is_dir() or not path.parent.is_dir():
            kind = IsADirectoryError if path.is_dir() else FileNotFoundError
            number = errno.EISDIR if path.is_dir() else errno.ENOENT
            raise kind(number, os.strerror(number), str(path))
        path = path.resolve()  # what a link leads to
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:LONGEST]}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        begun[Path(name)] = path
        return Path(name)

    try:
        yield begin
        for temporary, path in begun.items():
            os.chmod(temporary, stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask())
        for temporary, path in begun.items():
            os.replace(temporary, path)
    except BaseException:
        for temporary in begun:
            temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    """What the user's new files may not be: it can only be asked by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
