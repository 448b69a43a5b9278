"""The networks of the examples: their layers, how well the stored ones predict, and that training gives them."""

from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.examples import boston, cancer, diabetes, housing, titanic
from pellucid.examples.score import accuracy, explained_variance, root_mean_squared_error
from pellucid.examples.split import as_tensor
from pellucid.examples.train import RECIPES, train

CLASSIFIERS = [(titanic, 766 / 916, 321 / 393), (cancer, 499 / 512, 55 / 57), (diabetes, 420 / 537, 167 / 231)]
WIDTHS = {
    "titanic": [12, 12, 8, 2],
    "boston": [13, 100, 50, 10, 1],
    "housing": [8, 5, 10, 15, 1],
    "cancer": [30, 5, 10, 15, 2],
    "diabetes": [8, 12, 8, 2],
}
EXAMPLES = [titanic, boston, housing, cancer, diabetes]


def name_of(example: ModuleType) -> str:
    return example.__name__.rpartition(".")[2]


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_networks_have_the_tutorial_s_layers(example: ModuleType):
    network = example.network()
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert [layers[0].in_features, *(layer.out_features for layer in layers)] == WIDTHS[name_of(example)]
    functional = example in (housing, cancer)
    assert functional != any(isinstance(layer, nn.ReLU | nn.Sigmoid) for layer in network.modules())
    assert network.training
    assert not example.trained().training


@pytest.mark.parametrize(("example", "train_accuracy", "test_accuracy"), CLASSIFIERS)
def test_the_stored_classifiers_are_as_good_as_is_said(
    example: ModuleType, train_accuracy: float, test_accuracy: float
):
    network, rows = example.trained(), example.data()
    assert accuracy(network, rows.train, rows.train_target) == pytest.approx(train_accuracy)
    assert accuracy(network, rows.test, rows.test_target) == pytest.approx(test_accuracy)
    probabilities = network(as_tensor(rows.test))
    assert probabilities.sum(dim=1).tolist() == pytest.approx([1] * len(rows.test))


def test_the_stored_regressions_are_as_good_as_is_said():
    network, rows = boston.trained(), boston.data()
    assert network(as_tensor(rows.test)).shape == (152, 1)
    assert root_mean_squared_error(network, rows.train, rows.train_target) == pytest.approx(4.9323, abs=1e-4)
    assert root_mean_squared_error(network, rows.test, rows.test_target) == pytest.approx(5.4182, abs=1e-4)
    network, rows = housing.trained(), housing.data()
    assert network(as_tensor(rows.test)).shape == (4128,)
    assert explained_variance(network, rows.train, rows.train_target) == pytest.approx(0.7560, abs=1e-4)
    assert explained_variance(network, rows.test, rows.test_target) == pytest.approx(0.7619, abs=1e-4)


def test_explained_variance_is_that_of_scikit_learn():
    from sklearn.metrics import r2_score

    network, rows = boston.trained(), boston.data()
    with torch.no_grad():
        predicted = network(as_tensor(rows.test)).flatten()
    expected = r2_score(rows.test_target.numpy(), predicted.numpy())
    assert explained_variance(network, rows.test, rows.test_target) == pytest.approx(expected, abs=1e-5)


def trains_to(name: str, tolerance: float, kind: str):
    """Training again predicts about as well as the stored network: rounding differs between machines."""
    recipe, rows = RECIPES[name], RECIPES[name].data()
    network, score = train(recipe), recipe.scores[kind]
    stored = {example.__name__.rpartition(".")[2]: example for example in EXAMPLES}[name].trained()
    for part, target in ((rows.train, rows.train_target), (rows.test, rows.test_target)):
        assert score(network, part, target) == pytest.approx(score(stored, part, target), abs=tolerance)
    assert not network.training


@pytest.mark.parametrize("name", ["titanic", "diabetes"])
def test_training_again_predicts_about_as_well(name: str):
    trains_to(name, 0.04, "accuracy")


@pytest.mark.large
@pytest.mark.parametrize(
    ("name", "tolerance", "kind"), [("boston", 0.4, "RMSE"), ("housing", 0.04, "R²"), ("cancer", 0.04, "accuracy")]
)
def test_long_training_again_predicts_about_as_well(name: str, tolerance: float, kind: str):
    trains_to(name, tolerance, kind)


def test_global_random_states_stay_as_they_were():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    for example in EXAMPLES:
        example.data(), example.trained()
    train(RECIPES["titanic"])
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)
