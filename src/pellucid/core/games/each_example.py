"""Coalitions that every example has of its own, as its attributions rank the features: each is evaluated once."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor

from pellucid.core.evaluation.coalition_memory import ValuesOfExample
from pellucid.core.games.game import Game
from pellucid.core.model.isolation import random_state
from pellucid.errors import NotScalar

MOST_HELD = 2**26
"""The most coalitions times examples times features that are held at once."""

KEY_BYTES = 16
"""The longest key of a coalition."""


async def values_of_each(game: Game, coalitions: Tensor) -> Tensor:
    """The values of coalitions that differ by example; what an example was asked before is not evaluated again.

    While a session is open, all that is called in it shares what it asks.

    Args:
        game: The game.
        coalitions: Which features are present, active or not, bool [k, n, features].

    Returns:
        float64 [n, k] on the CPU.

    Raises:
        NotScalar: The target has more or fewer values than one for each example.
    """
    held = max(1, MOST_HELD // max(1, coalitions.shape[1] * coalitions.shape[2]))
    blocks = [block[:, :, game.active_features] for block in torch.split(coalitions, held)]
    # With whole batches, an example's value may depend on what the others are asked.
    ask = _evaluated if game.f.session.whole_batch else _values_once
    return torch.cat([await ask(game, block) for block in blocks], dim=1)


async def _values_once(game: Game, coalitions: Tensor) -> Tensor:
    """The values of coalitions of active features, bool [k, n, active]; what is known is not evaluated."""
    keys = [_keys(of_example) for of_example in coalitions.unbind(1)]
    remembered = game.values_of_examples(len(keys))
    known = [
        {key: values[key] for key in asked if key in values} for asked, values in zip(keys, remembered, strict=True)
    ]
    unknown = _unknown(keys, known)
    if unknown is not None:
        device = game.f.problem.inputs[0].device
        state_before = random_state(device)
        values = await _evaluated(game, coalitions[unknown.T, torch.arange(len(keys), device="cpu")])
        for asked, of_example, which, answers in zip(keys, known, unknown.tolist(), values.tolist(), strict=True):
            of_example.update((asked[number], answer) for number, answer in zip(which, answers, strict=True))
        if all(map(torch.equal, state_before, random_state(device))):
            game.remember_of_examples(known)
    answered = [[of_example[key] for key in asked] for asked, of_example in zip(keys, known, strict=True)]
    return torch.tensor(answered, dtype=torch.float64, device="cpu").view(len(keys), len(coalitions))


def _unknown(keys: list[list[bytes]], known: list[ValuesOfExample]) -> Tensor | None:
    """The numbers of the coalitions of which an example has no value, int64 [n, k], each once; None for none.

    An example of which fewer are unknown is asked its first once more, as all are asked equally many.
    """
    of_each = [
        list({key: number for number, key in enumerate(asked) if key not in of_example}.values())
        for asked, of_example in zip(keys, known, strict=True)
    ]
    count = max(map(len, of_each), default=0)
    return torch.tensor([(numbers + [0] * count)[:count] for numbers in of_each], device="cpu") if count else None


async def _evaluated(game: Game, coalitions: Tensor) -> Tensor:
    """The values of coalitions, bool [k, n, active], as float64 [n, k]."""
    values = await game.values(
        len(coalitions), lambda coalition_range, point_range: coalitions[coalition_range, point_range]
    )
    if len(values) != len(game.f):
        raise NotScalar(
            f"target must leave one value for each of {len(game.f)} examples: got {len(values)}. "
            "Hint: target=0, or target=lambda output: ..."
        )
    return values.detach().cpu().double()


def _keys(coalitions: Tensor) -> list[bytes]:
    """Coalitions of one example, bool [k, active], as keys."""
    bits = np.packbits(coalitions.numpy(), axis=1)
    rows = [row.tobytes() for row in bits]
    return (
        rows if bits.shape[1] <= KEY_BYTES else [hashlib.blake2b(row, digest_size=KEY_BYTES).digest() for row in rows]
    )
