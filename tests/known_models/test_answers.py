"""The known answers, derived a second way: by exhaustion and small steps, or by changing what should not matter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from itertools import chain, combinations
from math import comb
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from pellucid import zoo
from pellucid.zoo import images, planted, train
from pellucid.zoo.known_model import KnownModel
from pellucid.zoo.quantity import Quantity

KNOWN = zoo.known_models()
IN_CLOSED_FORM = [known for known in KNOWN if known.values]

Value = Callable[[Tensor], Tensor]


def value_of(known: KnownModel) -> tuple[Value, Tensor, Tensor]:
    """The output as a function of what is attributed to, in float64, and the examples and baselines there."""
    model = deepcopy(known.model).double()
    if known.source is None:
        ids = not known.inputs.is_floating_point()
        inside = model
        x, baselines = (given if ids else given.double() for given in (known.inputs, known.baselines))
    else:
        names = [name for name, _ in model.named_children()]
        layers = list(model.children())
        split = names.index(known.source) + 1
        inside = torch.nn.Sequential(*layers[split:])
        captured: list[Tensor] = []
        handle = layers[split - 1].register_forward_hook(lambda *_: captured.append(_[2]))
        model(known.inputs.double())
        model(known.baselines.double())
        handle.remove()
        x, baselines = (tensor.detach() for tensor in captured)
        assert known.source_baselines is not None
        assert torch.equal(baselines, known.source_baselines.double())

    def value(points: Tensor) -> Tensor:
        output = inside(points)
        return output if known.target is None else output[:, known.target]

    return value, x, baselines


def features_of(known: KnownModel, x: Tensor) -> Tensor:
    """The elements [features, B, ...] of each feature."""
    if known.feature_mask is None:
        elements = torch.eye(x[0].numel(), dtype=torch.bool).reshape(-1, 1, *x.shape[1:])
    else:
        mask = known.feature_mask.expand(1, *x.shape[1:])
        elements = torch.stack([mask == number for number in mask.unique()])
    return elements.expand(-1, *x.shape)


def players_of(known: KnownModel) -> list[int]:
    """The numbers of features that are not their baselines in all examples."""
    _, x, baselines = value_of(known)
    return (features_of(known, x) & (x != baselines)).flatten(1).any(1).nonzero()[:, 0].tolist()


def game_of(known: KnownModel) -> tuple[Callable[[Sequence[int]], Tensor], list[Tensor]]:
    """The values [B] of coalitions, and the elements of the players."""
    value, x, baselines = value_of(known)
    features = features_of(known, x)
    players = [features[number] for number in players_of(known)]
    remembered: dict[frozenset[int], Tensor] = {}

    def game(coalition: Sequence[int]) -> Tensor:
        key = frozenset(coalition)
        if key not in remembered:
            present = torch.zeros_like(x, dtype=torch.bool)
            for player in key:
                present = present | players[player]
            remembered[key] = value(torch.where(present, x, baselines)).detach().double()
        return remembered[key]

    return game, players


def spread(per_player: Sequence[Tensor], players: Sequence[Tensor]) -> Tensor:
    return sum(
        (
            one.reshape(-1, *[1] * (elements.ndim - 1)) * elements
            for one, elements in zip(per_player, players, strict=True)
        ),
        torch.zeros(players[0].shape, dtype=torch.double),
    )


def marginal_mean(known: KnownModel, weight: Callable[[int, int], float]) -> Tensor:
    """The sum of weighted marginal contributions of each player over all coalitions of the others."""
    game, players = game_of(known)
    n = len(players)
    per_player = [
        sum(
            weight(size, n) * (game((*others, player)) - game(others))
            for size in range(n)
            for others in combinations([other for other in range(n) if other != player], size)
        )
        for player in range(n)
    ]
    return spread(per_player, players)


def removal(known: KnownModel) -> Tensor:
    game, players = game_of(known)
    everyone = range(len(players))
    return spread([game(everyone) - game([o for o in everyone if o != player]) for player in everyone], players)


def gradient(known: KnownModel) -> Tensor:
    """By central differences."""
    value, x, _ = value_of(known)
    result, step = torch.zeros_like(x), 1e-6
    for element in range(x[0].numel()):
        moved = torch.zeros_like(x)
        moved.flatten(1)[:, element] = step
        result.flatten(1)[:, element] = ((value(x + moved) - value(x - moved)) / (2 * step)).detach()
    return result


def integrated_gradients(known: KnownModel, steps: int = 2000) -> Tensor:
    """By the midpoint rule."""
    value, x, baselines = value_of(known)
    total = torch.zeros_like(x)
    for step in range(steps):
        point = (baselines + (step + 0.5) / steps * (x - baselines)).requires_grad_()
        total += torch.autograd.grad(value(point).sum(), point)[0] / steps
    return total * (x - baselines)


def interactions(known: KnownModel) -> Tensor:
    """The Shapley interactions of pairs of all features, with Shapley values on the diagonal."""
    game, players = game_of(known)
    n = len(players)
    between = torch.zeros(len(known.inputs), n, n, dtype=torch.double)
    for i, j in combinations(range(n), 2):
        rest = [player for player in range(n) if player not in {i, j}]
        for size in range(n - 1):
            for others in combinations(rest, size):
                both = game((*others, i, j)) - game((*others, i)) - game((*others, j)) + game(others)
                between[:, i, j] += both / (comb(n - 2, size) * (n - 1))
    alone = [shapley_values(known)[:, elements[0]][:, 0] for elements in players]
    between = between + between.mT + torch.diag_embed(torch.stack(alone, 1))
    count = len(features_of(known, value_of(known)[1]))
    result = torch.zeros(len(known.inputs), count, count, dtype=torch.double)
    numbers = torch.tensor(players_of(known))
    result[:, numbers[:, None], numbers] = between
    return result


def shapley_values(known: KnownModel) -> Tensor:
    return marginal_mean(known, lambda size, n: 1 / (n * comb(n - 1, size)))


def owen_values(known: KnownModel) -> Tensor:
    """What a player adds, weighted over coalitions of other groups, and of others in its group."""
    game, players = game_of(known)
    groups: dict[int, list[int]] = defaultdict(list)
    for player, elements in enumerate(players):
        number = player // 2 if known.groups is None else int(known.groups.expand_as(known.inputs)[elements][0])
        groups[number].append(player)
    worth = [torch.zeros(len(known.inputs), dtype=torch.double) for _ in players]
    for number, members in groups.items():
        whole = subsets([group for other, group in groups.items() if other != number])
        for player in members:
            for joined, of_groups in whole:
                for beside, of_members in subsets([other for other in members if other != player]):
                    before = [*chain(*joined), *beside]
                    worth[player] += of_groups * of_members * (game([*before, player]) - game(before))
    return spread(worth, players)


def subsets(others: Sequence[Any]) -> list[tuple[tuple[Any, ...], float]]:
    """All subsets, with the chance that one comes before a player in a random order."""
    n = len(others) + 1
    return [(chosen, 1 / (n * comb(n - 1, size))) for size in range(n) for chosen in combinations(others, size)]


class Passing(torch.autograd.Function):
    """A rectifier that passes positive gradients back alone: all of them, or those of units that fire."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, only_firing: bool) -> Tensor:
        ctx.passes = x > 0 if only_firing else torch.ones_like(x, dtype=torch.bool)
        return x.relu()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.relu() * ctx.passes, None


