"""The known answers, derived a second way: by exhaustion and small steps, or by changing what should not matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from itertools import combinations
from math import comb

import pytest
import torch
from torch import Tensor

from pellucid import zoo
from pellucid.zoo import images, planted, train
from pellucid.zoo.known_model import KnownModel, Quantity

KNOWN = zoo.known_models()
IN_CLOSED_FORM = [known for known in KNOWN if known.values]

Value = Callable[[Tensor], Tensor]


def value_of(known: KnownModel) -> tuple[Value, Tensor, Tensor]:
    """The output as a function of what is attributed to, in float64, and the examples and baselines there."""
    model = deepcopy(known.model).double()
    if known.source is None:
        inside, x, baselines = model, known.inputs.double(), known.baselines.double()
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


def players_of(known: KnownModel, x: Tensor, baselines: Tensor) -> list[Tensor]:
    """The elements [B, ...] of each player that is not its baseline in all examples."""
    if known.feature_mask is None:
        flat = torch.eye(x[0].numel(), dtype=torch.bool).reshape(-1, 1, *x.shape[1:])
    else:
        mask = known.feature_mask.expand(1, *x.shape[1:])
        flat = torch.stack([mask == number for number in mask.unique()])
    return [elements.expand_as(x) for elements in flat if ((x != baselines) & elements).any()]


def game_of(known: KnownModel) -> tuple[Callable[[Sequence[int]], Tensor], list[Tensor]]:
    """The values [B] of coalitions, and the players."""
    value, x, baselines = value_of(known)
    players = players_of(known, x, baselines)
    remembered: dict[frozenset[int], Tensor] = {}

    def game(coalition: Sequence[int]) -> Tensor:
        key = frozenset(coalition)
        if key not in remembered:
            present = torch.zeros_like(x, dtype=torch.bool)
            for player in key:
                present = present | players[player]
            remembered[key] = value(torch.where(present, x, baselines)).detach()
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
    game, players = game_of(known)
    n = len(players)
    result = torch.zeros(len(known.inputs), n, n, dtype=torch.double)
    for i, j in combinations(range(n), 2):
        rest = [player for player in range(n) if player not in {i, j}]
        for size in range(n - 1):
            for others in combinations(rest, size):
                both = game((*others, i, j)) - game((*others, i)) - game((*others, j)) + game(others)
                result[:, i, j] += both / (comb(n - 2, size) * (n - 1))
    return result + result.mT


SECOND: dict[Quantity, Callable[[KnownModel], Tensor]] = {
    "gradient": gradient,
    "gradient times input": lambda known: gradient(known) * value_of(known)[1],
    "integrated gradients": integrated_gradients,
    "removal": removal,
    "Shapley values": lambda known: marginal_mean(known, lambda size, n: 1 / (n * comb(n - 1, size))),
    "Banzhaf values": lambda known: marginal_mean(known, lambda _, n: 2.0 ** (1 - n)),
    "Shapley interactions": interactions,
}


@pytest.mark.parametrize("quantity", SECOND)
@pytest.mark.parametrize("known", IN_CLOSED_FORM, ids=lambda known: known.name)
def test_closed_forms_are_what_exhaustion_gives(known: KnownModel, quantity: Quantity):
    if quantity not in known.values:
        assert quantity == "Shapley interactions"
        return
    stated = known.values[quantity].double()
    tolerance = 1e-3 if quantity == "integrated gradients" else 1e-5
    torch.testing.assert_close(SECOND[quantity](known), stated, rtol=0, atol=tolerance * float(stated.abs().max()))


@pytest.mark.parametrize("known", IN_CLOSED_FORM, ids=lambda known: known.name)
def test_what_adds_up_adds_up(known: KnownModel):
    value, x, baselines = value_of(known)
    change = (value(x) - value(baselines)).float()
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
    assert (known.importance.flatten(1).amax(1) > known.importance.flatten(1).amin(1)).all() or known.unlike is not None
