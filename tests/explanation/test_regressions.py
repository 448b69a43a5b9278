"""What was wrong once: masks of pictures, layers, differences, data sets, integers, targets, copies."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

import pellucid
from explanation.models import NAMES, WEIGHTS, Words, explained, frame, inputs, linear
from pellucid import methods
from pellucid.errors import InvalidArgument, PellucidWarning

VALUES = ["shapley_values", "kernel_shap", "feature_ablation", "integrated_gradients"]


def flat(*sizes: int) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(*sizes))


def assert_adds_up(explanation: pellucid.Explanation, tolerance: float = 1e-4) -> None:
    change = explanation.prediction - explanation.baseline_prediction
    np.testing.assert_allclose(explanation.features.values.sum(1) + explanation.remainder, change, atol=tolerance)


# ---------------------------------------------------------------------------------------------------------------- masks


@pytest.mark.parametrize("method", VALUES)
def test_masks_of_pictures_with_colours_count_features_once(method: str):
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(16) // 4).reshape(1, 1, 4, 4)
    explanation = pellucid.explain(flat(48, 2), x, target=0, method=method, feature_mask=mask)
    assert len(explanation.features) == 4
    assert_adds_up(explanation)
    channels = pellucid.explain(
        flat(48, 2), x, target=0, method=method, feature_mask=torch.arange(3).reshape(1, 3, 1, 1)
    )
    assert channels.features.names == ("feature 0", "feature 1", "feature 2")
    assert_adds_up(channels)


def test_auto_counts_squares_of_pictures_with_colours_once():
    layer = flat(3072, 2)
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    explanation = pellucid.explain(lambda x: (torch.sigmoid(layer(x)) * 1000).round(), x, target=0, tolerance=1)
    assert_adds_up(explanation, 1e-3)


def test_features_that_an_example_lacks_stay_when_it_is_alone(tmp_path: Any):
    mask = torch.tensor([[0, 0, 1, 1], [0, 1, 2, 2]])
    explanation = pellucid.explain(
        linear(), inputs(2), target=0, method="shapley_interactions", feature_mask=mask, feature_names=["p", "q", "r"]
    )
    first = explanation[0]
    assert first.features.names == ("p", "q", "r")
    assert first.interactions.shape == (1, 3, 3)
    np.testing.assert_allclose(first.features.values, explanation.features.values[:1])
    first.save(tmp_path / "first.pellucid")
    np.testing.assert_allclose(pellucid.load(tmp_path / "first.pellucid").interactions, first.interactions)


def test_differences_are_of_features_where_masks_join_elements():
    mask = {"target": 0, "feature_mask": torch.tensor([[0, 0, 1, 1]])}
    exact = pellucid.explain(linear(), inputs(), method="shapley_values", **mask)
    integrated = pellucid.explain(linear(), inputs(), method="integrated_gradients", **mask)
    np.testing.assert_allclose((exact - integrated).features.values, 0, atol=1e-5)
    np.testing.assert_allclose((integrated - exact).features.values, 0, atol=1e-5)


def test_sizes_are_those_of_features():
    grouped = explained(feature_mask={"sex": ["female", "male"]})
    np.testing.assert_allclose(abs(grouped).features.values, np.abs(grouped.features.values))
    picture = pellucid.explain(flat(48, 2), torch.randn(2, 3, 4, 4), target=0, method="input_x_gradient")
    np.testing.assert_allclose(abs(picture).features.values, np.abs(picture.features.values), atol=1e-6)
    assert abs(picture).top(3).features.names == picture.top(3).features.names


@pytest.mark.parametrize("method", ["integrated_gradients", "shapley_values"])
def test_features_of_masks_stand_and_read_as_those_of_groups(method: str):
    frame = pandas.DataFrame(
        {"age": [39.0, 61.0], "female": [1.0, 0.0], "male": [0.0, 1.0], "fare": [2.0, 3.0], "town": [0.0, 0.0]}
    )
    groups = {"costs": ["fare", "town"], "sex": ["female", "male"]}
    masked = pellucid.explain(flat(5, 2), frame, target=0, method=method, feature_mask=groups)
    grouped = pellucid.explain(flat(5, 2), frame, target=0, method=method).group(groups)
    assert masked.features.names == grouped.features.names == ("age", "sex", "costs")
    assert masked.features.texts == grouped.features.texts == (("39", "female", ""), ("61", "male", ""))
    with pytest.raises(InvalidArgument, match="feature_mask must have features in each group: got none in 'none'"):
        pellucid.explain(flat(5, 2), frame, target=0, feature_mask={"none": [], **groups})


def test_what_a_mask_has_joined_is_not_joined_again():
    explanation = pellucid.explain(
        flat(12, 2),
        torch.randn(2, 6, 2),
        target=0,
        method="shapley_values",
        feature_mask=(torch.arange(6) // 3)[None, :, None],
    )
    with pytest.raises(InvalidArgument, match="which feature_mask has joined already"):
        explanation.aggregate("step")


# --------------------------------------------------------------------------------------------------------------- layers


def test_activations_are_those_of_the_layer():
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    explanation = pellucid.explain(model, inputs(), method="activation", source="0")
    torch.testing.assert_close(explanation.values, model[0](inputs()).detach())


def test_features_of_layers_have_masks_and_baselines_of_their_own():
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
    mask = torch.tensor([[0, 0, 1, 1]])
    arguments: Any = {"target": 0, "method": "shapley_values", "source": "0"}
    explanation = pellucid.explain(model, inputs(), feature_mask=mask, **arguments)
    assert len(explanation.features) == 2
    assert_adds_up(explanation)
    activations = model[0](inputs()).detach().mean(0, keepdim=True)
    assert_adds_up(pellucid.explain(model, inputs(), baselines=activations, **arguments))
    with pytest.raises(InvalidArgument, match="baselines must be of the layer whose features are taken away"):
        pellucid.explain(model, inputs(), baselines="mean", **arguments)


def test_states_of_recurrent_layers_have_their_examples_first(tmp_path: Any):
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.lstm(x)[0][:, -1])

    explanation = pellucid.explain(Recurrent(), torch.randn(4, 6, 3), source="lstm", method="input_x_gradient")
    assert [part.values.shape[0] for part in explanation.parts] == [4, 4, 4]
    assert repr(explanation[1])
    explanation.save(tmp_path / "states.pellucid")
    assert pellucid.load(tmp_path / "states.pellucid").features.names == explanation.features.names


def test_interactions_of_several_targets_are_those_of_each():
    both = pellucid.explain(linear(), inputs(), target=methods.Several([0, 1]), method="shapley_interactions")
    for number, explanation in enumerate(both.values()):
        np.testing.assert_allclose(explanation.features.values, inputs() * WEIGHTS[number], atol=1e-5)


# ------------------------------------------------------------------------------------------------------------ baselines


def test_means_and_ranges_of_integers():
    table = np.random.default_rng(0).integers(0, 9, (60, 3))
    model = LogisticRegression().fit(table, table.sum(1) > 12)
    at_mean = pellucid.explain(model, table[:3], target=1, baselines="mean", background=table)
    expected = model.predict_proba(table.mean(0, keepdims=True))[0, 1]
    np.testing.assert_allclose(at_mean.baseline_prediction, expected, rtol=1e-5)
    uniform = pellucid.explain(model, table[:3], target=1, baselines="uniform", background=table)
    assert uniform.baseline_prediction.min() > 2 * model.predict_proba(table.min(0, keepdims=True))[0, 1]


def test_data_sets_of_torch_are_never_one_for_each_and_say_how_many_were_drawn():
    data = torch.utils.data.TensorDataset(inputs(5, 3))
    explanation = explained(baselines=data)
    torch.testing.assert_close(explanation.values, (inputs() - inputs(5, 3).mean(0)) * WEIGHTS[0], atol=1e-5, rtol=1e-5)
    many = torch.utils.data.TensorDataset(inputs(5000, 3))
    assert any("100 of the 5000 baselines" in note for note in explained(baselines=many, n_steps=2).notes)
    mean = explained(baselines="mean", background=many)
    torch.testing.assert_close(mean.values, (inputs() - inputs(5000, 3).mean(0)) * WEIGHTS[0], atol=1e-4, rtol=1e-4)


def test_entries_of_data_sets_are_one_for_each_input():
    first, second = inputs(7, 3), inputs(7, 4)
    explanation = pellucid.explain(
        lambda a, b: a.sum(1) + 10 * b.sum(1),
        (inputs(), inputs(5, 1)),
        method="integrated_gradients",
        baselines=torch.utils.data.TensorDataset(first, second),
    )
    np.testing.assert_allclose(explanation.baseline_prediction, (first.sum(1) + 10 * second.sum(1)).mean(), rtol=1e-4)


def test_columns_of_words_have_no_mean():
    table = pandas.DataFrame({"city": ["a", "b", "a", "c"], "age": [1.0, 2.0, 3.0, 4.0]})

    class Model:
        def predict(self, rows: pandas.DataFrame) -> np.ndarray:
            return (rows["city"] == "a") + rows["age"].to_numpy()

    with pytest.raises(InvalidArgument, match=r"baselines='mean' is for numbers: the columns 'city' hold words.*Hint:"):
        pellucid.explain(Model(), table, baselines="mean")
    assert pellucid.explain(Model(), table[:2], baselines=table).features.texts[0][0] == "a"


def test_series_are_blurred_along_their_steps():
    x = torch.zeros(1, 50, 3)
    x[:, :, 1] = 1.0
    with pytest.warns(PellucidWarning, match="baselines are equal to the inputs"):
        explanation = pellucid.explain(lambda x: x[:, 10, 1], x, baselines="blur", method="shapley_value_sampling")
    np.testing.assert_allclose(explanation.features.values, 0, atol=1e-5)
    convolution = nn.Sequential(nn.Conv1d(3, 2, 3), nn.Flatten(), nn.Linear(96, 1))
    first = pellucid.explain(convolution, x.movedim(1, 2))
    assert first.values.shape == (1, 3, 50)
    assert first.aggregate("channel").features.names == ("channel 0", "channel 1", "channel 2")
    torch.testing.assert_close(first.values[0, 1, 7].item(), first.parts[0].values[0, 7, 1].item())


def test_without_a_seed_draws_are_torch_s():
    def values(state: int) -> Any:
        torch.manual_seed(state)
        return explained(baselines=inputs(300, 2), seed=None, n_steps=2).features.values

    np.testing.assert_array_equal(values(1), values(1))
    assert not np.array_equal(values(1), values(2))


def test_differences_of_what_shares_random_numbers_have_no_standard_errors():
    first, second = (explained(method="kernel_shap", target=target, n_samples=12) for target in (0, 1))
    assert (first - second).features.stderr is None
    other = explained(method="kernel_shap", target=1, n_samples=12, seed=1)
    assert (first - other).features.stderr is not None


def test_standard_errors_of_noise_over_a_data_set_are_those_of_the_noise():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
    noisy = methods.NoiseTunnel(attribution_method=methods.IntegratedGradients(n_steps=10), nt_samples=5, stdevs=1.0)
    drawn = [
        pellucid.explain(model, inputs(1), method=noisy, baselines=1e-3 * inputs(20, 2), seed=seed)
        for seed in range(12)
    ]
    spread = np.std([each.features.values[0] for each in drawn], axis=0, ddof=1)
    told = np.mean([each.features.stderr[0] for each in drawn], axis=0)
    assert (told > 0.3 * spread).all()
    assert (told < 3 * spread).all()


def test_intervals_of_sampled_shapley_values_hold_the_values_over_all_baselines():
    """Of 95 % intervals nearly all do, though few of the baselines are drawn."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    generator = torch.Generator().manual_seed(1)
    rows, x = torch.randn(1000, 8, generator=generator), torch.randn(2, 8, generator=generator)

    def model(x: torch.Tensor) -> torch.Tensor:
        return network(x).detach()[:, 0]

    whole = pellucid.explain(model, x, method="shapley_values", baselines=methods.Background(rows)).features.values
    inside = []
    for seed in range(10):
        drawn = pellucid.explain(model, x, baselines=rows, seed=seed, tolerance=1)
        assert drawn.evaluations.max() <= 2_100
        inside.append(np.abs(drawn.features.values - whole) < 1.96 * drawn.features.stderr)
    assert np.mean(inside) > 0.85


