"""The same call on Captum and on pellucid, from the same seeds, and what must agree afterwards."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import captum.attr
import numpy as np
import torch
from torch import Tensor

import pellucid.attr

TOLERANCE = 1e-5
"""How far an attribution may be off, as a share of its example's largest |attribution|."""

ROUNDINGS = 8
"""A difference of two outputs holds the roundings of a few layers' sums, however small it is itself."""

Call = Callable[[ModuleType], Any]
"""What a user types, for either library: `lambda attr: attr.Saliency(model).attribute(inputs)`."""


@dataclass(frozen=True)
class Outcome:
    """What a call returned or raised, and where it left the global generators."""

    value: Any
    error: Exception | None
    torch_state: bytes
    numpy_state: tuple[bytes, int]


def on_captum(call: Call, seed: int = 0) -> Outcome:
    """The call on Captum, whose warnings are its own business."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _outcome(captum.attr, call, seed)


def on_pellucid(call: Call, seed: int = 0) -> Outcome:
    """The call on pellucid, whose warnings are errors unless a test expects them."""
    return _outcome(pellucid.attr, call, seed)


def _outcome(library: ModuleType, call: Call, seed: int) -> Outcome:
    torch.manual_seed(seed)
    np.random.seed(seed)
    value, error = None, None
    try:
        value = call(library)
    except Exception as caught:
        error = caught
    _, keys, position, *_ = np.random.get_state()
    return Outcome(value, error, torch.get_rng_state().numpy().tobytes(), (keys.tobytes(), position))


def value_of(outcome: Outcome) -> Any:
    """What the call returned; what it raised is raised."""
    if outcome.error is not None:
        raise outcome.error
    return outcome.value


def assert_same(
    call: Call,
    *,
    seed: int = 0,
    delta: bool = False,
    dtypes: bool = True,
    tolerance: float = TOLERANCE,
    rounding: float = 0.0,
) -> None:
    """Captum and pellucid return the same and leave the global generators in the same state.

    Args:
        call: What is called on both.
        seed: Seeds torch and NumPy before each call.
        delta: Whether the call returns attributions and convergence deltas.
        dtypes: Whether dtypes must agree too.
        tolerance: How far an attribution may be off, as a share of its example's largest |attribution|.
        rounding: How far it may be off at any rate; see `rounding_of`.
    """
    theirs, ours = on_captum(call, seed), on_pellucid(call, seed)
    expected, found = value_of(theirs), value_of(ours)
    if delta:
        assert isinstance(found, tuple), f"attributions and deltas must come as a pair: got {type(found).__name__}"
        assert_close(found[0], expected[0], dtypes=dtypes, tolerance=tolerance)
        assert_deltas_close(found[1], expected[1], expected[0])
    else:
        assert_close(found, expected, dtypes=dtypes, tolerance=tolerance, rounding=rounding)
    assert ours.torch_state == theirs.torch_state, "torch's global generator ends in another state than after Captum"
    assert ours.numpy_state == theirs.numpy_state, "NumPy's global generator ends in another state than after Captum"


def rounding_of(model: Callable[..., Any], inputs: Tensor | tuple[Tensor, ...], extra: Any = None) -> float:
    """What the roundings of a model's largest output come to: differences of outputs are no more exact than that."""
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    more = extra if isinstance(extra, tuple) else () if extra is None else (extra,)
    output = torch.as_tensor(model(*given, *more))
    eps = torch.finfo(output.dtype).eps if output.is_floating_point() else 0.0
    return ROUNDINGS * eps * float(output.detach().abs().max())


