"""A data set as a game: a metric of all its batches, as a function of the elements that are present in each example."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import torch
from torch import Tensor, nn

from pellucid.core.model.inspection import root_modules
from pellucid.core.problem.baselines import resolve_baselines
from pellucid.core.summaries import Summarized, summary
from pellucid.core.tensors import Tensors, describe
from pellucid.errors import InvalidArgument

Reduce: TypeAlias = Callable[[Any, Any, Any], Any]
"""(what was accumulated, the model's output, the batch) -> what is accumulated; None was before the first batch."""

ATTRIBUTED, PASSED, KEPT = range(3)
"""The roles of a batch's parts: attributed to; passed to the model alone; not passed to it, as labels."""


@final
@dataclass(frozen=True)
class BatchLayout(Summarized):
    """Which parts a batch has, and what each is for.

    Args:
        kind: `Tensor` for a batch that is its only part, `tuple` for tuples and lists, `dict` for mappings.
        keys: The names of the parts of a mapping, the indices of others.
        roles: The role of each part.
    """

    kind: type
    keys: tuple[Any, ...]
    roles: tuple[int, ...]

    @classmethod
    def of(cls, batch: Any, roles: Sequence[int] | Mapping[Any, int] | None) -> BatchLayout:
        """The layout of a batch.

        Args:
            batch: A tensor, or a tuple, a list or a mapping of anything.
            roles: The role of each part, in order or by key; None attributes to all.

        Raises:
            InvalidArgument: The batch is something else, roles are not one for each part, or nothing is attributed to.
        """
        kind = next((kind for kind in (Tensor, Mapping, tuple, list) if isinstance(batch, kind)), None)
        if kind is None:
            raise InvalidArgument(
                f"batches must be tensors, or tuples, lists or dicts of them: got {summary(batch)}. "
                "Hint: the collate_fn of a torch.utils.data.DataLoader makes them."
            )
        keys = tuple(batch) if kind is Mapping else tuple(range(1 if kind is Tensor else len(batch)))
        shown_kind = Tensor if kind is Tensor else dict if kind is Mapping else tuple
        layout = cls(shown_kind, keys, _resolve_roles(roles, keys))
        for key, value in zip(keys, layout.parts(batch), strict=True):
            role = layout.roles[keys.index(key)]
            if role == ATTRIBUTED and not (isinstance(value, Tensor) and value.ndim):
                raise InvalidArgument(
                    f"batches must hold tensors (B, ...) where attributions are wanted: got {summary(value)} at "
                    f"{key!r}. Hint: roles=... has {PASSED} for what the model takes besides, {KEPT} for labels."
                )
        return layout

    @property
    def attributed_keys(self) -> tuple[Any, ...]:
        """The keys of the parts that are attributed to."""
        return tuple(key for key, role in zip(self.keys, self.roles, strict=True) if role == ATTRIBUTED)

    def parts(self, batch: Any) -> list[Any]:
        """The parts of a batch.

        Raises:
            InvalidArgument: It has other parts than the first batch.
        """
        if self.kind is Tensor:
            return [batch]
        if (isinstance(batch, Mapping) and set(batch) != set(self.keys)) or len(batch) != len(self.keys):
            raise InvalidArgument(
                f"batches must have the same parts: expected {list(self.keys)}, got {summary(batch)}."
            )
        return [batch[key] for key in self.keys]

    def attributed(self, parts: Sequence[Any]) -> tuple[Any, ...]:
        """The parts that are attributed to."""
        return tuple(value for value, role in zip(parts, self.roles, strict=True) if role == ATTRIBUTED)

    def replaced(self, parts: Sequence[Any], points: Tensors) -> list[Any]:
        """All parts, with points where they are attributed to; of others copies, as a model may write to them."""
        remaining = iter(points)
        return [
            next(remaining) if role == ATTRIBUTED else value.clone() if isinstance(value, Tensor) else value
            for value, role in zip(parts, self.roles, strict=True)
        ]

    def arranged(self, parts: Sequence[Any], keys: Sequence[Any] | None = None) -> Any:
        """Parts, of some keys in place of all, as the data set has its batches; lists are tuples."""
        if self.kind is Tensor:
            return parts[0]
        return dict(zip(keys or self.keys, parts, strict=True)) if self.kind is dict else tuple(parts)

    def entries(self, argument: str, value: Any, *, all_needed: bool = False) -> Any:
        """What a user gives for the attributed parts, where by key then in their order.

        Args:
            argument: The argument's name, for the message.
            value: The user's value.
            all_needed: Whether every part needs an entry; others are None.

        Raises:
            InvalidArgument: A key is not that of an attributed part, or one is missing.
        """
        if not isinstance(value, Mapping):
            return value
        keys = self.attributed_keys
        if not set(value) <= set(keys) or (all_needed and len(value) < len(keys)):
            raise InvalidArgument(f"{argument} must have the keys {list(keys)}: got {list(value)}.")
        return tuple(value.get(key) for key in keys)

    def model_output(self, model: Callable[..., Any], parts: Sequence[Any]) -> Any:
        """What a model returns for a batch: its parts are given by position, those of a mapping by name."""
        taken = [(key, value) for key, value, role in zip(self.keys, parts, self.roles, strict=True) if role != KEPT]
        return model(**dict(taken)) if self.kind is dict else model(*(value for _, value in taken))


def _resolve_roles(roles: Any, keys: tuple[Any, ...]) -> tuple[int, ...]:
    """The role of each part."""
    if roles is None:
        return (ATTRIBUTED,) * len(keys)
    by_key = [roles.get(key, KEPT) for key in keys] if isinstance(roles, Mapping) else list(roles)
    unknown = set(roles) - set(keys) if isinstance(roles, Mapping) else set()
    if len(by_key) != len(keys) or unknown:
        raise InvalidArgument(f"roles must be one for each part of a batch, {list(keys)}: got {summary(roles)}.")
    if not set(by_key) <= {ATTRIBUTED, PASSED, KEPT}:
        raise InvalidArgument(
            f"roles must be {ATTRIBUTED} for what is attributed to, {PASSED} for what the model takes besides, "
            f"{KEPT} for what it does not take: got {summary(roles)}."
        )
    if ATTRIBUTED not in by_key:
        raise InvalidArgument(f"roles must have a {ATTRIBUTED} for what is attributed to: got {summary(roles)}.")
    return tuple(by_key)


@final
class DataSetMetric(nn.Module):
    """The metric of a data set as a function v(S) of the elements that are present; baselines replace the others.

    It is called with one row for each coalition S, zero where an element is absent, and reads the data set once for all
    rows; every coalition of a batch has a forward of its own.

    Args:
        model: Any callable of the parts of a batch.
        batches: The data set, which is read once a call.
        layout: That of its batches.
        baselines: What replaces absent elements, the same for all examples.
        reduce: Accumulates outputs; None concatenates them.
        to_metric: Makes a tensor of what was accumulated; None takes it as it is.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        batches: Iterable[Any],
        layout: BatchLayout,
        baselines: Any,
        reduce: Reduce | None,
        to_metric: Callable[[Any], Tensor] | None,
    ) -> None:
        super().__init__()
        self.training = False
        # The engine finds the model's modules as those of this one; the model itself may be one of them.
        self._model = (model,)
        for index, root in enumerate(root_modules(model)):
            self.add_module(f"model_{index}", root)
        self._batches, self._layout = batches, layout
        self._baselines, self._reduce, self._to_metric = baselines, reduce, to_metric

    def forward(self, *present: Tensor) -> Tensor:
        """The metric of each coalition, flat, [k, M] for a metric of M numbers, [k] for one.

        Args:
            *present: For each attributed part a tensor (k, ...) of the shape of an example.
        """
        accumulated: list[Any] = [[] if self._reduce is None else None for _ in present[0]]
        for batch in self._batches:
            parts = self._layout.parts(batch)
            x = self._layout.attributed(parts)
            fill = self._fill(x)
            for index in range(len(accumulated)):
                points = tuple(
                    torch.where(mask[index].to(tensor.device, torch.bool), tensor, baseline)
                    for mask, tensor, baseline in zip(present, x, fill, strict=True)
                )
                accumulated[index] = self._add(accumulated[index], self._layout.replaced(parts, points))
        return torch.stack([self._metric(value) for value in accumulated]).squeeze(1)

    def _fill(self, x: Tensors) -> Tensors:
        """The baselines of a batch."""
        entries = self._baselines if isinstance(self._baselines, tuple) else (self._baselines,)
        for entry, tensor in zip(entries, x, strict=False):
            if isinstance(entry, Tensor) and entry.ndim >= tensor.ndim and len(entry) != 1:
                expected = (1, *tensor.shape[1:])
                raise InvalidArgument(
                    f"baselines must be the same for all examples: expected {expected}, got {describe(entry)}."
                )
        shared = tuple(
            entry[(None,) * (tensor.ndim - entry.ndim)] if isinstance(entry, Tensor) else entry
            for entry, tensor in zip(entries, x, strict=False)
        )
        whole = shared if len(entries) == len(x) else self._baselines  # of another number: refused in its own words
        return resolve_baselines(whole, x, None, len(x[0]), fills=True)

    def _add(self, accumulated: Any, parts: list[Any]) -> Any:
        """What is accumulated with a batch."""
        output = self._layout.model_output(self._model[0], parts)
        if self._reduce is not None:
            return self._reduce(accumulated, output, self._layout.arranged(parts))
        if not isinstance(output, Tensor) or not output.ndim:
            raise InvalidArgument(
                f"model must return a tensor with a value for each example: got {summary(output)}. "
                "Hint: reduce=, which says what becomes of its outputs."
            )
        return [*accumulated, output]

    def _metric(self, accumulated: Any) -> Tensor:
        """The metric, flat."""
        value = torch.cat(accumulated) if self._reduce is None else accumulated
        value = value if self._to_metric is None else self._to_metric(value)
        if not isinstance(value, Tensor):
            name = "reduce" if self._to_metric is None else "to_metric"
            raise InvalidArgument(f"{name} must return a tensor: got {summary(value)}. Hint: torch.tensor(...).")
        return value.reshape(-1)
