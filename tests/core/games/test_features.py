"""Features and windows, against slow loops."""

import itertools
import random
from typing import Any

import pytest
import torch
from torch import Tensor

from pellucid import methods
from pellucid.core.games.features import HIGHEST_ID, Features
from pellucid.core.games.windows import Windows
from pellucid.core.tensors import Tensors
from pellucid.errors import InvalidArgument
from pellucid.methods import Problem

SEEDS = range(12)


def points(pick: random.Random, n: int = 3) -> Tensors:
    """One to three tensors of random shapes."""
    shapes = [[pick.randint(1, 4) for _ in range(pick.randint(1, 3))] for _ in range(pick.randint(1, 3))]
    return tuple(torch.randint(3, (n, *shape)).double() for shape in shapes)


def masked(pick: random.Random, x: Tensors) -> tuple[Tensor, ...]:
    """Masks with gaps and shared numbers, for all examples or each."""
    return tuple(torch.randint(6, (pick.choice([1, len(each)]), *each.shape[1:])) * 3 for each in x)


@pytest.fixture(params=SEEDS)
def pick(request: pytest.FixtureRequest) -> random.Random:
    torch.manual_seed(request.param)
    return random.Random(request.param)


class TestFeatures:
    def test_numbering(self, pick: random.Random):
        x = points(pick)
        given = masked(pick, x)
        found = Features.of(x, given)
        for features, numbers in zip(found.masks, given, strict=True):
            assert torch.equal(found.ids[features], numbers)
        assert len(found.ids) == found.count == len({n for mask in given for n in mask.flatten().tolist()})
        order = list(dict.fromkeys(n for mask in given for n in sorted(set(mask.flatten().tolist()))))
        assert found.ids.tolist() in (order, sorted(order))

    def test_each_element_is_one_without_a_mask(self):
        found = Features.of((torch.ones(2, 2, 2), torch.ones(2, 3)), None)
        assert found.masks[0].tolist() == [[[0, 1], [2, 3]]]
        assert found.masks[1].tolist() == [[4, 5, 6]]
        assert found.count == 7

    def test_belonging(self, pick: random.Random):
        features = Features.of(x := points(pick), masked(pick, x))
        asked = [-1, *range(features.count)]
        for mask, found in zip(features.masks, features.masks_of(torch.tensor(asked), slice(None)), strict=True):
            assert found.shape == (len(asked), *mask.shape)
            for row, feature in enumerate(asked):
                assert torch.equal(found[row], mask == feature)

    def test_among(self, pick: random.Random):
        features = Features.of(x := points(pick), masked(pick, x))
        coalitions = torch.rand(5, features.count) < 0.5
        for mask, found in zip(features.masks, features.element_masks(coalitions[:, None], slice(None)), strict=True):
            for row, index in itertools.product(range(5), itertools.product(*map(range, mask.shape))):
                assert found[(row, *index)] == coalitions[row, mask[index]]

    def test_spread(self, pick: random.Random):
        features = Features.of(x := points(pick), masked(pick, x))
        values = torch.randn(6, features.count)  # three examples of two values
        for mask, each, found in zip(features.masks, x, features.spread(values), strict=True):
            assert found.shape == (6, *each.shape[1:])
            for index in itertools.product(*map(range, found.shape)):
                row = 0 if len(mask) == 1 else index[0] // 2
                assert found[index] == values[index[0], mask[(row, *index[1:])]]

    def test_differing(self, pick: random.Random):
        features = Features.of(x := points(pick), masked(pick, x))
        other = tuple(torch.where(torch.rand(each.shape) < 0.8, each, each + 1) for each in x)
        expected = {
            int(mask.expand_as(one)[index])
            for mask, one, two in zip(features.masks, x, other, strict=True)
            for index in itertools.product(*map(range, one.shape))
            if one[index] != two[index]
        }
        assert features.changed_features(x, other).tolist() == sorted(expected)

    def test_totals(self, pick: random.Random):
        features = Features.of(x := points(pick), masked(pick, x))
        found = features.sum_per_feature(x)
        assert (found.shape, found.dtype) == ((3, features.count), torch.float64)
        for row, feature in itertools.product(range(3), range(features.count)):
            total = sum(
                float(each[row][mask.expand_as(each)[row] == feature].sum())
                for mask, each in zip(features.masks, x, strict=True)
            )
            assert float(found[row, feature]) == total

    def test_numbers_go_from_the_lowest_to_the_highest(self, pick: random.Random):
        given = masked(pick, x := points(pick))
        every = [number for mask in given for number in mask.flatten().tolist()]
        assert Features.of(x, given).id_range == range(min(every), max(every) + 1)

    def test_numbers_without_a_mask(self):
        assert Features.of((torch.ones(2, 2, 2), torch.ones(2, 3)), None).id_range == range(7)
        assert Features.of((torch.ones(2, 0),), None).id_range == range(0)

    def test_numbers_that_are_too_high(self):
        x = torch.ones(1, 2)
        assert Features.of((x,), torch.tensor([[0, HIGHEST_ID - 1]])).id_range == range(HIGHEST_ID)
        with pytest.raises(InvalidArgument, match=f"number features below {HIGHEST_ID}.* got {HIGHEST_ID}"):
            _ = Features.of((x,), torch.tensor([[0, HIGHEST_ID]])).id_range


