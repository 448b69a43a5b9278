"""Blur, Gaussian, Disc, Segments and Rise, beside what their formulas say, element by element."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from pellucid.errors import InvalidArgument
from pellucid.methods import Blur, Disc, FeatureAblation, Gaussian, Occlusion, Problem, Rise, Segments

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randn(3, 2, 7, 9, generator=GENERATOR, dtype=torch.float64)
ABSENT = torch.rand(3, 1, 7, 9, generator=GENERATOR).expand(3, 2, 7, 9) < 0.4
FOUR_DIMENSIONS = (torch.ones(1, 1, 2, 2, 2, 2), torch.ones(1, 1, 2, 2, 2, 2, dtype=torch.bool))
ALL = [
    Blur(1.5),
    Gaussian(1.5),
    Gaussian(1.0, fill=Blur(2.0)),
    Disc(1),
    Segments(),
    Segments(3),
    Rise(3),
    Rise(3, seed=1),
]
every_removal = pytest.mark.parametrize("removal", ALL, ids=lambda removal: repr(removal).replace(" ", ""))


def block(top: int, left: int, height: int, width: int) -> Tensor:
    absent = torch.zeros(3, 2, 7, 9, dtype=torch.bool)
    absent[:, :, top : top + height, left : left + width] = True
    return absent


@every_removal
def test_nothing_absent_is_the_input_and_the_rest_is_not(removal: Any):
    assert torch.equal(removal(IMAGES, torch.zeros_like(ABSENT)), IMAGES)
    taken = removal(IMAGES, block(1, 2, 4, 4))
    assert (taken.shape, taken.dtype) == (IMAGES.shape, IMAGES.dtype)
    assert not torch.equal(taken, IMAGES)


@every_removal
def test_all_absent_leaves_nothing_of_the_input_but_what_replaces_it(removal: Any):
    if isinstance(removal, Gaussian | Disc | Rise) and removal.fill == 0.0:
        zero = removal(IMAGES, torch.ones_like(ABSENT))
        torch.testing.assert_close(zero, torch.zeros_like(zero), rtol=0, atol=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nothing_is_left_of_what_is_not_finite(value: float):
    broken = IMAGES.clone()
    broken[:, :, 3, 4] = value
    for removal in (Gaussian(0.1), Disc(1), Rise(3)):
        everything = torch.ones_like(ABSENT)
        torch.testing.assert_close(removal(broken, everything), removal(IMAGES, everything), rtol=0, atol=0)


@every_removal
def test_rows_are_independent(removal: Any):
    absent = block(0, 1, 5, 6) | (ABSENT & (torch.arange(3).view(-1, 1, 1, 1) == 1))
    together = removal(IMAGES, absent)
    for row in range(3):
        torch.testing.assert_close(removal(IMAGES[row : row + 1], absent[row : row + 1])[0], together[row])


@pytest.mark.parametrize("removal", [Blur(1.5), Disc(1), Segments(), Segments(3)], ids=repr)
def test_what_is_present_stays(removal: Any):
    absent = block(1, 2, 4, 4)
    assert torch.equal(removal(IMAGES, absent)[~absent], IMAGES[~absent])


@every_removal
@pytest.mark.parametrize("shape", [(2, 8), (2, 3, 8), (2, 2, 4, 5, 6)], ids=["table", "series", "volume"])
def test_other_spaces(removal: Any, shape: tuple[int, ...]):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    taken = removal(x, torch.ones_like(x, dtype=torch.bool))
    assert taken.shape == shape
    assert taken.isfinite().all()


@every_removal
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_dtypes(removal: Any, dtype: torch.dtype):
    taken = removal(IMAGES.to(dtype), block(1, 1, 4, 4))
    assert taken.dtype == dtype
    torch.testing.assert_close(taken.double(), removal(IMAGES, block(1, 1, 4, 4)), rtol=0.02, atol=0.03)


@every_removal
def test_channels_last(removal: Any):
    images, absent = IMAGES.movedim(1, -1), block(1, 2, 4, 4).movedim(1, -1)
    fill = getattr(removal, "fill", 0.0)
    more = {"fill": Blur(fill.sigma, dimensions=(1, 2))} if isinstance(fill, Blur) else {}
    last = dataclasses.replace(removal, **more, dimensions=(1, -2))
    torch.testing.assert_close(last(images, absent).movedim(-1, 1), removal(IMAGES, block(1, 2, 4, 4)))


def test_blur_is_the_mean_by_a_gaussian():
    sigma = 1.3
    blurred = Blur(sigma)(IMAGES, torch.ones_like(ABSENT))
    rows, columns = torch.arange(7.0).double(), torch.arange(9.0).double()
    reach = math.ceil(4 * sigma)
    for row, column in itertools.product(range(0, 7, 3), range(0, 9, 4)):
        weights = torch.exp(-((rows - row) ** 2)[:, None] / (2 * sigma**2) - (columns - column) ** 2 / (2 * sigma**2))
        weights = weights * ((rows - row).abs() <= reach)[:, None] * ((columns - column).abs() <= reach)
        expected = (IMAGES * weights).sum((2, 3)) / weights.sum()
        torch.testing.assert_close(blurred[:, :, row, column], expected, rtol=1e-6, atol=1e-8)


def test_gaussian_mixes_by_the_blurred_mask():
    absent, fill = block(2, 3, 3, 3), 4.0
    degree = Blur(1.0)(absent.double(), torch.ones_like(absent))
    torch.testing.assert_close(Gaussian(1.0, fill)(IMAGES, absent), IMAGES * (1 - degree) + fill * degree)


@pytest.mark.parametrize("radius", [1, 1.5, 2])
def test_disc_is_the_union_of_discs_inside(radius: float):
    absent = torch.zeros(1, 1, 9, 9, dtype=torch.bool)
    absent[..., 1:8, 2:7] = True
    inside = torch.zeros_like(absent[0, 0])
    points = list(itertools.product(range(9), range(9)))
    for middle in points:
        disc = [point for point in itertools.product(range(-3, 12), repeat=2) if math.dist(point, middle) <= radius]
        if all(absent[0, 0][point] for point in disc if point in points):
            for point in disc:
                if point in points:
                    inside[point] = True
    removed = Disc(radius)(torch.ones(1, 1, 9, 9), absent)[0, 0] == 0
    assert torch.equal(removed, inside)


def test_segments_are_means_of_colours():
    segments = torch.randint(4, (7, 9), generator=GENERATOR)
    found = Segments(segments)(IMAGES, ABSENT)
    for example, channel in itertools.product(range(3), range(2)):
        for segment in range(4):
            here = ABSENT[example, channel] & (segments == segment)
            mean = IMAGES[example, channel][segments == segment].mean()
            torch.testing.assert_close(found[example, channel][here], mean.expand(int(here.sum())))
    alone = Segments()(IMAGES, ABSENT)
    for example, channel in itertools.product(range(3), range(2)):
        here = ABSENT[example, channel]
        torch.testing.assert_close(
            alone[example, channel][here], IMAGES[example, channel][here].mean().expand(int(here.sum()))
        )


def test_patches():
    found = Segments(4)(IMAGES, torch.ones_like(ABSENT))
    torch.testing.assert_close(
        found[:, :, :4, :4], IMAGES[:, :, :4, :4].mean((2, 3), keepdim=True).expand(-1, -1, 4, 4)
    )
    torch.testing.assert_close(
        found[:, :, 4:, 8:], IMAGES[:, :, 4:, 8:].mean((2, 3), keepdim=True).expand(-1, -1, 3, 1)
    )


def test_masks_of_rise_are_smooth_and_shifted_at_random():
    ones, absent = torch.ones(40, 1, 24, 24), torch.rand(40, 1, 4, 4, generator=GENERATOR) < 0.5
    cells = absent.repeat_interleave(6, 2).repeat_interleave(6, 3)
    left = Rise(cells=4)(ones, cells)
    assert ((left >= 0) & (left <= 1)).all()
    assert max(left.diff(dim=dimension).abs().max() for dimension in (2, 3)) < 0.4
    assert torch.equal(left, Rise(cells=4)(ones, cells))
    moved = (left != Rise(cells=4, seed=1)(ones, cells)).flatten(1).any(1)
    assert moved.float().mean() > 0.8
    # On average over masks and shifts, it takes away what the masks do.
    correlation = torch.corrcoef(torch.stack([1 - left.flatten(), cells.float().flatten()]))[0, 1]
    assert correlation > 0.5


def test_occlusion_by_discs():
    """Of a window of five, the middle is taken away and the corners are not; at the edges there are none."""
    x = torch.ones(1, 1, 15, 15, dtype=torch.float64)
    window = Occlusion(sliding_window_shapes=(1, 5, 5), strides=(1, 5, 5))
    corner, middle = (
        window(Problem(lambda x, at=at: x[:, 0, at, at], x), removal=Disc(2)).values[0].any() for at in (5, 7)
    )
    assert (bool(corner), bool(middle)) == (False, True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Blur(0), "sigma must be a finite number above zero: got 0"),
        (lambda: Gaussian(math.nan), "sigma must be a finite number above zero: got nan"),
        (lambda: Disc(-1), "radius must be a finite number above zero: got -1"),
        (lambda: Segments(0), "segments must be"),
        (lambda: Rise(0), "cells must be"),
        (
            lambda: Disc(3)(IMAGES, block(1, 1, 3, 3)),
            "radius of Disc must fit into what is absent: one of 3 fits nowhere",
        ),
        (
            lambda: Blur(1, dimensions=(4,))(IMAGES, ABSENT),
            r"dimensions of Blur must be a .* expected 1 to 3, got \(4,",
        ),
        (
            lambda: Blur(1, dimensions=(2, -2))(IMAGES, ABSENT),
            r"dimensions of Blur must be .* each once: .* got \(2, -2",
        ),
        (lambda: Disc(1)(*FOUR_DIMENSIONS), "dimensions of Disc must be three at most: got 4."),
        (lambda: Rise(2)(*FOUR_DIMENSIONS), "dimensions of Rise must be three at most: got 4."),
        (lambda: Blur(1, dimensions=2)(IMAGES, ABSENT), "dimensions of Blur must be a tuple of .* got 2 for"),
        (lambda: Gaussian(1, torch.ones(5))(IMAGES, ABSENT), "fill must be the same for all .* broadcast to inputs"),
        (
            lambda: Gaussian(1, IMAGES)(IMAGES, ABSENT),
            r"fill must be the same for all .* expected \[1, 2, 7, 9\], got \[3, 2",
        ),
        (lambda: Segments(torch.zeros(5, dtype=torch.long))(IMAGES, ABSENT), "segments must broadcast to inputs"),
    ],
)
def test_errors(make: Any, message: str):
    with pytest.raises(InvalidArgument, match=message):
        make()


@every_removal
def test_inputs_without_space(removal: Any):
    x = torch.ones(3, 2, 0, 6)
    found = FeatureAblation()(Problem(lambda x: x.flatten(1).sum(1), x), removal=removal)
    assert found.values[0].shape == x.shape
