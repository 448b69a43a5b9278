"""DeepLIFT adds up through products of many numbers, orders, scattered maxima, distances, norms and samplers."""

import itertools
import math
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.deeplift.summation import (
    EXACT,
    EXAMPLES,
    adds_up,
    differences,
    in_both_precisions,
    numbers,
    total,
    weighted,
)
from pellucid import attr
from pellucid.errors import NotSupported, PellucidWarning

INDEX = torch.tensor([[0, 2, 1, 0, 2, 2], [3, 3, 3, 0, 1, 2], [5, 4, 3, 2, 1, 0], [0, 0, 0, 0, 0, 0]])


def into(out: Callable[..., object], like: Tensor, *more: object, **named: object) -> Tensor:
    """What a function writes into its last argument, `out`."""
    target = torch.empty_like(like)
    out(*more, out=target, **named)
    return target


def scattered(x: Tensor, reduce: str, include_self: bool = True) -> Tensor:
    index = INDEX.expand(len(x), -1, -1)
    return x.cos().scatter_reduce(2, index, x.sin(), reduce, include_self=include_self)


def scattered_in_place(x: Tensor, reduce: str) -> Tensor:
    y = x.cos()
    y.scatter_reduce_(1, INDEX.clamp(max=3).expand(len(x), -1, -1), x.exp(), reduce=reduce)
    return y * 1


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    # products
    "prod": lambda x: x.prod(1),
    "prod of three, kept": lambda x: torch.prod(x[:, :3].sin(), 1, keepdim=True),
    "prod of the last dimension": lambda x: torch.prod(x, dim=-1) + x.exp().prod(2),
    "prod of all": lambda x: torch.stack([torch.prod(each.sin() + 1) + each[:1].prod() for each in x]),
    "prod of one": lambda x: x[:, :1].prod(1),
    "prod in another dtype": lambda x: x.prod(1, dtype=torch.float64).to(x),
    "cumprod": lambda x: x.cumprod(-1),
    "cumprod along two": lambda x: torch.cumprod(torch.cumprod(x, dim=1), dim=2),
    "cumprod in place": lambda x: (x + 1).cumprod_(1).sin(),
    "products that meet": lambda x: scattered(x, "prod"),
    "products that meet, without what was there": lambda x: scattered(x, "prod", include_self=False),
    # orders
    "sort": lambda x: torch.sort(x, -1).values,
    "sort of a tensor, both": lambda x: x.sort(dim=1, descending=True)[0].sin() + torch.sort(x.sin(), stable=True)[0],
    "sort without a dimension": lambda x: x.sort().values + torch.sort(x.exp(), descending=True)[0],
    "msort": lambda x: torch.msort(x.movedim(1, 0)).movedim(0, 1),
    "topk": lambda x: x.topk(3, 1).values + torch.topk(x.sin(), 3, dim=1)[0],
    "topk of the smallest": lambda x: torch.topk(x, k=2, largest=False).values,
    "topk in no order": lambda x: x.topk(4, -1, sorted=False)[0].sin().sum(-1),
    "kthvalue": lambda x: x.kthvalue(2, 1).values + torch.kthvalue(x.sin(), 3, dim=1, keepdim=True)[0][:, 0],
    "median": lambda x: x.median(1).values + torch.median(x.sin(), dim=1, keepdim=True)[0].squeeze(1),
    "median of the last dimension": lambda x: x.median(dim=-1).values,
    "median of all": lambda x: torch.stack([each.median() + torch.median(each.sin()) for each in x]),
    "nanmedian": lambda x: x.nanmedian(1).values + torch.nanmedian(x.cos(), 1)[0],
    "cummax and cummin": lambda x: x.cummax(1).values - torch.cummin(x.sin(), dim=2)[0],
    # what meets
    "scatter_reduce of maxima": lambda x: scattered(x, "amax"),
    "scatter_reduce of minima": lambda x: scattered(x, reduce="amin", include_self=False),
    "scatter_reduce in place": lambda x: scattered_in_place(x, "amax") + scattered_in_place(x, "amin"),
    "scatter_reduce of sums and means": lambda x: (scattered(x, "sum") + scattered(x, "mean")).tanh(),
    "scatter_reduce into a constant": lambda x: torch.full_like(x[..., :3], -9).scatter_reduce(
        2, INDEX.clamp(max=2).expand(len(x), -1, -1), x, "amax", include_self=False
    ),
    # distances and norms
    "cdist": lambda x: torch.cdist(x, x.sin()),
    "cdist of orders": lambda x: (
        torch.cdist(x, x.cos(), p=1) + torch.cdist(x, x.cos(), p=3.0) + torch.cdist(x, x.cos(), p=math.inf)
    ),
    "cdist to a constant": lambda x: torch.cdist(x, numbers(5, 6, dtype=x.dtype)),
    "cdist by products": lambda x: torch.cdist(x, x.exp(), compute_mode="use_mm_for_euclid_dist"),
    "pdist": lambda x: torch.stack([torch.pdist(each) + functional.pdist(each.sin(), 1.0) for each in x]),
    "norms of columns and rows": lambda x: sum(
        torch.linalg.matrix_norm(x, order) + torch.linalg.norm(x.sin(), order, (1, 2))
        for order in (1, -1, math.inf, -math.inf)
    ),
    "norms of columns, kept": lambda x: torch.linalg.matrix_norm(x, 1, keepdim=True) + torch.linalg.norm(x, 1, (2, 1))[
        :, None, None
    ],
    "the smallest norm": lambda x: torch.linalg.vector_norm(x, -math.inf, dim=-1),
    # complex numbers
    "sizes of complex numbers": lambda x: torch.fft.rfft(x).abs() + torch.absolute(torch.fft.rfft(x.sin())),
    "norms of complex numbers": lambda x: torch.linalg.vector_norm(torch.complex(x, x.sin()), dim=-1),
    "a spectrogram": lambda x: torch.stft(
        x.flatten(1), 8, 4, window=torch.hann_window(8, dtype=x.dtype), return_complex=True
    ).abs(),
    # what is linear
    "sparse.mm": lambda x: torch.stack([torch.sparse.mm(numbers(3, 4, dtype=x.dtype).to_sparse(), e.exp()) for e in x]),
    "sparse.addmm": lambda x: torch.stack(
        [torch.sparse.addmm(e[:3].sin(), numbers(3, 4, dtype=x.dtype).to_sparse(), e.exp()) for e in x]
    ),
    "weighted bags of embeddings": lambda x: functional.embedding_bag(
        torch.arange(6).repeat(4 * len(x), 1), numbers(6, 3, dtype=x.dtype), mode="sum",
        per_sample_weights=x.exp().flatten(0, 1),
    ).view(len(x), -1),
    "a sampled image": lambda x: functional.grid_sample(
        x[:, None].sin(), numbers(1, 3, 5, 2, dtype=x.dtype).tanh().expand(len(x), -1, -1, -1), align_corners=False
    ),
}  # fmt: skip