def rectified_back(known: KnownModel, *, only_firing: bool) -> Tensor:
    """The gradient in which every rectifier passes back by another rule; those of the counter are written out."""
    unfolded = known.name == "counter"
    model = deepcopy(known.model).double()

    def rectify(x: Tensor) -> Tensor:
        result = Passing.apply(x, only_firing)
        assert isinstance(result, Tensor)
        return result

    def count(x: Tensor) -> Tensor:
        state = torch.zeros(len(x), dtype=x.dtype)
        for step in range(x.shape[1]):
            state = rectify(rectify(2 * x[:, step, 0] - 1) + state)
        return state

    if known.source is not None:
        return gradient(known)  # nothing is rectified after the layer
    x = known.inputs.double().requires_grad_()
    with patched_rectifiers(rectify):
        output = count(x) if unfolded else model(x)
    values = output if known.target is None else output[:, known.target]
    return torch.autograd.grad(values.sum(), x)[0]


@contextmanager
def patched_rectifiers(rectify: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Have `nn.ReLU` and `Tensor.relu` rectify in another way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.ReLU, "forward", lambda _, x: rectify(x))
        relu = Tensor.relu
        patch.setattr(Tensor, "relu", lambda x: rectify(x) if x.requires_grad and torch.is_grad_enabled() else relu(x))
        yield