def windowed(pick: random.Random, x: Tensors) -> tuple[Windows, list[tuple[int, list[range]]]]:
    """Windows, and the same as a list: of which tensor, and the places in each dimension."""
    sizes = tuple(tuple(pick.randint(1, length) for length in each.shape[1:]) for each in x)
    steps = tuple(tuple(pick.randint(1, size) for size in each) for each in sizes)
    slow = []
    for tensor, (each, size, step) in enumerate(zip(x, sizes, steps, strict=True)):
        sides = []
        for length, window, move in zip(each.shape[1:], size, step, strict=True):
            start, side = 0, []
            while not side or side[-1].stop < length:
                side.append(range(start, min(start + window, length)))
                start += move
            sides.append(side)
        # The first dimension changes fastest.
        slow += [(tensor, list(reversed(box))) for box in itertools.product(*reversed(sides))]
    return Windows.of(x, sizes, steps), slow


def inside(box: list[range], index: tuple[int, ...]) -> bool:
    return all(place in side for place, side in zip(index, box, strict=True))


class TestWindows:
    def test_belonging(self, pick: random.Random):
        windows, slow = windowed(pick, x := points(pick))
        assert windows.count == len(slow)
        found = windows.masks_of(torch.arange(-1, windows.count), slice(None))
        for tensor, each in enumerate(x):
            assert found[tensor].shape == (windows.count + 1, 1, *each.shape[1:])
            assert not found[tensor][0].any()
            for row, (of, box) in enumerate(slow):
                for index in itertools.product(*map(range, each.shape[1:])):
                    assert found[tensor][(row + 1, 0, *index)] == (of == tensor and inside(box, index))

    @pytest.mark.parametrize("dtype", [torch.float64, torch.int64], ids=str)
    def test_spread(self, pick: random.Random, dtype: torch.dtype):
        windows, slow = windowed(pick, x := points(pick))
        values = torch.randn(4, windows.count, dtype=torch.float64).mul(9).to(dtype)
        for tensor, found in enumerate(windows.spread(values)):
            assert found.shape == (4, *x[tensor].shape[1:])
            for row, *index in itertools.product(*map(range, found.shape)):
                over = [window for window, (of, box) in enumerate(slow) if of == tensor and inside(box, tuple(index))]
                torch.testing.assert_close(
                    float(found[(row, *index)]), float(values[row, over].double().mean()), rtol=1e-6, atol=1e-6
                )

    def test_differing(self, pick: random.Random):
        windows, slow = windowed(pick, x := points(pick))
        other = tuple(torch.where(torch.rand(each.shape) < 0.9, each, each + 1) for each in x)
        expected = [
            window
            for window, (tensor, box) in enumerate(slow)
            if any(inside(box, tuple(index[1:].tolist())) for index in (x[tensor] != other[tensor]).nonzero())
        ]
        assert windows.changed_features(x, other).tolist() == expected


MASK = torch.tensor([[0, 0, 1, 1], [0, 1, 1, 0], [0, 1, 0, 2]])
"""Other features in each example."""


def curved(x: Tensor) -> Tensor:
    return (x * torch.arange(1, 5, dtype=x.dtype)).sin().cumprod(1).sum(1)


def three_rows() -> Tensor:
    return torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(
    "method",
    [
        methods.FeatureAblation(),
        methods.FeaturePermutation(perm_func=lambda x, mask: torch.where(mask, x + 1, x)),
        methods.ShapleyValues(),
        methods.ShapleyValueSampling(seed=0),
        methods.BanzhafValues(),
        methods.KernelShap(seed=0),
        methods.Lime(seed=0),
    ],
    ids=lambda method: type(method).__name__,
)
@pytest.mark.parametrize("nt_samples_batch_size", [None, 1, 3])
def test_noisy_copies_have_the_features_of_their_example(method: Any, nt_samples_batch_size: int | None):
    problem = Problem(curved, three_rows())
    noisy = methods.NoiseTunnel(
        attribution_method=method, nt_samples=4, nt_samples_batch_size=nt_samples_batch_size, stdevs=0.0, seed=0
    )
    torch.testing.assert_close(noisy(problem, feature_mask=MASK).values, method(problem, feature_mask=MASK).values)


@pytest.mark.parametrize("nt_samples", [4, "auto"])
def test_noise_around_features_of_each_example_is_that_of_the_example_alone(nt_samples: Any):
    x = three_rows() * torch.tensor([[0.01], [1.0], [3.0]])

    def smooth(rows: list[int]) -> Tensor:
        noisy = methods.NoiseTunnel(
            attribution_method=methods.ShapleyValues(), nt_samples=nt_samples, tolerance=0.2, stdevs=0.5, seed=rows
        )
        return noisy(Problem(curved, x[rows]), feature_mask=MASK[rows]).values[0]

    torch.testing.assert_close(smooth([0, 1, 2]), torch.cat([smooth([row]) for row in range(3)]))
