import re
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import torch
from torch import Tensor

from demo.page import words, written
from pellucid.demo.findings import Findings
from pellucid.demo.titanic import FEATURES, MEANINGS, accuracy, load_passengers, network, split, trained_network
from pellucid.demo.train import train


def test_the_table_has_1309_passengers_with_12_finite_features_in_order():
    passengers = load_passengers()
    assert passengers.features.shape == (1309, 12)
    assert passengers.features.isfinite().all()
    assert passengers.survived.sum() == 500
    allen = dict(zip(FEATURES, passengers.features[0].tolist(), strict=True))
    assert allen == pytest.approx(
        {"age": 29, "sibsp": 0, "parch": 0, "fare": 211.3375, "female": 1, "male": 0}
        | {"embark C": 0, "embark Q": 0, "embark S": 1, "class 1": 1, "class 2": 0, "class 3": 0}
    )
    assert tuple(MEANINGS) == FEATURES


def test_missing_ages_are_the_mean_age_and_a_missing_port_is_no_port():
    features = load_passengers().features
    assert (features[:, 0] == np.float32(29.8811345)).sum() == 263
    assert (features[:, 6:9].sum(dim=1) == 0).sum() == 2
    assert (features[:, 4:6].sum(dim=1) == 1).all()
    assert (features[:, 9:12].sum(dim=1) == 1).all()


def test_the_split_is_the_tutorial_s_and_leaves_no_passenger_out():
    passengers = load_passengers()
    training, test = split(passengers)
    assert (len(training), len(test)) == (916, 393)
    together = torch.cat([training.features, test.features])
    assert together.sum(dim=0).tolist() == pytest.approx(passengers.features.sum(dim=0).tolist(), rel=1e-5)


def test_the_shipped_weights_predict_as_well_as_the_report_says(findings: Findings):
    training, test = split(load_passengers())
    assert findings.training_accuracy == pytest.approx(766 / 916)
    assert findings.test_accuracy == pytest.approx(321 / 393)
    assert accuracy(trained_network(), training) == findings.training_accuracy
    assert accuracy(trained_network(), test) == findings.test_accuracy


def test_training_again_gives_a_network_that_predicts_as_well():
    training, test = split(load_passengers())
    net = train(training)
    assert accuracy(net, training) == pytest.approx(0.836, abs=0.03)
    assert accuracy(net, test) == pytest.approx(0.817, abs=0.04)
    assert not net.training


def test_global_random_states_stay_as_they_were():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1]
    train(split(load_passengers())[0])
    trained_network()
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)


def test_mean_attributions_are_those_of_a_computation_by_hand(findings: Findings):
    by_hand = integrated_gradients_by_hand(findings.test.features).mean(dim=0)
    means = {feature.name: feature.mean for feature in findings.by_feature()}
    assert [means[name] for name in FEATURES] == pytest.approx(by_hand.tolist(), abs=1e-4)
    assert findings.delta.abs().max() < 1e-2


def integrated_gradients_by_hand(features: Tensor) -> Tensor:
    """The mean gradient at the middles of 2000 equal steps from zero, times the features; in double precision."""
    net = trained_network().double()
    features = features.double()
    total = torch.zeros_like(features)
    for step in range(2000):
        point = (features * (step + 0.5) / 2000).requires_grad_()
        total += torch.autograd.grad(net(point)[:, 1].sum(), point)[0]
    return features * total / 2000


def test_age_and_male_speak_most_against_survival_and_sibsp_counts_only_for_those_not_alone(findings: Findings):
    features = findings.by_feature()
    assert [feature.name for feature in features[-2:]] == ["male", "age"]
    assert {feature.name for feature in features if abs(feature.mean) < 0.03} == {"embark Q", "parch"}
    assert torch.equal(findings.of("sibsp") == 0, findings.test.features[:, 1] == 0)
    groups = findings.by_value("sibsp")
    assert [group.value for group in groups] == [0, 1, 2, 3, 4, 5, 8]
    assert sum(group.count for group in groups) == 393


def test_the_report_has_each_chart_in_both_themes_and_a_page(folder: Path):
    names = {"feature-means", "sibsp-distribution", "sibsp-by-value"}
    names |= {"neuron-means", "neuron-distributions", "neuron-features"}
    expected = {f"{name}{theme}.png" for name in names for theme in ("", "-dark")} | {"index.html"}
    assert {path.name for path in folder.iterdir()} == expected
    for picture in folder.glob("*.png"):
        pixels = matplotlib.image.imread(picture)[:, :, :3]
        drawn = (pixels != pixels[0, 0]).any(axis=2)
        assert 0.02 < drawn.mean() < 0.5
        assert not drawn[:, [0, -1]].any()  # nothing is cut off
        assert not drawn[[0, -1]].any()


def test_the_page_is_self_contained_and_says_what_was_found(folder: Path, findings: Findings):
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "://" not in page
    sources = re.findall(r'\b(?:src|srcset|href)="([^"]*)"', page)
    assert len(sources) == 12
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert page.count('<source media="(prefers-color-scheme: dark)"') == 6
    assert len(re.findall(r'<img [^>]*alt="[^"]{20,}"', page)) == 6
    text = words(page)
    assert "83.6 % of the 916 passengers" in text
    assert "81.7 % of 393 others" in text
    for feature in findings.by_feature():
        assert f"{feature.name} {MEANINGS[feature.name]} {written(feature.mean)} {feature.mean_absolute:.3f}" in text


def test_the_network_has_the_tutorial_s_layers():
    assert [type(layer).__name__ for layer in network()] == [*["Linear", "Sigmoid"] * 2, "Linear", "Softmax"]
    assert [tuple(weight.shape) for weight in network().parameters() if weight.ndim == 2] == [(12, 12), (8, 12), (2, 8)]