def test_auto_keeps_to_its_evaluations_over_many_baselines():
    model = nn.Sequential(linear(), nn.Tanh(), nn.Linear(3, 1))
    for rows in (30, 500):
        assert pellucid.explain(model, inputs(), baselines=inputs(rows, 2)).evaluations.max() <= 2_000
    with pytest.raises(InvalidArgument, match="max_evaluations must be at least 96000 for a Background of 3000 rows"):
        pellucid.explain(model, inputs(), baselines=methods.Background(inputs(3000, 2)))


def test_default_baselines_that_score_high_are_warned_of_and_regressions_are_not():
    model = nn.Sequential(nn.Linear(3, 2), nn.Softmax(1))
    with torch.no_grad():
        model[0].weight.zero_()[0, 0] = 0.1
        model[0].bias.copy_(torch.tensor([5.0, -5.0]))
    with pytest.warns(PellucidWarning, match=r"baselines themselves score 1\.00"):
        pellucid.explain(model, torch.ones(2, 3))
    regression = explained(method="saliency")
    assert regression.unit == ""
    pellucid.explain(lambda x: torch.stack([100 + x.sum(1), 1 + x.abs().sum(1)], 1), torch.rand(2, 3), target=0)


def test_arguments_that_would_have_no_effect_are_refused():
    with pytest.raises(InvalidArgument, match="baselines would have no effect, as saliency takes none"):
        explained(method="saliency", baselines="nonsense")
    assert len(explained(method=["saliency", "integrated_gradients"], baselines=0)) == 2
    with pytest.raises(InvalidArgument, match="patching needs counterfactuals"):
        explained(method="patching")