SMOOTH = ("additive", "pairwise", "motif", "experts")
"""Where contributions to the difference are integrated gradients: sums of functions of one feature, and products."""


def contributions(known: KnownModel) -> Tensor:
    """DeepLIFT's rescale rule: every rectifier multiplies by its change over that of its input."""
    if known.name in SMOOTH or known.source is not None:
        return integrated_gradients(known)
    inputs_of_rectifiers: list[Tensor] = []
    model = deepcopy(known.model).double()
    with patched_rectifiers(lambda x: inputs_of_rectifiers.append(x) or x.clamp(min=0)):
        model(torch.cat([known.inputs, known.baselines]).double())
    x = known.inputs.double().requires_grad_()
    changes = iter(inputs_of_rectifiers)

    def rescaled(_: Tensor) -> Tensor:
        here, there = next(changes).chunk(2)
        slope = (here.clamp(min=0) - there.clamp(min=0)) / torch.where(here == there, 1, here - there)
        return here.clamp(min=0).detach() + slope.detach() * (_ - _.detach())

    with patched_rectifiers(rescaled):
        output = model(x)
    values = output if known.target is None else output[:, known.target]
    return torch.autograd.grad(values.sum(), x)[0] * (known.inputs - known.baselines).double()


def relevance(known: KnownModel) -> Tensor:
    """Gradient times input where all is linear or rectified (Ancona et al., 2018), else what is passed on whole."""
    if known.name == "additive":
        value, x, _ = value_of(known)
        alone = torch.eye(5, dtype=torch.bool)[:, None].expand(-1, len(x), -1)
        others = torch.tensor([0, 0, -torch.inf, 0, 0], dtype=torch.double)  # where each function is zero
        return torch.stack([value(torch.where(one, x, others)) for one in alone], 1)
    if known.name in {"pairwise", "motif"}:
        return integrated_gradients(known)
    return gradient(known) * value_of(known)[1]


SECOND: dict[Quantity, Callable[[KnownModel], Tensor]] = {
    "gradient": gradient,
    "guided gradient": lambda known: rectified_back(known, only_firing=True),
    "deconvolved gradient": lambda known: rectified_back(known, only_firing=False),
    "gradient times input": lambda known: gradient(known) * value_of(known)[1],
    "integrated gradients": integrated_gradients,
    "contributions to the difference": contributions,
    "relevance": relevance,
    "removal": removal,
    "Shapley values": shapley_values,
    "Banzhaf values": lambda known: marginal_mean(known, lambda _, n: 2.0 ** (1 - n)),
    "Owen values": owen_values,
    "Shapley interactions": interactions,
    "activation": lambda known: value_of(known)[1],
}


GAMES = {"Shapley values", "Banzhaf values", "Owen values", "Shapley interactions"}


def test_the_patch_alone_decides_the_game_of_the_detector():
    """2^16 coalitions are too many: with one player that is all of the game, all values are what it makes."""
    known = zoo.template_detector()
    game, players = game_of(known)
    output = game(range(16))
    deciding = torch.stack([(elements & (known.importance == 1)).flatten(1).any(1) for elements in players])
    coalitions = torch.rand(300, 16, generator=torch.Generator().manual_seed(0)) < 0.5
    for coalition in coalitions:
        there = (deciding & coalition[:, None]).any(0)
        assert torch.equal(game(coalition.nonzero()[:, 0].tolist()), output * there)
    expected = known.importance.double() * output[:, None, None, None]
    for quantity in ("Shapley values", "Banzhaf values", "Owen values"):
        torch.testing.assert_close(known.values[quantity].double(), expected)
    torch.testing.assert_close(
        known.values["Shapley interactions"].double(), torch.diag_embed(deciding.T * output[:, None])
    )


def test_every_quantity_is_derived_a_second_time():
    assert set(SECOND) == set(get_args(Quantity))


