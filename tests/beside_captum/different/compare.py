"""What a test of a difference says of a call: what Captum does, and that pellucid gives the right answer."""

from typing import Any

from beside_captum.same.compare import Call, assert_close, on_captum, on_pellucid, value_of
from pellucid.errors import PellucidError


def both(call: Call) -> tuple[Any, Any]:
    """What Captum and pellucid return."""
    return value_of(on_captum(call)), value_of(on_pellucid(call))


def assert_answered(call: Call, expected: type[Exception], right: Call) -> None:
    """Captum raises `expected`; pellucid returns what Captum returns for a call that means the same."""
    error = on_captum(call).error
    assert type(error) is expected, f"Captum: {error!r}"
    assert_close(value_of(on_pellucid(call)), value_of(on_captum(right)), dtypes=False)


def assert_named(call: Call, expected: type[Exception] | None, argument: str) -> None:
    """Captum raises `expected`, or nothing; pellucid's own exception names the argument."""
    theirs, ours = on_captum(call).error, on_pellucid(call).error
    assert theirs is None if expected is None else type(theirs) is expected, f"Captum: {theirs!r}"
    assert isinstance(ours, PellucidError), f"pellucid: {ours!r}"
    assert argument in str(ours)
