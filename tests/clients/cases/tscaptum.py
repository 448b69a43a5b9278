"""tsCaptum: its explainers of classifiers and regressors of time series that are no torch models."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from clients.case import Case
from clients.regressions import ROUNDED, UNFINISHED, surrogate
from clients.stand_ins import stand_in

# Whose classifiers tsCaptum knows by type.
stand_in("aeon", "aeon.classification", "aeon.classification.convolution_based")

from tsCaptum.explainers import (  # noqa: E402
    LIME,
    Feature_Ablation,
    Feature_Permutation,
    Kernel_Shap,
    Shapley_Value_Sampling,
)

GENERATOR = np.random.RandomState(1)
SERIES = GENERATOR.randn(6, 2, 30).astype(np.float32)
WEIGHTS = GENERATOR.randn(60, 3)


class Classifier:
    """A classifier of NumPy arrays: probabilities of three classes."""

    def predict_proba(self, series: np.ndarray) -> np.ndarray:
        scores = np.exp(np.tanh(series.reshape(len(series), -1)) @ WEIGHTS / 4)
        return scores / scores.sum(axis=1, keepdims=True)


class Regressor:
    """A regressor of NumPy arrays."""

    def predict(self, series: np.ndarray) -> np.ndarray:
        return np.tanh(series.reshape(len(series), -1)) @ WEIGHTS[:, 0]


def explained(explainer: type, model: type, **arguments: Any) -> np.ndarray:
    """The saliency maps of time series."""
    labels = {"labels": np.array([0, 1, 2, 1, 0, 2])} if model is Classifier else {}
    return explainer(model()).explain(SERIES, **labels, **arguments)


def case_of(explainer: type, model: type, **arguments: Any) -> Case:
    """A case of an explainer and a model."""
    run = partial(explained, explainer, model, **arguments)
    return surrogate(run, SURROGATES[explainer]) if explainer in SURROGATES else Case(run)


SURROGATES = {LIME: UNFINISHED, Kernel_Shap: ROUNDED}
METHODS = (Feature_Ablation, Feature_Permutation, Kernel_Shap, LIME, Shapley_Value_Sampling)
ARGUMENTS: dict[str, dict[str, Any]] = {
    "segments": {"n_segments": 5},
    "a baseline": {"n_segments": 5, "baseline": 0.5},
    "a series as baseline": {"n_segments": 5, "baseline": SERIES[:1]},
    "normalised": {"n_segments": 5, "normalise": True},
}
CASES = {
    f"{explainer.__name__}, {model.__name__.lower()}, {name}": case_of(explainer, model, **arguments)
    for explainer in METHODS
    for model in (Classifier, Regressor)
    for name, arguments in ARGUMENTS.items()
}
CASES["Feature_Ablation, points"] = Case(partial(explained, Feature_Ablation, Classifier, n_segments=-1))