# -------------------------------------------------------------------------------------------------------------- targets


@pytest.mark.parametrize("target", [torch.tensor(1), np.int64(1), np.array([1] * 5), [1] * 5, -2])
def test_targets_of_every_kind(target: Any):
    explanation = explained(target=target)
    torch.testing.assert_close(explanation.values, inputs() * WEIGHTS[1])
    assert explanation.target_names == ("output 1",) * 5
    assert pellucid.can_explain(linear(), inputs(), "integrated_gradients", target=target)


def test_classes_of_estimators_are_targets():
    table = inputs(40).numpy()
    model = LogisticRegression().fit(table, np.where(table[:, 0] > 0, "yes", "no"))
    explanation = pellucid.explain(model, table[:2], target="yes")
    np.testing.assert_allclose(explanation.prediction, model.predict_proba(table[:2])[:, 1], rtol=1e-5)


def test_batches_that_cannot_be_divided():
    whole = pellucid.explain(lambda x: (x**3).sum(), inputs(1)[0], batch_dim=None)
    np.testing.assert_allclose(whole.features.values[0], inputs(1)[0] ** 3, atol=1e-3)
    collapsed = pellucid.explain(lambda x: (x**2).sum(), inputs())
    np.testing.assert_allclose(collapsed.values, inputs() ** 2, atol=1e-3)
    assert collapsed.delta is None
    game = pellucid.explain(lambda x: (x**2).sum(), inputs(), method="feature_ablation")
    assert (len(game), game.values.shape) == (1, (1, 4))
    assert repr(game[0])


