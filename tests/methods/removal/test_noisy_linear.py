"""NoisyLinear beside the linear equations, solved one image at a time."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pellucid.errors import InvalidArgument
from pellucid.methods import NoisyLinear, Occlusion, Problem

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randn(3, 2, 7, 9, generator=GENERATOR, dtype=torch.float64)
ABSENT = torch.rand(3, 2, 7, 9, generator=GENERATOR) < 0.5


def solved(image: np.ndarray, absent: np.ndarray) -> np.ndarray:
    """The image whose absent pixels are weighted means of their neighbours: 1/6 beside, 1/12 across."""
    height, width = image.shape
    places = [place for place in itertools.product(range(height), range(width)) if absent[place]]
    matrix, right = np.zeros((len(places), len(places))), np.zeros(len(places))
    for number, (row, column) in enumerate(places):
        for down, across in itertools.product((-1, 0, 1), repeat=2):
            other = (row + down, column + across)
            if (down or across) and 0 <= other[0] < height and 0 <= other[1] < width:
                weight = 1 / 12 if down and across else 1 / 6
                matrix[number, number] += weight
                if absent[other]:
                    matrix[number, places.index(other)] -= weight
                else:
                    right[number] += weight * image[other]
    filled = image.copy()
    if places:
        filled[tuple(zip(*places, strict=True))] = np.linalg.solve(matrix, right)
    return filled


@pytest.mark.parametrize("shape", [(3, 2, 7, 9), (2, 1, 1, 6), (2, 1, 6, 1), (1, 1, 2, 2)], ids=str)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_absent_pixels_solve_the_equations(shape: tuple[int, ...], share: float):
    images = torch.randn(shape, generator=GENERATOR, dtype=torch.float64)
    absent = torch.rand(shape, generator=GENERATOR) < share
    absent[..., 0, 0] = False
    found = NoisyLinear(noise=0)(images, absent)
    for example, channel in itertools.product(*map(range, shape[:2])):
        expected = solved(images[example, channel].numpy(), absent[example, channel].numpy())
        np.testing.assert_allclose(found[example, channel].numpy(), expected, atol=1e-4)
    assert torch.equal(found[~absent], images[~absent])


def test_what_is_removed_has_no_influence():
    found = NoisyLinear()(IMAGES, ABSENT)
    for hidden in (1e6, math.nan, math.inf):
        other = NoisyLinear()(IMAGES.masked_fill(ABSENT, hidden), ABSENT)
        torch.testing.assert_close(other, found, rtol=0, atol=1e-4)


def test_a_plane_is_filled_by_itself_but_at_its_edges():
    plane = torch.arange(9.0)[:, None] * 2 + torch.arange(9.0)
    absent = torch.zeros(1, 1, 9, 9, dtype=torch.bool)
    absent[..., 2:7, 3:8] = True
    torch.testing.assert_close(NoisyLinear(noise=0)(plane[None, None], absent)[0, 0], plane, rtol=0, atol=1e-3)


def test_the_noise_is_of_its_size_and_the_same_for_the_same_pixel():
    images, absent = torch.zeros(2, 3, 40, 40), torch.ones(2, 3, 40, 40, dtype=torch.bool)
    found = NoisyLinear(noise=0.5)(images, absent)
    assert float(found.std()) == pytest.approx(0.5, rel=0.03)
    assert float(found.mean()) == pytest.approx(0, abs=0.03)
    assert torch.equal(found[0], found[1])
    assert torch.equal(NoisyLinear(noise=0.5)(images[1:], absent[1:])[0], found[0])
    assert not torch.equal(NoisyLinear(noise=0.5, seed=1)(images, absent), found)
    state = torch.get_rng_state()
    NoisyLinear()(IMAGES, ABSENT)
    assert torch.equal(torch.get_rng_state(), state)


def test_rows_are_exactly_independent():
    few = torch.zeros_like(ABSENT)
    few[0, :, 2, 2] = True
    few[1] = ABSENT[1]
    together = NoisyLinear()(IMAGES, few)
    for row in range(3):
        alone = NoisyLinear()(IMAGES[[row]], few[[row]])
        torch.testing.assert_close(alone[0], together[row], rtol=1e-12, atol=1e-12)


def test_without_anything_left_there_is_one_grey():
    found = NoisyLinear(noise=0)(IMAGES, torch.ones_like(ABSENT))
    torch.testing.assert_close(found, IMAGES.mean((2, 3), keepdim=True).expand_as(IMAGES))
    assert torch.equal(NoisyLinear()(IMAGES, torch.zeros_like(ABSENT)), IMAGES)


def test_an_image_of_one_pixel():
    pixel = torch.full((2, 3, 1, 1), 2.0)
    assert torch.equal(NoisyLinear(noise=0)(pixel, torch.ones_like(pixel, dtype=torch.bool)), pixel)
    assert torch.equal(NoisyLinear(noise=0)(pixel, torch.zeros_like(pixel, dtype=torch.bool)), pixel)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_dtypes(dtype: torch.dtype):
    found = NoisyLinear()(IMAGES.to(dtype), ABSENT)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), NoisyLinear()(IMAGES, ABSENT), rtol=0.02, atol=0.03)


def test_channels_last_and_no_channels():
    plain = NoisyLinear()(IMAGES, ABSENT)
    last = NoisyLinear(dimensions=(1, 2))(IMAGES.movedim(1, -1), ABSENT.movedim(1, -1))
    torch.testing.assert_close(last.movedim(-1, 1), plain)
    without = NoisyLinear(noise=0, dimensions=(1, 2))(IMAGES[:, 0], ABSENT[:, 0])
    torch.testing.assert_close(without, NoisyLinear(noise=0)(IMAGES[:, :1], ABSENT[:, :1])[:, 0])


def test_no_images_are_left_as_they_are():
    assert NoisyLinear()(IMAGES[:0], ABSENT[:0]).shape == (0, 2, 7, 9)


@pytest.mark.parametrize("noise", [-0.1, math.nan, math.inf])
def test_noise_is_a_finite_number(noise: float):
    with pytest.raises(InvalidArgument, match="noise must be a finite number from zero on: got"):
        NoisyLinear(noise=noise)


@pytest.mark.parametrize(
    ("x", "dimensions"), [(torch.rand(2, 5), None), (torch.rand(2, 3, 5), None), (torch.rand(2, 1, 3, 3, 3), None)]
)
def test_space_has_height_and_width(x: Tensor, dimensions: Any):
    with pytest.raises(InvalidArgument, match="dimensions of NoisyLinear must be height and width"):
        NoisyLinear(dimensions=dimensions)(x, torch.ones_like(x, dtype=torch.bool))
    with pytest.raises(InvalidArgument, match="inputs must be floats for NoisyLinear"):
        NoisyLinear()(torch.ones(1, 1, 3, 3, dtype=torch.int64), torch.ones(1, 1, 3, 3, dtype=torch.bool))


def test_methods_take_it():
    problem = Problem(lambda x: x.sum((1, 2, 3)), IMAGES)
    found = Occlusion(sliding_window_shapes=(2, 7, 9))(problem, removal=NoisyLinear(noise=0)).values[0]
    torch.testing.assert_close(found, torch.zeros_like(found), rtol=0, atol=1e-9)
