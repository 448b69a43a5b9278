import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.core.evaluation.moments import Moments

PLACES, SAMPLES = 4, 9


def moments(data: np.ndarray, orders: int, cuts: list[tuple[slice, slice]], dtype=torch.float64) -> Moments:
    """Moments of data (samples, places, width), taken in block by block."""
    found = Moments(PLACES, orders)
    for samples, places in cuts:
        found.add(samples, places, (torch.from_numpy(data[samples, places]).to(dtype),))
    return found


@st.composite
def cuts(draw: st.DrawFn) -> list[tuple[slice, slice]]:
    """Blocks as a budget makes them: several samples of all places, or one sample of some."""
    blocks, sample = [], 0
    while sample < SAMPLES:
        if draw(st.booleans()):
            count = draw(st.integers(1, SAMPLES - sample))
            blocks.append((slice(sample, sample + count), slice(None)))
            sample += count
        else:
            cut = draw(st.integers(1, PLACES - 1))
            blocks += [(slice(sample, sample + 1), part) for part in (slice(0, cut), slice(cut, PLACES))]
            sample += 1
    return blocks


ALL = [(slice(0, SAMPLES), slice(None))]


def numbers(seed: int, centre: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, size=(SAMPLES, PLACES, 3)) + centre


@given(seed=st.integers(0, 99), blocks=cuts(), centre=st.sampled_from([0.0, -7.0, 1e6]))
@settings(deadline=None)
def test_they_are_numpy_s_however_the_blocks_are_cut(seed, blocks, centre):
    data = numbers(seed, centre)
    found = moments(data, 4, blocks)
    away = data - data.mean(0)
    spread = np.sqrt(((away**4).mean(0) - data.var(0) ** 2) / SAMPLES)
    tolerance = 1e-9 if centre < 1e6 else 1e-6
    np.testing.assert_allclose(found.mean[0], data.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.variance[0], data.var(0), rtol=tolerance)
    np.testing.assert_allclose(found.stderr[0], data.std(0, ddof=1) / np.sqrt(SAMPLES), rtol=tolerance)
    np.testing.assert_allclose(found.variance_stderr[0], spread, rtol=100 * tolerance)


@pytest.mark.parametrize("orders", [1, 2, 4])
def test_only_what_was_asked_for_is_there(orders: int):
    found = moments(numbers(0), orders, ALL)
    np.testing.assert_allclose(found.mean[0], numbers(0).mean(0), rtol=1e-12)
    assert (found.stderr is not None) == (orders >= 2)
    assert (found.variance_stderr is not None) == (orders >= 4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_results_come_in_the_dtype_of_the_blocks(dtype: torch.dtype):
    found = moments(numbers(0), 4, ALL, dtype)
    for each in (found.mean, found.variance, found.stderr, found.variance_stderr):
        assert each[0].dtype == dtype
    # Sums of powers would overflow in half precision.
    assert moments(numbers(0, centre=3e4), 4, ALL, dtype).variance[0].isfinite().all()


def test_a_constant_has_exactly_no_variance():
    found = moments(np.full((SAMPLES, PLACES, 3), 0.1), 4, ALL)
    assert not found.variance[0].any()
    assert not found.stderr[0].any()
    assert not found.variance_stderr[0].any()


def test_places_may_have_different_numbers_of_samples():
    data, more = numbers(0), numbers(1)[:, 1:3]
    found = moments(data, 4, ALL)
    found.add(slice(SAMPLES, 2 * SAMPLES), torch.tensor([1, 2]), (torch.from_numpy(more),))
    both = np.concatenate([data[:, 1:3], more])
    np.testing.assert_allclose(found.mean[0][[0, 3]], data.mean(0)[[0, 3]], rtol=1e-12)
    np.testing.assert_allclose(found.mean[0][1:3], both.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.stderr[0][1:3], both.std(0, ddof=1) / np.sqrt(2 * SAMPLES), rtol=1e-9)
    np.testing.assert_allclose(found.stderr[0][0], data.std(0, ddof=1)[0] / np.sqrt(SAMPLES), rtol=1e-9)