# --------------------------------------------------------------------------------------------------------------- copies


def test_explanations_are_copied_and_pickled_and_stay_read_only():
    explanation = explained()
    for other in (copy.deepcopy(explanation), pickle.loads(pickle.dumps(explanation)), copy.copy(explanation)):
        assert repr(other) == repr(explanation)
        with pytest.raises(ValueError, match="read-only"):
            other.prediction[0] = 0
    both = explained(method=["saliency", "integrated_gradients"])
    assert list(pickle.loads(pickle.dumps(both))) == list(both)


def test_models_are_not_kept_alive():
    model = Words()
    explanation = pellucid.explain(model, torch.randint(0, 20, (2, 3)))
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    assert repr(explanation)


def test_models_made_in_inference_mode():
    with torch.inference_mode():
        model = linear()
    assert pellucid.explain(model, inputs(), target=0, method="shapley_values").delta is not None


# --------------------------------------------------------------------------------------------------------------- frames


def test_frames_come_back_with_their_own_labels(tmp_path: Any):
    table = frame(3)
    table.columns = [10, 20, 30, 40]
    table.index = pandas.date_range("2026-01-01", periods=3, name="day")
    explanation = pellucid.explain(linear(), table, target=0)
    values = explanation.values
    assert values.columns.tolist() == [10, 20, 30, 40]
    assert (values.index.tolist(), values.index.name) == (table.index.tolist(), "day")
    assert explanation[1:].values.index.tolist() == table.index[1:].tolist()
    explanation.save(tmp_path / "days.pellucid")
    assert pellucid.load(tmp_path / "days.pellucid").values.shape == (3, 4)