def quietly_adds_up(function: Callable[[Tensor], Tensor], x: Tensor, x0: Tensor, within: float = EXACT) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*(beta|Sparse).*")
        adds_up(function, x, x0, within)


@in_both_precisions(FUNCTIONS)
def test_functions_add_up(name: str, dtype: torch.dtype, within: float):
    x, x0 = numbers(EXAMPLES, 4, 6, dtype=dtype), 0.7 * numbers(EXAMPLES, 4, 6, seed=1, dtype=dtype)
    quietly_adds_up(FUNCTIONS[name], x, x0, within)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_add_up_where_inputs_and_baselines_hold_zeros_and_ties(name: str):
    x, x0 = numbers(EXAMPLES, 4, 6), numbers(EXAMPLES, 4, 6, seed=1)
    x[:, 1, ::2], x0[:, :2, 3], x0[:, 2] = 0, 0, x[:, 2]
    quietly_adds_up(
        lambda x: FUNCTIONS[name](x) + x.flatten(1).sum(1).reshape(-1, *[1] * (FUNCTIONS[name](x).ndim - 1)), x, x0
    )
    quietly_adds_up(lambda x: FUNCTIONS[name](functional.linear(x, numbers(6, 6, seed=5) / 2)) + 1, x, 0 * x0)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_where_nothing_changes_multipliers_are_gradients(name: str):
    x = numbers(EXAMPLES, 4, 6)
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(weighted(FUNCTIONS[name](leaf)).sum(), leaf)
    found = attr.DeepLift(FUNCTIONS[name], multiply_by_inputs=False).attribute(x, x.clone(), weighted)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


ROOTS = {
    "norm": lambda x: x.norm(dim=-1),
    "by hand": lambda x: x.square().sum(-1).sqrt(),
    "distances to each other": lambda x: torch.cdist(x, x),
}


@pytest.mark.parametrize("name", ROOTS)
def test_what_is_zero_at_both_ends_of_a_root_has_no_part(name: str):
    """Where torch's gradient of a root is infinite."""
    x, x0 = numbers(EXAMPLES, 4, 6), numbers(EXAMPLES, 4, 6, seed=1)
    x[:, 0] = x0[:, 0] = 0
    adds_up(ROOTS[name], x, x0)
    assert not attr.DeepLift(ROOTS[name]).attribute(x, x, weighted).any()


