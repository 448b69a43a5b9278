from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pellucid.errors import InvalidArgument, PellucidWarning, UnknownName, WrongType
from pellucid.plot import Scaling
from pellucid.plot.normalization import outlier_threshold

EXAMPLE = np.array([[1.0, 2, 3], [4, -5, 10]])
FINITE = arrays.arrays(np.float64, (3, 4), elements=st.floats(-1e6, 1e6, allow_subnormal=False))


@pytest.mark.parametrize(
    ("outlier_percent", "threshold"), [(100, 1.0), (90, 1.0), (50, 3.0), (10, 4.0), (2, 4.0), (0, 4.0)]
)
def test_the_threshold_is_where_the_sums_of_sizes_reach_their_share(outlier_percent: float, threshold: float):
    assert outlier_threshold(np.array([3.0, 1, 4, 2]), outlier_percent) == threshold


def test_numbers_by_hand():
    assert Scaling()(EXAMPLE).values == pytest.approx(EXAMPLE / 10)
    assert Scaling(outlier_percent=10)(EXAMPLE).values == pytest.approx(EXAMPLE / 10)
    assert Scaling("negative")(EXAMPLE).values.tolist() == [[0, 0, 0], [0, 1, 0]]
    assert Scaling("positive")(EXAMPLE).values == pytest.approx(np.maximum(EXAMPLE, 0) / 10)
    assert Scaling("absolute_value")(EXAMPLE).values == pytest.approx(np.abs(EXAMPLE) / 10)
    assert (Scaling(outlier_percent=100)(EXAMPLE).values == np.sign(EXAMPLE)).all()


@given(values=FINITE, percent=st.floats(0, 100))
def test_values_are_between_the_limits_and_keep_their_order_and_signs(values: np.ndarray, percent: float):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PellucidWarning)
        scaled = Scaling("all", percent)(values)
        parts = [Scaling(sign, percent)(values) for sign in ("positive", "negative", "absolute_value")]
    assert scaled.limits == (-1, 1)
    assert (np.abs(scaled.values) <= 1).all()
    assert ((np.sign(scaled.values) == np.sign(values)) | (np.abs(values) < 1e-300)).all()
    assert (np.diff(scaled.values.ravel()[np.argsort(values.ravel(), kind="stable")]) >= 0).all()
    assert all(part.limits == (0, 1) and (part.values >= 0).all() for part in parts)
    assert all((part.shares == part.values).all() for part in parts)
    assert parts[2].values == pytest.approx(np.abs(scaled.values))


@given(values=FINITE, factor=st.floats(0.01, 100))
def test_a_factor_changes_nothing(values: np.ndarray, factor: float):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PellucidWarning)
        once, scaled = Scaling()(values * 2.0), Scaling()(values * 2.0 ** np.ceil(np.log2(factor)))
    assert once.values == pytest.approx(scaled.values)


def test_values_as_they_are_have_the_largest_size_as_their_limit():
    assert Scaling(normalization=None)(EXAMPLE).values is not EXAMPLE
    assert (Scaling(normalization=None)(EXAMPLE).values == EXAMPLE).all()
    assert Scaling(normalization=None)(EXAMPLE).limits == (-10, 10)
    assert Scaling("negative", normalization=None)(EXAMPLE).limits == (0, 5)
    assert Scaling("all", normalization=None, limits=(-3, 4))(EXAMPLE).limits == (-3, 4)
    assert Scaling("positive", limits=(0, 0.5))(EXAMPLE).shares.tolist() == [[0.2, 0.4, 0.6], [0.8, 0, 1]]


def test_nothing_to_draw_has_limits_too():
    with pytest.warns(PellucidWarning, match="No attribution differs from zero"):
        assert Scaling(normalization=None)(np.zeros((2, 2))).limits == (-1, 1)
    with pytest.warns(PellucidWarning) as told:
        scaled = Scaling(normalization=None)(np.full((2, 2), np.nan))
    assert [str(warning.message).split(":")[0] for warning in told] == [
        "4 of 4 attributions are NaN or infinite",
        "No attribution differs from zero",
    ]
    assert scaled.limits == (-1, 1)
    assert np.isnan(scaled.values).all()
    assert not scaled.shares.any()


def test_small_attributions_are_told_and_drawn():
    with pytest.warns(PellucidWarning, match=r"shares of 1e-06: so small"):
        assert Scaling()(EXAMPLE * 1e-7).values == pytest.approx(EXAMPLE / 10)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, bool])
def test_integers_are_numbers(dtype: type):
    values = np.array([[0, 1], [1, 0]]).astype(dtype)
    assert Scaling("absolute_value")(values).values.tolist() == [[0, 1], [1, 0]]
    with pytest.warns(PellucidWarning, match="No attribution is negative"):
        assert not Scaling("negative")(values).values.any()


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (
            {"sign": "both"},
            UnknownName,
            "sign must be one of 'all', 'positive', 'negative', 'absolute_value': got 'both'.",
        ),
        ({"sign": ["all"]}, UnknownName, "got ['all']"),
        ({"outlier_percent": 101}, InvalidArgument, "outlier_percent must be a number from 0 to 100: got 101."),
        ({"outlier_percent": float("nan")}, InvalidArgument, "got nan"),
        ({"outlier_percent": None}, WrongType, "got None"),
        ({"normalization": "largest"}, InvalidArgument, "normalization must be 'outliers' or None: got 'largest'."),
        ({"limits": (1, 1)}, InvalidArgument, "limits must be two numbers, the lower first: got (1, 1)."),
        ({"limits": 3}, InvalidArgument, "got 3"),
        ({"limits": (0, float("inf"))}, InvalidArgument, "got (0, inf)"),
        ({"limits": ("a", 3)}, InvalidArgument, "got ('a', 3)"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: dict, error: type[Exception], said: str):
    with pytest.raises(error) as caught:
        Scaling(**arguments)
    assert said in str(caught.value)
