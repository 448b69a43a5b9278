"""The models with known answers, explained by what suits them: what was planted comes first."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import pellucid
from pellucid.zoo.known_model import KnownModel
from pellucid.zoo.models import known_models

MODELS = {known.name: known for known in known_models()}


def explained(known: KnownModel) -> pellucid.Explanation:
    mine = known.copied()
    arguments = {"source": mine.source} if mine.source else {"feature_mask": mine.feature_mask}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pellucid.errors.PellucidWarning)  # that few steps do not suffice, of steep ones
        return pellucid.explain(mine.model, mine.inputs, target=mine.target, baselines=mine.baselines, **arguments)


@pytest.mark.parametrize("name", sorted(MODELS.keys() - {"exclusive or"}))
def test_what_was_planted_comes_first(name: str):
    known = MODELS[name]
    explanation = explained(known)
    values = np.abs(explanation.features.values)
    importance = known.importance.double().flatten(1).numpy()
    if values.shape != importance.shape:  # of features that a mask joins
        values = np.abs(explanation.parts[0].element_values)
    for found, wanted in zip(values, importance, strict=True):
        assert wanted[found.argmax()] == np.nanmax(wanted) or known.unlike is not None


def test_what_features_only_do_together_is_found_by_interactions():
    """What each of the two makes alone cancels what they make together: attributions of single features hide both."""
    known = MODELS["exclusive or"]
    pair = set(np.flatnonzero(known.importance[0] == known.importance[0].max()))
    assert not pair & set(np.abs(explained(known).features.values).argmax(1))
    pairs = pellucid.explain(
        known.model, known.inputs, target=known.target, baselines=known.baselines, method="shapley_interactions"
    )
    sizes = np.abs(np.triu(pairs.interactions, 1)).sum(0)
    assert set(np.unravel_index(sizes.argmax(), sizes.shape)) == pair