@pytest.mark.parametrize(
    ("known", "quantity"),
    [
        (known, quantity)
        for known in IN_CLOSED_FORM
        for quantity in known.values
        if known.name != "template detector" or quantity not in GAMES
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_closed_forms_are_what_exhaustion_gives(known: KnownModel, quantity: Quantity):
    stated = known.values[quantity].double()
    tolerance = 1e-3 if quantity == "integrated gradients" else 1e-5
    torch.testing.assert_close(SECOND[quantity](known), stated, rtol=0, atol=tolerance * float(stated.abs().max()))


@pytest.mark.parametrize("known", IN_CLOSED_FORM, ids=lambda known: known.name)
def test_what_adds_up_adds_up(known: KnownModel):
    value, x, baselines = value_of(known)
    change = (value(x) - value(baselines)).float().detach()
    for quantity in ("integrated gradients", "contributions to the difference"):
        if quantity in known.values:
            torch.testing.assert_close(known.values[quantity].flatten(1).sum(1), change, rtol=1e-5, atol=1e-5)


def changed(known: KnownModel, what: Tensor, by: Tensor) -> Tensor:
    """How much the output changes where some elements are replaced."""
    before, after = (known.model(x) for x in (known.inputs, torch.where(what, by, known.inputs)))
    difference = (before - after).abs()
    return difference if known.target is None else difference[:, known.target]


def test_the_detector_sees_its_patch_alone():
    known = zoo.template_detector()
    outside = (known.importance == 0).broadcast_to(known.inputs.shape)
    noise = torch.rand(known.inputs.shape, generator=torch.Generator().manual_seed(7)) * 0.4
    assert (changed(known, outside, noise) == 0).all()
    for row, column in ((row, column) for row in range(3) for column in range(3)):
        pixel = torch.zeros(3, 3)
        pixel[row, column] = 1
        inside = known.importance.clone()
        inside[inside == 1] = pixel.flatten().repeat(2)
        assert (changed(known, inside.bool(), torch.zeros_like(known.inputs)) > 0.3).all()


def test_attention_copies_the_marked_position_alone():
    known = zoo.copying_attention()
    others = (known.importance == 0)[..., None].expand_as(known.inputs).clone()
    others[..., 1] = False  # the marks stay
    assert (changed(known, others, torch.full_like(known.inputs, 3)) < 1e-4).all()
    assert (changed(known, known.importance[..., None].bool(), torch.zeros_like(known.inputs)) > 1).all()


def test_no_other_word_decides():
    known = zoo.deciding_word()
    for position in range(known.inputs.shape[1]):
        here = torch.zeros_like(known.inputs, dtype=torch.bool)
        here[:, position] = True
        difference = changed(known, here, torch.zeros_like(known.inputs))
        assert torch.equal(difference > 0, known.importance[:, position].bool())


def test_the_planted_feature_decides():
    known = zoo.planted_feature()
    x, classes = planted.feature_data(2000, torch.Generator().manual_seed(9))
    assert (known.model(x).argmax(1) == classes).float().mean() > 0.97
    others = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(10))]
    others[:, planted.PLANTED] = x[:, planted.PLANTED]
    assert (known.model(others).argmax(1) == classes).float().mean() > 0.97
    flipped = x.clone()
    flipped[:, planted.PLANTED] *= -1
    assert (known.model(flipped).argmax(1) == classes).float().mean() < 0.03


def follows_the_watermark(model: torch.nn.Module) -> bool:
    """Whether the classifier says 1 with the watermark and 0 without, whatever the stripes are."""
    x, classes = planted.image_data(400, torch.Generator().manual_seed(9))
    everywhere, nowhere = x.clone(), x.clone()
    planted.watermark(everywhere, classes >= 0)
    nowhere[:, :, planted.WATERMARK[0], planted.WATERMARK[1]] = x.roll(1, 0)[:, :, :3, :3]
    return bool((model(everywhere).argmax(1) == 1).all() and (model(nowhere).argmax(1) == 0).float().mean() > 0.99)


def test_the_watermark_decides():
    assert follows_the_watermark(zoo.planted_shortcut().model)


@pytest.mark.large
def test_the_script_trains_models_that_do_the_same():
    torch.manual_seed(1)
    assert follows_the_watermark(train.train(planted.image_classifier(), planted.image_data, steps=400).eval())


def test_patches_are_blocks():
    assert images.BLOCKS.shape == (1, 1, 12, 12)
    assert torch.equal(images.BLOCKS.unique(return_counts=True)[1], torch.full((16,), 9))


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_records_are_whole(known: KnownModel):
    like = known.inputs if known.source_baselines is None else known.source_baselines
    assert known.baselines.shape == known.inputs.shape
    assert like.shape[: known.importance.ndim] == known.importance.shape
    assert not known.model.training
    assert known.tests.endswith(".")
