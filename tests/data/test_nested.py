"""Structures of all kinds: rebuilt without their constructors, with any leaves, and never written into."""

from __future__ import annotations

from collections import OrderedDict, UserDict, defaultdict
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid import attr
from pellucid.data.nested import map_leaves

X = torch.tensor([[1.0, 2.0], [3.0, -1.0]])


@dataclass
class Doubled:
    """A constructor that computes: called again, it would double again."""

    x: Tensor
    calls: int = field(init=False, default=0)

    def __post_init__(self):
        self.x = self.x * 2


@dataclass(frozen=True, slots=True)
class Frozen:
    x: Tensor


class Own(MutableMapping[str, Any]):
    """A mapping that keeps its entries in a dict of its own."""

    def __init__(self, **entries: Any):
        self.entries = entries

    def __getitem__(self, key: str) -> Any:
        return self.entries[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.entries[key] = value

    def __delitem__(self, key: str) -> None:
        del self.entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


@pytest.mark.parametrize("kind", [Doubled, Frozen])
def test_dataclasses_are_copied_and_not_made_again(kind: Any):
    batch = kind(X)
    found = attr.IntegratedGradients(lambda batch: (batch.x**2).sum(1)).attribute(batch, n_steps=300)
    assert type(found) is kind
    torch.testing.assert_close(found.x, batch.x**2, rtol=1e-3, atol=1e-3)


MAPPINGS: dict[str, Any] = {
    "Own": Own,
    "OrderedDict": OrderedDict,
    "UserDict": UserDict,
    "defaultdict": lambda **entries: defaultdict(list, entries),
}


@pytest.mark.parametrize("name", MAPPINGS)
def test_mappings_keep_their_type_and_their_entries(name: str):
    batch, seen = MAPPINGS[name](x=X), []
    changed = map_leaves(batch, lambda path, leaf: None)
    assert type(changed) is type(batch)
    assert changed["x"] is None
    assert batch["x"] is X

    def model(batch: Any) -> Tensor:
        seen.append(type(batch))
        return (batch["x"] ** 2).sum(1)

    found = attr.InputXGradient(model).attribute({"batch": batch})["batch"]
    torch.testing.assert_close(found["x"], 2 * X**2)
    assert set(seen) == {type(batch)}
    assert batch["x"] is X


def test_tuples_that_check_what_they_hold():
    packed = nn.utils.rnn.pack_sequence([torch.ones(3, 2), torch.ones(1, 2)])
    changed = map_leaves(packed, lambda path, leaf: None)
    assert type(changed) is type(packed)
    assert changed.data is changed.sorted_indices is None
    found = attr.InputXGradient(lambda x, size: x.view(size).sum((1, 2))).attribute(
        {"x": X, "size": torch.Size([2, 1, 2])}
    )
    assert torch.equal(found["x"], X)
    assert found["size"] is None