def assert_close(
    found: Any, expected: Any, *, dtypes: bool = True, tolerance: float = TOLERANCE, rounding: float = 0.0
) -> None:
    """Attributions agree in structure, shape, dtype and, example by example, in value."""
    kinds = _kinds(found), _kinds(expected)
    assert kinds[0] == kinds[1], f"structures differ: pellucid {kinds[0]}, Captum {kinds[1]}"
    ours, theirs = _tuple(found), _tuple(expected)
    assert [each.shape for each in ours] == [each.shape for each in theirs], "shapes differ"
    assert not dtypes or [each.dtype for each in ours] == [each.dtype for each in theirs], "dtypes differ"
    assert not any(each.requires_grad for each in ours), "pellucid's attributions require grad"
    scales = [_largest(each) for each in theirs]
    # Where inputs hold different numbers of examples, nothing is one example's: the whole is compared as one.
    shared = len({len(scale) for scale in scales}) > 1
    scale = torch.cat(scales).amax().expand(max(map(len, scales))) if shared else torch.stack(scales).amax(0)
    assert scale.max() > 0, "all of Captum's attributions are zero: the comparison says nothing"
    for index, (our, their) in enumerate(zip(ours, theirs, strict=True)):
        _assert_examples_close(f"tensor {index}", our, their.detach(), scale[: len(our)], tolerance, rounding)


def _assert_examples_close(
    name: str, ours: Tensor, theirs: Tensor, scale: Tensor, tolerance: float, rounding: float
) -> None:
    off = (ours.double() - theirs.double()).abs().reshape(len(ours), ours[0].numel())
    if bool((off <= tolerance * scale[:, None] + rounding).all()):
        return
    shares = off / scale[:, None].clamp(min=torch.finfo(torch.float64).tiny)
    example, element = divmod(int(shares.nan_to_num(torch.inf).argmax()), off.shape[1])
    ours_there, theirs_there = (float(each[example].reshape(-1)[element]) for each in (ours, theirs))
    raise AssertionError(
        f"{name}, example {example}, element {element}: pellucid {ours_there:.9g}, Captum {theirs_there:.9g}; "
        f"off by {shares[example, element]:.1e} of the example's largest |attribution| {scale[example]:.3g}, "
        f"allowed {tolerance:.0e} and {rounding:.0e}"
    )


def assert_deltas_close(found: Tensor, expected: Tensor, attributions: Any) -> None:
    """Convergence deltas agree: deltas are small differences, so the attributions give the scale."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype), "shapes or dtypes of deltas differ"
    assert not found.requires_grad, "pellucid's deltas require grad"
    scale = max(float(_largest(each).max()) for each in _tuple(attributions))
    off = float((found - expected).abs().max())
    # Taken from outputs around one, and from sums of dozens of attributions, each of which is rounded.
    rounding = 64 * torch.finfo(expected.dtype).eps
    assert off <= TOLERANCE * scale + rounding, f"deltas are off by {off:.1e}, largest |attribution| {scale:.3g}"


def assert_same_exception(call: Call, expected: type[Exception]) -> None:
    """Captum raises `expected`; an `except` clause for it also catches what pellucid raises."""
    theirs, ours = on_captum(call), on_pellucid(call)
    assert type(theirs.error) is expected, f"Captum raises {theirs.error!r}"
    assert isinstance(ours.error, expected), f"Captum raises {expected.__name__}, pellucid {ours.error!r}"


def _kinds(value: Any) -> Any:
    """Which tuples and lists hold what; a named tuple is a tuple."""
    if isinstance(value, tuple | list):
        return ("tuple" if isinstance(value, tuple) else "list", *map(_kinds, value))
    return "tensor" if isinstance(value, Tensor) else repr(value)


def _tuple(value: Any) -> tuple[Tensor, ...]:
    """All tensors in tuples and lists, one after another."""
    if isinstance(value, tuple | list):
        return tuple(tensor for each in value for tensor in _tuple(each))
    return (value,)


def _largest(attributions: Tensor) -> Tensor:
    """For each example, its largest |attribution|; zero where it has no features."""
    flat = attributions.detach().double().abs().reshape(len(attributions), attributions[0].numel())
    return torch.cat([flat.new_zeros(len(flat), 1), flat], 1).amax(1)
