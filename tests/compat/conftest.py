import sys
from collections.abc import Iterator

import pytest

from pellucid import compat
from pellucid.compat import real_captum


def take_out_captum() -> dict[str, object]:
    """Take all of Captum's modules, whosever, out of `sys.modules`."""
    return {path: sys.modules.pop(path) for path in [*sys.modules] if path.partition(".")[0] == "captum"}


@pytest.fixture
def no_captum(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process in which nothing has imported Captum, as far as imports can tell; as it was, afterwards."""
    monkeypatch.setattr(real_captum, "_FOUND", [])
    imported = take_out_captum()
    yield
    compat.uninstall()
    take_out_captum()
    sys.modules.update(imported)


@pytest.fixture
def installed(no_captum: None) -> None:
    """Pellucid in Captum's place."""
    compat.install()
