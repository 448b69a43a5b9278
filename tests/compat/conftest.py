from collections.abc import Iterator

import pytest

from pellucid import compat


@pytest.fixture
def no_captum() -> Iterator[None]:
    """A process in which nothing has imported Captum, as far as imports can tell; as it was, afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        import sys

        for path in [path for path in sys.modules if path.partition(".")[0] == "captum"]:
            patch.delitem(sys.modules, path)
        yield
        compat.uninstall()


@pytest.fixture
def installed(no_captum: None) -> None:
    """Pellucid in Captum's place."""
    compat.install()
