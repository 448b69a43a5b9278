"""What coalitions count, all at once, is what the kernel says of each perturbed input."""

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from laws.problems import f_of
from laws.registry import close
from pellucid import attr, methods
from pellucid.attr.lime import get_exp_kernel_similarity_function
from pellucid.core.games.game import Game
from pellucid.errors import InvalidArgument
from pellucid.methods import ExponentialKernel
from zoo.specimens import Tensors

distances = pytest.mark.parametrize("distance", ["cosine", "euclidean"])
SHAPES = {"one input": ((4,),), "images": ((2, 3, 3),), "two inputs": ((4,), (2, 3))}
shapes = pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)


def numbers(shapes: Any, seed: int, n: int = 3) -> Tensors:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(n, *shape, generator=generator, dtype=torch.float64) for shape in shapes)


def masks(shapes: Any, of: str) -> tuple[Tensor, ...] | None:
    """No mask, or features shared by inputs, with gaps, for all examples or each."""
    generator = torch.Generator().manual_seed(9)
    rows = {"none": 0, "mask": 1, "a mask for each example": 3}[of]
    drawn = tuple(2 * torch.randint(4, (rows, *shape), generator=generator) for shape in shapes)
    return drawn if rows else None


def replaced_by(fill: Tensors) -> Any:
    """A removal that puts these in the place of what is absent, in copies of the whole batch."""

    def remove(x: Any, absent: Any) -> Any:
        tensors, masks = (x, absent) if isinstance(x, tuple) else ((x,), (absent,))
        return tuple(
            torch.where(mask, filled.repeat(len(tensor) // len(filled), *[1] * (tensor.ndim - 1)), tensor)
            for tensor, mask, filled in zip(tensors, masks, fill, strict=True)
        )

    return remove


def one_by_one(kernel: ExponentialKernel, game: Game, fill: Tensors, present: Tensor, apart: bool) -> Tensor:
    """What the kernel says when called."""
    x = game.f.x
    found = torch.empty(len(x[0]) if apart else 1, len(present), dtype=torch.float64)
    for sample in range(len(present)):
        there = game.features.element_masks(present[sample : sample + 1], slice(None))
        near = tuple(torch.where(*triple).flatten(0, 1) for triple in zip(there, x, fill, strict=True))
        for row in range(len(found)):
            some = slice(row, row + 1) if apart else slice(None)
            found[row, sample] = kernel(tuple(each[some] for each in x), tuple(each[some] for each in near), None)
    return found


@distances
@shapes
@pytest.mark.parametrize("mask", ["none", "mask", "a mask for each example"])
@pytest.mark.parametrize("apart", [True, False], ids=["each example", "the batch"])
@pytest.mark.parametrize("each_its_own", [True, False], ids=["own coalitions", "shared coalitions"])
@pytest.mark.parametrize("removed", [False, True], ids=["baselines", "a removal"])
def test_of_coalitions(distance: Any, shapes: Any, mask: str, apart: bool, each_its_own: bool, removed: bool):
    x, fill = numbers(shapes, 0), numbers(shapes, 1)
    absence = (None, replaced_by(fill)) if removed else (fill,)
    game = Game(f_of(lambda *inputs: inputs[0].flatten(1).sum(1), x), masks(shapes, mask), *absence)
    generator = torch.Generator().manual_seed(2)
    present = torch.rand(8, 3 if each_its_own else 1, game.features.count, generator=generator) < 0.5
    if each_its_own and not apart:
        present = present[:, :1]
    kernel = ExponentialKernel(distance, 2.5)
    found = kernel.weights_of_coalitions(game, present, apart=apart)
    assert (found.shape, found.dtype) == ((3 if apart else 1, 8), torch.float64)
    # One call is made in float32, as in Captum.
    torch.testing.assert_close(found, one_by_one(kernel, game, fill, present, apart), rtol=2e-6, atol=2e-7)


@distances
@pytest.mark.parametrize(("x", "fill"), [(0.0, 0.0), (0.0, 2.0), (1.5, 0.0)])
def test_of_vectors_of_zeros(distance: Any, x: float, fill: float):
    original, filled = torch.full((1, 3), x), torch.full((1, 3), fill)
    f = f_of(lambda x: x.sum(1), original)
    if x == fill:
        with pytest.warns(match="baselines are equal"):
            game = Game(f, None, filled)
    else:
        game = Game(f, None, filled)
    present = torch.tensor(list(itertools.product([False, True], repeat=3))).unsqueeze(1)
    kernel = ExponentialKernel(distance)
    found = kernel.weights_of_coalitions(game, present, apart=True)
    assert found.isfinite().all()
    torch.testing.assert_close(found, one_by_one(kernel, game, (filled,), present, apart=True), rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("width", [1.0, 2.0, 3.0])
def test_its_formula(width: float):
    x, z = torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 0.0]])
    cosine, euclidean = (ExponentialKernel(each, width)(x, z) for each in ("cosine", "euclidean"))
    assert math.isclose(cosine, math.exp(-((1 - 9 / 15) ** 2) / (2 * width**2)), rel_tol=1e-6)
    assert math.isclose(euclidean, math.exp(-16 / (2 * width**2)), rel_tol=1e-5)


@distances
def test_what_is_not_changed_counts_one(distance: Any):
    x = torch.tensor([[0.1, -7.0, 3.3]])
    torch.testing.assert_close(ExponentialKernel(distance, 0.5)(x, x.clone()), torch.tensor(1.0))


@distances
def test_what_several_inputs_count_is_what_they_do_as_one(distance: Any):
    x, z = numbers(SHAPES["two inputs"], 0, 1), numbers(SHAPES["two inputs"], 1, 1)
    kernel = ExponentialKernel(distance)
    flat = [torch.cat([each.flatten() for each in value]) for value in (x, z)]
    close((kernel(x, z),), (kernel(*flat),), rtol=1e-6)


def test_captum_s_function_is_this_kernel():
    assert get_exp_kernel_similarity_function("euclidean", 3.0) == ExponentialKernel("euclidean", 3.0)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_lime_weighs_by_it_as_by_a_function_of_the_user_s(distance: Any):
    x, mask = numbers(((6,),), 0)[0], torch.tensor([[0, 1, 1, 2, 3, 3]])
    kernel = ExponentialKernel(distance, 0.75)
    given = {"feature_mask": mask, "n_samples": 20, "seed": 1, "baselines": 0.5}

    def of(similarity: Any) -> Tensor:
        lime = attr.Lime(lambda x: x.prod(1) + x.sum(1), methods.Lasso(alpha=0.001), similarity)
        return lime.attribute(x, **given)

    together, one_by_one = of(kernel), of(lambda *args, **named: kernel(*args, **named))
    torch.testing.assert_close(together, one_by_one, rtol=1e-5, atol=1e-6)
    assert together.any()


@pytest.mark.parametrize("distance", ["manhattan", None, 2])
def test_other_distances_are_refused(distance: Any):
    for make in (ExponentialKernel, get_exp_kernel_similarity_function):
        with pytest.raises(InvalidArgument, match=f'distance_mode must be "cosine" or "euclidean": got {distance!r}'):
            make(distance)