def test_a_missing_number_leaves_the_others_numbers():
    table = frame(3)
    table.iloc[1, 0] = float("nan")
    with pytest.warns(PellucidWarning, match="NaN"):
        explanation = pellucid.explain(linear(), table, target=0, method="input_x_gradient")
    assert explanation.top(4)["age"].features.numbers[0, 0] == pytest.approx(table.iloc[0, 0])
    assert explanation.to_frame()["input"][0] == pytest.approx(table.iloc[0, 0])
    assert "says nothing of" not in repr(explanation)


def test_names_that_occur_twice_are_all_meant_and_groups_have_names_of_their_own():
    ids = torch.tensor([[3, 4, 3]])
    explanation = pellucid.explain(Words(), ids)
    assert explanation[0, "3"].features.names == ("3", "3")
    with pytest.raises(InvalidArgument, match="feature_names must be all different: got 'a'"):
        explained(feature_names=["a", "a", "b", "c"])
    with pytest.raises(InvalidArgument, match="groups of other names than features outside of them: got 'age'"):
        explained().group({"age": ["fare", "male"]})


def test_commands_to_terminals_are_not_written():
    explanation = explained(feature_names=["\x1b[31mred", "b", "c", "d"])
    assert "\x1b" not in repr(explanation)
    assert "\x1b" not in explanation._repr_html_()


def test_keys_of_every_kind():
    assert len(explained()[[]]) == 0
    assert explained()["age", "fare"].features.names == ("age", "fare")
    assert explained().group({"x": 3}).features.names == ("age", "fare", "female", "x")
    assert NAMES[3] not in explained().group({"x": "male"}).features.names


def test_names_of_classes_and_inputs_that_there_are_not():
    with pytest.raises(InvalidArgument, match="class_names must be one for each of 3 outputs: got 2"):
        explained(class_names=["a", "b"])
    with pytest.raises(InvalidArgument, match="feature_names must be of the inputs '': got 'channel'"):
        explained(feature_names={"channel": ["a"]})
    with pytest.raises(InvalidArgument, match=r"inputs must have examples in their first dimension: got \(4,\)"):
        pellucid.explain(linear(), inputs()[0])


def test_channels_of_series_have_names():
    explanation = pellucid.explain(lambda x: x.sum((1, 2)), torch.rand(2, 4, 2), feature_names=["heat", "rain"])
    assert explanation.features.names[:3] == ("step 0, heat", "step 0, rain", "step 1, heat")
    assert explanation[0].plot.timeseries().names == ("heat", "rain")
    assert explanation[0].plot.timeseries(channels=["rain"]).names == ("rain",)
    with pytest.raises(InvalidArgument, match="one for each of 8 features, or of 2 channels: got 3"):
        pellucid.explain(lambda x: x.sum((1, 2)), torch.rand(2, 4, 2), feature_names=["a", "b", "c"])


def test_relevance_that_does_not_add_up_is_told():
    explanation = explained(method="lrp")
    assert explanation.delta is None
    assert any(note.startswith("Relevance adds up to") for note in explanation.notes)


def test_words_that_a_tokenizer_does_not_know_are_shown():
    from explanation.test_explanation import encoding

    explanation = pellucid.explain(Words(), ["the zebra was great"], tokenizer=encoding(), target=1)
    assert explanation.features.names == ("[CLS]", "the", "zebra", "was", "great", "[SEP]")
    assert explanation.aggregate("word").features.names == ("the", "zebra", "was", "great")


def test_pictures_say_what_they_take(tmp_path: Any):
    import inspect

    explanation = explained()
    assert list(inspect.signature(explanation.plot.scatter).parameters) == ["feature", "colour", "ax"]
    assert "A feature's attributions" in explanation.plot.scatter.__doc__
    explanation.plot.bar().save(tmp_path / "bar.svg", theme="dark")
    explanation[0].plot.bar().save(tmp_path / "bar.gif")
    chart = explained(5, feature_names=["a", "b", "c", "d"]).plot.cohorts("a")
    assert len(chart.groups) == 5
