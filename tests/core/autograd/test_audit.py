"""Functions that are linear, or only move numbers, are taken for what they are, by whatever node autograd records."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from methods.deeplift.summation import EXAMPLES, adds_up, numbers
from pellucid import attr
from pellucid.core.autograd.audit import kind_of
from pellucid.errors import NotSupported
from pellucid.methods import LRP, Problem

SIZE = 4
TRIANGLE = torch.eye(SIZE, dtype=torch.float64) + numbers(SIZE, SIZE).tril() / 4
ZEROS = torch.zeros(SIZE, dtype=torch.float64)
Function = Callable[[Tensor], Tensor]

MODES = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "area": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "bicubic": (2,),
    "trilinear": (3,),
}


@pytest.mark.parametrize("scale", [0.75, 1.5])
@pytest.mark.parametrize(("mode", "dims"), [(mode, dims) for mode, several in MODES.items() for dims in several])
def test_interpolation(mode: str, dims: int, scale: float):
    x, x0 = (numbers(EXAMPLES, 2, *[SIZE] * dims, seed=seed) for seed in (0, 1))
    adds_up(lambda x: functional.interpolate(x, scale_factor=scale, mode=mode), x, x0)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", pytest.param("lanczos", marks=pytest.mark.newer)])
def test_antialiased_interpolation(mode: str):
    x, x0 = (numbers(EXAMPLES, 2, 6, 6, seed=seed) for seed in (0, 1))
    adds_up(lambda x: functional.interpolate(x, size=(SIZE, 3), mode=mode, antialias=True), x, x0)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("name", ["adaptive_avg_pool", "avg_pool", "conv", "conv_transpose", "pad", "max_unpool"])
def test_layers_of_images(name: str, dims: int):
    x, x0 = (numbers(EXAMPLES, 2, *[SIZE] * dims, seed=seed) for seed in (0, 1))
    places = torch.arange(SIZE**dims).view(1, 1, *[SIZE] * dims).expand_as(x)
    functions: dict[str, Function] = {
        "conv": lambda x: getattr(functional, f"conv{dims}d")(x, numbers(3, 2, *[2] * dims), dilation=2),
        "conv_transpose": lambda x: getattr(functional, f"conv_transpose{dims}d")(x, numbers(2, 3, *[2] * dims)),
        "pad": lambda x: torch.stack(
            [functional.pad(x, [1] * 2 * dims, mode) for mode in ("constant", "circular", "reflect", "replicate")], 1
        ),
        "max_unpool": lambda x: getattr(functional, f"max_unpool{dims}d")(x, places, 2),
    }
    adds_up(functions.get(name, lambda x: getattr(functional, f"{name}{dims}d")(x, 2)), x, x0)


@pytest.mark.parametrize(
    ("mode", "dims"), [("bilinear", 2), ("nearest", 2), ("bicubic", 2), ("bilinear", 3), ("nearest", 3)]
)
def test_sampled_grids(mode: str, dims: int):
    x, x0 = (numbers(EXAMPLES, 2, *[SIZE] * dims, seed=seed) for seed in (0, 1))
    grid = numbers(EXAMPLES, *[3] * dims, dims).tanh()
    adds_up(lambda x: functional.grid_sample(x, grid[: len(x)], mode=mode, align_corners=False), x, x0)


MOVING: dict[str, Function] = {
    "channel_shuffle": lambda x: functional.channel_shuffle(x[..., None], 2),
    "pixel_shuffle": lambda x: functional.pixel_shuffle(x[..., None], 2),
    "pixel_unshuffle": lambda x: functional.pixel_unshuffle(x[:, None], 2),
    "roll": lambda x: x.roll(1, 1),
    "flip": lambda x: x.flip(1),
    "rot90": lambda x: x.rot90(1, (1, 2)),
    "diag": lambda x: torch.stack([torch.diag(each) for each in x]),
    "diagonal_scatter": lambda x: x.new_zeros(len(x), SIZE, SIZE).diagonal_scatter(x[:, 0], 0, 1, 2),
    "select_scatter": lambda x: x.new_zeros(len(x), SIZE, SIZE).select_scatter(x[:, 0], 1, 2),
    "slice_scatter": lambda x: x.new_zeros(len(x), SIZE, SIZE).slice_scatter(x[:, :2], 1, 0, 2),
    "as_strided_scatter": lambda x: x.new_zeros(len(x), SIZE, 2).as_strided_scatter(
        x[..., 0].contiguous(), (len(x), SIZE), (2 * SIZE, 2)
    ),
    "to_sparse": lambda x: torch.stack([each.to_sparse().to_dense() for each in x]),
    "unfold": lambda x: x.unfold(1, 2, 1),
    "view_copy": lambda x: torch.view_copy(x, (len(x), -1)),
    "permute_copy": lambda x: torch.permute_copy(x, (0, 2, 1)),
    "select_copy": lambda x: torch.select_copy(x, 1, 0),
    "imaginary part of a conjugate": lambda x: torch.complex(x, x).conj().imag,
}

ADDING: dict[str, Function] = {
    "fold": lambda x: functional.fold(x, (3, 3), 2),
    "unfold of images": lambda x: functional.unfold(x[:, None], 2),
    "istft": lambda x: torch.stack(
        [
            torch.istft(torch.complex(each[:3], 0 * each[:3]), 4, window=torch.ones(4, dtype=x.dtype), center=False)
            for each in x
        ]
    ),
    "nansum": lambda x: x.nansum(1),
    "nanmean": lambda x: x.nanmean(1),
    "trapezoid": lambda x: torch.trapezoid(x),
    "deg2rad": torch.deg2rad,
    "rad2deg": torch.rad2deg,
    "cross": lambda x: torch.linalg.cross(x[..., :3], numbers(SIZE, 3).expand(len(x), -1, -1)),
    "conv_tbc": lambda x: torch.conv_tbc(x.transpose(0, 1).contiguous(), numbers(2, SIZE, 3), numbers(3)).cumsum(0)[-1],
    "a product with a sparse matrix": lambda x: torch.stack([TRIANGLE.to_sparse() @ each for each in x]),
}

LINEAR: dict[str, Function] = {
    "ldexp": lambda x: torch.ldexp(x, torch.tensor(2)),
    "solve": lambda x: torch.linalg.solve(TRIANGLE, x),
    "solve, at the right": lambda x: torch.linalg.solve(TRIANGLE, x, left=False),
    "solve_triangular": lambda x: torch.linalg.solve_triangular(TRIANGLE, x, upper=False),
    "cholesky_solve": lambda x: torch.cholesky_solve(x, TRIANGLE.expand(len(x), -1, -1)),
    "lu_solve": lambda x: torch.linalg.lu_solve(*torch.linalg.lu_factor(TRIANGLE), x),
}

PLACES = tuple(numbers(EXAMPLES, SIZE, SIZE, seed=seed) for seed in (0, 1))


@pytest.mark.parametrize("name", MOVING | ADDING | LINEAR)
@pytest.mark.filterwarnings("ignore:Sparse")
def test_functions(name: str):
    adds_up((MOVING | ADDING | LINEAR)[name], *PLACES)


@pytest.mark.parametrize("name", MOVING | ADDING)
@pytest.mark.filterwarnings("ignore:Sparse")
def test_functions_for_relevance(name: str):
    function = (MOVING | ADDING)[name]
    LRP(strict=True)(Problem(lambda x: function(x).flatten(1).sum(1), PLACES[0]))


def shifted(x: Tensor) -> Tensor:
    """Matrices that have an inverse."""
    return x + 5 * torch.eye(SIZE, dtype=x.dtype)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("solve", lambda x: torch.linalg.solve(shifted(x), ZEROS + 1)),
        ("solve", lambda x: torch.linalg.solve(shifted(x), x)),
        ("solve_triangular", lambda x: torch.linalg.solve_triangular(shifted(x).tril(), x, upper=False)),
        ("cholesky_solve", lambda x: torch.cholesky_solve(x, shifted(x).tril())),
        ("ldexp", lambda x: torch.ldexp(torch.ones_like(x), x)),
    ],
)
def test_what_is_linear_in_another_argument_is_told(name: str, function: Function):
    with pytest.raises(NotSupported, match=f"no rule for [a-z_]*{name}"):
        attr.DeepLift(lambda x: function(x).flatten(1).sum(1)).attribute(*PLACES, strict=True)


def test_products_of_vectors_that_both_depend_on_the_inputs():
    adds_up(lambda x: torch.linalg.cross(x[..., :3].exp(), x[..., 1:].sin()), *PLACES)


def test_kinds_are_names_without_suffixes():
    x = numbers(SIZE, SIZE).requires_grad_()
    kinds = {kind_of(y.grad_fn) for y in (x * 2, torch.view_copy(x, (-1,)), x.diagonal(), torch.diag(x))}
    assert kinds == {"Mul", "View", "Diagonal"}