def shapley_of_product(x: Tensor, x0: Tensor) -> Tensor:
    """The Shapley values of a product of a few factors, of which two or three make up the integral as well."""
    players = len(x)
    found = torch.zeros_like(x)
    for order in itertools.permutations(range(players)):
        at = x0.clone()
        for place in order:
            before = at.prod()
            at[place] = x[place]
            found[place] += at.prod() - before
    return found / math.factorial(players)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_products_of_few_are_shared_as_in_all_orders(size: int):
    x, x0 = numbers(1, size), numbers(1, size, seed=1)
    found = attr.DeepLift(lambda x: x.prod(1)).attribute(x, x0)
    torch.testing.assert_close(found[0], shapley_of_product(x[0], x0[0]))


@pytest.mark.parametrize("size", [4, 7, 20])
def test_products_of_many_are_shared_as_integrated_gradients_share_them(size: int):
    x, x0 = numbers(2, size), numbers(2, size, seed=1)
    for function in (lambda x: x.prod(1), lambda x: x.cumprod(1).sum(1)):
        expected = attr.IntegratedGradients(function).attribute(x, x0, n_steps=20)
        torch.testing.assert_close(attr.DeepLift(function).attribute(x, x0), expected)


@pytest.mark.parametrize("size", [1, 2, 5, 12])
def test_the_largest_of_an_order_is_shared_as_a_maximum_is(size: int):
    x, x0 = numbers(EXAMPLES, size), numbers(EXAMPLES, size, seed=1)
    largest = attr.DeepLift(lambda x: x.amax(1)).attribute(x, x0)
    smallest = attr.DeepLift(lambda x: x.amin(1)).attribute(x, x0)
    for function, expected in (
        (lambda x: x.topk(1, 1).values[:, 0], largest),
        (lambda x: x.sort(1).values[:, -1], largest),
        (lambda x: x.cummax(1).values[:, -1], largest),
        (lambda x: x.kthvalue(1, 1).values, smallest),
        (lambda x: x.sort(1).values[:, 0], smallest),
        (lambda x: x.topk(1, largest=False).values[:, 0], smallest),
    ):
        torch.testing.assert_close(attr.DeepLift(function).attribute(x, x0), expected)


def test_what_does_not_change_has_no_part_in_an_order():
    x, x0 = torch.tensor([[5.0, 2.0, 9.0]]), torch.tensor([[5.0, 2.0, 0.0]])
    found = attr.DeepLift(lambda x: x.median(1).values).attribute(x, x0)
    torch.testing.assert_close(found, torch.tensor([[0.0, 0.0, 3.0]]))


def test_where_all_keep_their_places_in_an_order_each_has_its_own_change():
    x0 = numbers(EXAMPLES, 9)
    x = 2 * x0 + 1
    for function in (lambda x: x.sort(1).values, lambda x: x.topk(4, 1).values, lambda x: x.median(1).values):
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(weighted(function(leaf)).sum(), leaf)
        torch.testing.assert_close(attr.DeepLift(function).attribute(x, x0, weighted), gradient * (x - x0))


def test_numbers_that_are_masked_by_infinity_are_sorted():
    mask = torch.tensor([False, True, False, True, False, False, True, False])

    def model(x: Tensor) -> Tensor:
        return x.masked_fill(mask, -math.inf).topk(6, 1).values.softmax(1)

    adds_up(model, numbers(EXAMPLES, 8), numbers(EXAMPLES, 8, seed=1))


def test_indices_of_an_order_choose_as_before():
    x, weight = numbers(EXAMPLES, 8), numbers(8)

    def model(x: Tensor) -> Tensor:
        found = x.topk(3, 1)
        return found.values.sum(1) * weight[found.indices].sum(1)

    with torch.no_grad():
        expected = model(x)
    found = attr.DeepLift(model).attribute(x, x / 2)
    torch.testing.assert_close(total(found), expected - expected / 2)


