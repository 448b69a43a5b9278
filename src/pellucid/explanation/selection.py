"""Explanations of some examples, or of some features; and of features that are joined."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pellucid.core.counts import check_count
from pellucid.core.summaries import summary
from pellucid.errors import InvalidArgument, UnknownName
from pellucid.explanation.part import Array, Part

if TYPE_CHECKING:
    from pellucid.explanation.explanation import Explanation


def chosen(explanation: Explanation, key: Any) -> Explanation:
    """Some examples or features: see [Explanation][pellucid.Explanation].

    Raises:
        InvalidArgument: There is no such example, or a key is none.
        UnknownName: There is no such feature.
    """
    names = [key] if isinstance(key, str) else key
    is_of_names = isinstance(names, list | tuple) and bool(names) and all(isinstance(name, str) for name in names)
    if isinstance(key, tuple) and len(key) == 2 and not is_of_names:
        return chosen(chosen(explanation, key[0]), key[1])
    if is_of_names:
        return of_features(explanation, positions_of(explanation, names))
    return _of_examples(explanation, key)


def _of_examples(explanation: Explanation, key: Any) -> Explanation:
    examples = _example_positions(key, len(explanation))

    def rows(array: Array) -> Array:
        kept: Array = array[examples].copy()
        return kept

    return dataclasses.replace(
        explanation,
        parts=tuple(part.select(examples) for part in explanation.parts),
        prediction=rows(explanation.prediction),
        baseline_prediction=rows(explanation.baseline_prediction),
        target_names=tuple(explanation.target_names[position] for position in examples),
        remainder=rows(explanation.remainder),
        evaluations=rows(explanation.evaluations),
        interactions=None if explanation.interactions is None else rows(explanation.interactions),
    )


def _example_positions(key: Any, count: int) -> Array:
    """Which examples a key means, int64 [n].

    Raises:
        InvalidArgument: It is no key, or there is no such example.
    """
    if isinstance(key, torch.Tensor):
        key = key.detach().cpu().numpy()
    index = [key] if isinstance(key, int | np.integer) and not isinstance(key, bool) else key
    message = f"examples are 0 to {count - 1}, and features have names: got {summary(key)}."
    if not isinstance(index, slice):
        index = np.asarray(index, dtype=None if len(np.atleast_1d(np.asarray(index))) else np.int64)
        if index.dtype.kind not in "iub" or index.ndim != 1 or (index.dtype.kind == "b" and len(index) != count):
            raise InvalidArgument(f"{message} Hint: explanation[0], explanation[2:5], explanation['age'].")
    try:
        positions: Array = np.arange(count)[index]
    except IndexError as error:
        raise InvalidArgument(message) from error
    return positions


def positions_of(explanation: Explanation, features: Sequence[str | int]) -> list[int]:
    """The positions of features that are given by name, all that bear it, or position.

    Raises:
        UnknownName: There is no such feature.
    """
    names = explanation.features.names
    found: list[int] = []
    for feature in features:
        if isinstance(feature, str) and feature in names:
            found += [position for position, name in enumerate(names) if name == feature]
        elif isinstance(feature, int | np.integer) and -len(names) <= feature < len(names):
            found.append(int(feature) % len(names))
        else:
            likely = difflib.get_close_matches(str(feature), list(names), 3) or list(names[:5])
            raise UnknownName(
                f"feature must be one of {len(names)} features: got {summary(feature)}. "
                f"Hint: {' or '.join(map(repr, likely))}."
            )
    return found


def of_features(explanation: Explanation, positions: Sequence[int]) -> Explanation:
    """The features at some positions, in this order, as a table; what the others add up to is the remainder."""
    row, kept = explanation.features, list(positions)
    rest = np.ones(row.values.shape[1], dtype=bool)
    rest[kept] = False
    interactions = explanation.interactions
    return _as_table(
        explanation,
        tuple(explanation.features.names[position] for position in kept),
        row.values[:, kept],
        None if row.stderr is None else row.stderr[:, kept],
        row.numbers[:, kept],
        texts=[tuple(texts[position] for position in kept) for texts in explanation.features.texts],
        remainder=explanation.remainder + row.values[:, rest].sum(1),
        interactions=None if interactions is None else interactions[:, kept][:, :, kept],
    )


def top(explanation: Explanation, k: int) -> Explanation:
    """The features of the largest mean size; see [Explanation.top][pellucid.Explanation.top]."""
    sizes = np.abs(explanation.features.values).mean(0)
    order = np.argsort(-np.where(np.isnan(sizes), -1, sizes), kind="stable")
    return of_features(explanation, order[: check_count("k", k)].tolist())


def grouped(explanation: Explanation, features: Mapping[str, Sequence[str | int]]) -> Explanation:
    """Features joined; see [Explanation.group][pellucid.Explanation.group]."""
    row = explanation.features
    columns = _columns_of_groups(explanation, features)
    groups = [group for _, group in columns]
    return _as_table(
        explanation,
        tuple(name for name, _ in columns),
        np.stack([row.values[:, group].sum(1) for group in groups], 1),
        None if row.stderr is None else np.stack([_alone(row.stderr, group) for group in groups], 1),
        np.stack([_alone(row.numbers, group) for group in groups], 1),
        texts=[tuple(_text_of_group(row.names, texts, group) for group in groups) for texts in row.texts],
        remainder=explanation.remainder,
        interactions=_joined_interactions(explanation.interactions, groups),
    )


def _columns_of_groups(
    explanation: Explanation, features: Mapping[str, Sequence[str | int]]
) -> list[tuple[str, list[int]]]:
    """The names of groups, and of features in none, and the positions of their features.

    Raises:
        InvalidArgument: They are no groups, one is empty, or a feature is in two.
    """
    if not isinstance(features, Mapping):
        raise InvalidArgument(
            f"features must be a mapping of groups: got {summary(features)}. Hint: {{'sex': ['female', 'male']}}."
        )
    members = {name: _positions_of_group(explanation, group) for name, group in features.items()}
    names = explanation.features.names
    listed = _check_groups(members, names)
    groups = {group[0]: (name, group) for name, group in members.items()}
    alone = {position: (name, [position]) for position, name in enumerate(names) if position not in listed}
    return [column for _, column in sorted((groups | alone).items())]


def _check_groups(members: Mapping[str, Sequence[int]], names: Sequence[str]) -> set[int]:
    """The positions of all features in groups.

    Raises:
        InvalidArgument: A group is empty or has the name of a feature outside of it, or a feature is in two.
    """
    if not all(members.values()):
        raise InvalidArgument("features must be at least one in each group: got a group of none.")
    counts = Counter(itertools.chain(*members.values()))
    again, count = counts.most_common(1)[0] if counts else (0, 0)
    if count > 1:
        raise InvalidArgument(f"features must be in one group each: got {names[again]!r} twice.")
    outside = {name for position, name in enumerate(names) if position not in counts}
    taken = sorted(outside & members.keys())
    if taken:
        raise InvalidArgument(
            f"features must have groups of other names than features outside of them: got {taken[0]!r}."
        )
    return set(counts)


def _positions_of_group(explanation: Explanation, group: Any) -> list[int]:
    return positions_of(explanation, [group] if isinstance(group, str | int) else group)


def _alone(array: Array, group: Sequence[int]) -> Array:
    """What is known of a feature by itself, NaN of several: the standard error of a sum is not that of its terms."""
    return array[:, group[0]] if len(group) == 1 else np.full(len(array), np.nan)


def _text_of_group(names: Sequence[str], texts: Sequence[str], group: Sequence[int]) -> str:
    """How a group reads: of columns that say which category it is, that category."""
    if len(group) == 1:
        return texts[group[0]]
    marked = [position for position in group if texts[position] == "1"]
    if len(marked) == 1 and all(texts[position] in ("0", "1") for position in group):
        return names[marked[0]]
    return ""


def _joined_interactions(interactions: Array | None, groups: Sequence[Sequence[int]]) -> Array | None:
    """Interactions of groups: those between members are a part of the main effect of their group."""
    if interactions is None:
        return None
    joined = np.zeros((len(interactions), len(groups), len(groups)))
    for one, members in enumerate(groups):
        for another, others in enumerate(groups):
            block = interactions[:, members][:, :, others]
            inner = np.trace(block, axis1=1, axis2=2)
            joined[:, one, another] = inner + (block.sum((1, 2)) - inner) / 2 if one == another else block.sum((1, 2))
    return joined


def _as_table(
    explanation: Explanation,
    names: tuple[str, ...],
    values: Array,
    stderr: Array | None,
    numbers: Array,
    *,
    texts: Sequence[tuple[str, ...]],
    remainder: Array,
    interactions: Array | None,
) -> Explanation:
    """The same explanation of a single table, of features that are named."""
    words = []
    inputs = np.array(numbers, dtype=np.float64)
    for column in range(len(names)):
        shown = [row[column] for row in texts]
        if len(shown) and np.isnan(inputs[:, column]).all() and any(shown):
            kinds = tuple(dict.fromkeys(shown))
            words.append((column, kinds))
            inputs[:, column] = [kinds.index(text) for text in shown]
    part = Part(
        name="",
        kind="table",
        values=np.array(values, dtype=np.float64),
        inputs=inputs,
        stderr=stderr if stderr is None else np.array(stderr),
        names=names,
        words=tuple(words),
        given_as="frame" if explanation.parts[0].given_as == "frame" else "array",
        dtype="float64",
        index=explanation.parts[0].index,
    )
    return dataclasses.replace(
        explanation,
        parts=(part,),
        structure=0,
        feature_labels=(),
        remainder=np.array(remainder),
        interactions=interactions,
    )
