"""The charts of images, texts, series, interactions and rounds that all laws of charts are run over."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from pellucid.plot import (
    convergence,
    image,
    images_side_by_side,
    interaction_network,
    timeseries,
    tokens,
    tokens_side_by_side,
)
from pellucid.plot.charts import Chart
from plot.stand_in import StandIn, images, series, table, texts

EVIL = "<script>alert('1')</script> & \"quotes\" \x1b[31m \u202e ]]>"
WORDS = ("[CLS]", "not", "un", "##believ", "##ably", EVIL, "good", "\n", "x" * 150, "word", "[SEP]") * 3
ARABIC = ("هذا", "الفيلم", "رائع", "جدا", "ولكن", "النهاية", "كانت", "سيئة", "للغاية", "في", "رأيي", "المتواضع")
LONG = "the probability that a customer of the shop comes back within thirty days"


def interacting(features: int, examples: int = 1, size: float = 1.0) -> StandIn:
    values = np.random.default_rng(3).normal(size=(examples, features, features)) * size
    names = tuple(f"feature {number}, {LONG[: 7 * number]}" for number in range(features))
    return table(examples, features, interactions=values + values.transpose(0, 2, 1), feature_names=names)


def in_rounds(error: float, rounds: int = 8) -> StandIn:
    return table(1, rounds=tuple((100.0 * 2**number, error / 2**number) for number in range(rounds)))


def with_unknown(explanation: StandIn) -> StandIn:
    values = explanation.parts[0].values
    values[(0,) * max(2, values.ndim - 1)] = np.nan
    return explanation


METHODS = ("kernel_shap", "permutation_sampling", "leverage", EVIL)
PICTURES: Mapping[str, Callable[[], Chart]] = {
    "one image": lambda: image(images()),
    "image of a long target": lambda: image(images(target_names=(f"{LONG} {EVIL}",))),
    "many images": lambda: image(images(20, 16, 16)),
    "images, each with its scale": lambda: image(images(3), shared_scale=False),
    "contours": lambda: image(images(2), view="contour", sign="negative"),
    "originals": lambda: image(images(2), view="original"),
    "high images": lambda: image(images(2, 60, 12)),
    "wide images": lambda: image(images(2, 12, 60)),
    "image with gaps": lambda: image(with_unknown(images())),
    "images by method": lambda: images_side_by_side(dict.fromkeys(METHODS, images(2))),
    "images by method, one scale": lambda: images_side_by_side(dict.fromkeys(METHODS, images()), shared_scale=True),
    "text": lambda: tokens(with_unknown(texts((WORDS, ARABIC, ())))),
    "small numbers": lambda: tokens(texts((WORDS,), np.random.default_rng(0).normal(size=(1, 33)) * 1e-7)),
    "large numbers": lambda: tokens(texts((WORDS,), np.random.default_rng(0).normal(size=(1, 33)) * 1e7)),
    "text by method": lambda: tokens_side_by_side(dict.fromkeys(METHODS, texts((WORDS, ARABIC)))),
    "series": lambda: timeseries(series()),
    "coloured series": lambda: timeseries(series(channels=2), view="coloured"),
    "bars of series": lambda: timeseries(series(), view="bars"),
    "many channels": lambda: timeseries(series(channels=20, steps=2000)),
    "series of one step": lambda: timeseries(series(steps=1)),
    "series with gaps": lambda: timeseries(with_unknown(series(steps=9)), view="bars"),
    "long names": lambda: timeseries(series(channels=2, feature_names=(LONG * 2, EVIL))),
    "network": lambda: interaction_network(interacting(6)),
    "large network": lambda: interaction_network(interacting(30, 3)),
    "network of one": lambda: interaction_network(interacting(1)),
    "small interactions": lambda: interaction_network(interacting(12, size=1e-7)),
    "one curve": lambda: convergence(in_rounds(0.3), tolerance=0.01),
    "one round": lambda: convergence(in_rounds(0.3, 1)),
    "curves": lambda: convergence({name: in_rounds(0.3 + 0.01 * len(name)) for name in METHODS}, tolerance=1e-9),
    "curves that meet": lambda: convergence({f"{LONG} {number}": in_rounds(0.3) for number in range(9)}),
}