def test_an_order_whose_numbers_nobody_uses_costs_nothing():
    """Such as that of neighbours, of which the indices alone are used."""
    calls = []

    class Counting(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            places = torch.cdist(x, x).topk(2, -1, largest=False).indices
            calls.append(places)
            return torch.stack([each[chosen].exp().sum() for each, chosen in zip(x, places, strict=True)])

    x = numbers(2, 5, 3)
    found = attr.DeepLift(Counting()).attribute(x, x / 2, strict=True)
    torch.testing.assert_close(total(found), Counting()(x) - Counting()(x / 2))


@pytest.mark.parametrize("name", ["prod of three, kept", "cumprod", "sort", "topk", "median", "cdist"])
def test_the_gradient_of_attributions_is_that_by_differences(name: str):
    function, chosen, x0 = FUNCTIONS[name], numbers(1, 3, 4, seed=4), numbers(1, 3, 4, seed=1)

    def score(x: Tensor, create_graph: bool = False) -> Tensor:
        found = attr.DeepLift(lambda x: function(x.sin())).attribute(x, x0, weighted, create_graph=create_graph)
        return (found * chosen).sum()

    x = numbers(1, 3, 4).requires_grad_()
    score(x, create_graph=True).backward()
    torch.testing.assert_close(x.grad, differences(score, x.detach()), rtol=1e-6, atol=1e-7)


def told(function: Callable[[Tensor], Tensor], x: Tensor, x0: Tensor) -> str:
    with pytest.warns(PellucidWarning) as caught:
        attr.DeepLift(function).attribute(x, x0, weighted)
    return str(caught[0].message)


AT = torch.tensor([[0, 0, 2, 1, 1, 1]])
CONSTANTS: dict[str, Callable[[Tensor], Tensor]] = {
    "minimum": lambda x: torch.minimum(x, torch.full_like(x, 0.5)),
    "minimum, the constant first": lambda x: torch.minimum(torch.full_like(x, 0.5), x),
    "min": lambda x: torch.min(x, torch.full_like(x, 0.5)),
    "fmin": lambda x: torch.fmin(x, torch.full_like(x, 0.5)),
    "maximum": lambda x: torch.maximum(-x, torch.full_like(x, -1.0)),
    "fmax": lambda x: torch.fmax(-x, torch.full_like(x, -1.0)),
    "scatter_reduce": lambda x: torch.full_like(x, 0.1).scatter_reduce(1, AT.expand(len(x), -1), x, "amin"),
    "scatter_reduce of maxima": lambda x: torch.full_like(x, -0.1).scatter_reduce(1, AT.expand(len(x), -1), -x, "amax"),
    "scatter_reduce_": lambda x: torch.full_like(x, 0.1).scatter_reduce_(1, AT.expand(len(x), -1), x, "amin"),
    "index_reduce": lambda x: torch.full_like(x, 0.1).index_reduce(1, AT[0], x, "amin"),
    "a tie with the constant": lambda x: torch.full_like(x, 2.0).scatter_reduce(1, AT.expand(len(x), -1), x, "amin"),
}


@pytest.mark.filterwarnings("ignore:index_reduce.. is in beta")
@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", CONSTANTS)
def test_a_constant_that_wins_is_no_input_that_has_not_moved(name: str, create_graph: bool):
    """Beside a large term, which hides a miss from the warning."""
    x = torch.tensor([[2.0, 3.0, 2.5, 2.0, 4.0, 2.0], [0.05, 2.0, 2.0, 2.0, 2.0, 2.0]], dtype=torch.float64)

    def model(x: Tensor) -> Tensor:
        return 3000 * x[:, 0] + CONSTANTS[name](x)[:, :3].sum(1)

    found = attr.DeepLift(model).attribute(x.requires_grad_(create_graph), create_graph=create_graph)
    change = model(x) - model(torch.zeros_like(x))
    torch.testing.assert_close(found.sum(1), change, rtol=1e-12, atol=0)
    if create_graph:
        (slope,) = torch.autograd.grad(found.sum(), x)
        assert slope.isfinite().all()


def test_a_grid_that_moves_is_told_of():
    x, x0 = numbers(EXAMPLES, 1, 4, 4), numbers(EXAMPLES, 1, 4, 4, seed=1)

    def moving(x: Tensor) -> Tensor:
        theta = torch.eye(2, 3, dtype=x.dtype) * (1 + x.mean((1, 2, 3)) / 5)[:, None, None]
        grid = functional.affine_grid(theta, [len(x), 1, 4, 4], align_corners=False)
        return functional.grid_sample(x, grid, align_corners=False)

    assert "no rule for grid_sampler" in told(moving, x, x0)
    with pytest.raises(NotSupported, match="no rule for grid_sampler"):
        attr.DeepLift(moving).attribute(x, x0, weighted, strict=True)


def test_the_largest_embeddings_of_a_bag_are_told_of_and_other_bags_are_not():
    x, x0 = numbers(EXAMPLES, 4, 6), numbers(EXAMPLES, 4, 6, seed=1)

    def bags(mode: str) -> Callable[[Tensor], Tensor]:
        ids = torch.tensor([[0, 2], [1, 3]])
        return lambda x: torch.stack([functional.embedding_bag(ids, each, mode=mode) for each in x])

    assert "no rule for" in told(bags("max"), x, x0)
    for mode in ("sum", "mean"):
        adds_up(bags(mode), x, x0)


def test_a_network_for_points_of_a_cloud():
    """Distances to all, the nearest of them, and the largest of what they say."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        inside, last = nn.Linear(4, 8).double(), nn.Linear(8, 3).double()

    def model(x: Tensor) -> Tensor:
        near = torch.cdist(x, x).topk(3, -1, largest=False).values
        said = inside(torch.cat([near, x.prod(-1, keepdim=True)], -1)).relu()
        return last(said.sort(1).values[:, -2])

    adds_up(model, numbers(EXAMPLES, 6, 3), numbers(EXAMPLES, 6, 3, seed=1))
