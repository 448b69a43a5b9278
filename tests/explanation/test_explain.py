"""`explain`: what it chooses, what it takes, and what it says."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from torch import nn

import pellucid
from explanation.models import NAMES, WEIGHTS, Pictures, Words, explained, frame, inputs, linear, pictures
from pellucid import attr, methods
from pellucid.errors import InvalidArgument, NotDifferentiable, PellucidWarning, UnknownName, WrongType


def test_a_linear_model_is_explained_by_inputs_times_weights():
    explanation = pellucid.explain(linear(), inputs(), target=0, feature_names=NAMES)
    torch.testing.assert_close(explanation.values, inputs() * WEIGHTS[0])
    assert explanation.features.names == NAMES
    assert explanation.target_names == ("output 0",) * 5
    np.testing.assert_allclose(explanation.prediction, linear()(inputs())[:, 0].detach())
    np.testing.assert_allclose(explanation.baseline_prediction, 0.5)
    np.testing.assert_allclose(explanation.delta, 0, atol=1e-6)
    assert explanation.seconds > 0


@pytest.mark.parametrize(
    ("name", "facade"),
    [
        ("saliency", lambda model: attr.Saliency(model).attribute(inputs(), target=1)),
        ("integrated_gradients", lambda model: attr.IntegratedGradients(model).attribute(inputs(), target=1)),
        ("deep_lift", lambda model: attr.DeepLift(model).attribute(inputs(), target=1)),
        ("lrp", lambda model: attr.LRP(model).attribute(inputs(), target=1)),
        ("feature_ablation", lambda model: attr.FeatureAblation(model).attribute(inputs(), target=1)),
        ("shapley_values", lambda model: attr.ShapleyValues(model).attribute(inputs(), target=1)),
    ],
)
def test_values_are_those_of_the_method(name: str, facade: Any):
    model = nn.Sequential(linear(), nn.Tanh(), nn.Linear(3, 2))
    torch.testing.assert_close(pellucid.explain(model, inputs(), method=name, target=1).values, facade(model))


@pytest.mark.parametrize("name", ["IntegratedGradients", "integrated gradients", "INTEGRATED_GRADIENTS"])
def test_names_of_methods_are_read_however_they_are_written(name: str):
    assert explained(method=name).method == "integrated_gradients"


def test_a_method_may_be_an_object_whose_fields_parameters_replace():
    explanation = explained(method=methods.IntegratedGradients(n_steps=7, method="riemann_trapezoid"), n_steps=9)
    assert (explanation.provenance.parameters["n_steps"], explanation.provenance.parameters["method"]) == (
        9,
        "riemann_trapezoid",
    )


def test_several_methods_are_a_comparison_and_each_takes_its_own_parameters():
    both = explained(method=["saliency", "integrated_gradients"], n_steps=7)
    assert list(both) == ["saliency", "integrated_gradients"]
    assert both["integrated_gradients"].provenance.parameters["n_steps"] == 7
    assert len(both[0]["saliency"]) == 1
    with pytest.raises(UnknownName, match="n_step is no parameter of saliency"):
        explained(method=["saliency", "integrated_gradients"], n_step=7)


def test_several_targets_are_a_comparison_from_one_sweep():
    all_targets = explained(target=methods.Several("all"), class_names=["a", "b", "c"])
    assert list(all_targets) == ["a", "b", "c"]
    for number, explanation in enumerate(all_targets.values()):
        torch.testing.assert_close(explanation.values, inputs() * WEIGHTS[number])
        np.testing.assert_allclose(explanation.delta, 0, atol=1e-6)


# ------------------------------------------------------------------------------------------------------------ choosing


def test_the_predicted_class_is_explained_where_no_target_is_given_and_that_is_said():
    explanation = pellucid.explain(linear(), inputs(), class_names=["cat", "dog", "cow"])
    predicted = linear()(inputs()).argmax(1).tolist()
    assert explanation.target_names == tuple(["cat", "dog", "cow"][number] for number in predicted)
    torch.testing.assert_close(explanation.values, inputs() * WEIGHTS[predicted])
    assert any("predicted class" in note for note in explanation.notes)


def test_an_output_of_several_dimensions_needs_a_target():
    with pytest.raises(
        InvalidArgument, match=r"target must say what is explained of an output \(5, 2, 2\).*Hint: target="
    ):
        pellucid.explain(lambda x: x.view(-1, 2, 2), inputs())


def test_auto_integrates_gradients_until_they_add_up():
    explanation = pellucid.explain(lambda x: torch.exp(3 * x).sum(1), inputs())
    assert explanation.method == "integrated_gradients"
    change = np.abs(explanation.prediction - explanation.baseline_prediction)
    assert (np.abs(explanation.delta) <= 0.05 * change).all()
    closer = pellucid.explain(lambda x: torch.exp(3 * x).sum(1), inputs(), tolerance=0.001)
    assert (np.abs(closer.delta) <= 0.001 * change).all()
    assert explanation.rounds
    assert "torch differentiates the model" in explanation.notes[0]


def test_auto_says_what_was_not_reached_with_the_evaluations_it_may_take():
    with pytest.warns(PellucidWarning, match=r"tolerance is not reached.*more as max_evaluations"):
        explanation = pellucid.explain(lambda x: torch.exp(3 * x).sum(1), inputs(), max_evaluations=16, tolerance=1e-6)
    assert any("not reached" in note for note in explanation.notes)
    assert explanation.evaluations.max() <= 16 + 4  # and those that measure predictions


def test_auto_takes_shapley_values_of_models_without_gradients():
    for model in (lambda x: torch.round(4 * x).detach().sum(1), lambda x: (x > 0).float().sum(1) + 0 * x.sum(1)):
        explanation = pellucid.explain(model, inputs())
        assert explanation.method == "shapley_values"
        np.testing.assert_allclose(explanation.delta, 0, atol=1e-6)
        assert "Exact Shapley values of 4 features were chosen" in explanation.notes[0]
        assert not any("not reached" in note for note in explanation.notes)


def test_auto_samples_shapley_values_of_many_features_and_keeps_to_its_evaluations():
    x = torch.rand(2, 30)
    explanation = pellucid.explain(lambda x: torch.round(x * 8).detach().sum(1) ** 2, x, tolerance=0.1)
    assert explanation.method == "shapley_value_sampling"
    assert explanation.features.stderr is not None
    assert explanation.evaluations.max() <= 2_010
    with pytest.raises(
        InvalidArgument, match=r"max_evaluations must be at least 1200 for 150 features.*Hint: max_eval"
    ):
        pellucid.explain(lambda x: x.round().detach().sum(1), torch.rand(1, 150), max_evaluations=100)


def test_auto_joins_the_pixels_of_models_without_gradients():
    explanation = pellucid.explain(lambda x: x.round().detach().sum((1, 2, 3)), torch.rand(1, 3, 40, 40), tolerance=1)
    assert explanation.values.shape == (1, 3, 40, 40)
    assert len(explanation.features) == 64
    assert any("64 squares" in note for note in explanation.notes)


def test_auto_explains_ids_where_they_are_embedded():
    ids = torch.randint(1, 20, (3, 7), generator=torch.Generator().manual_seed(0))
    explanation = pellucid.explain(Words(), ids)
    assert explanation.values.shape == ids.shape
    assert explanation.parts[0].kind == "tokens"
    assert explanation[0].features.names == tuple(map(str, ids[0].tolist()))
    by_name = pellucid.explain(Words(), {"input_ids": ids})
    torch.testing.assert_close(by_name.values["input_ids"], explanation.values)


def test_estimators_and_frames_go_in_and_frames_come_out():
    table = frame(60)
    forest = RandomForestClassifier(20, random_state=0).fit(table, (table["age"] > 0).astype(int))
    explanation = pellucid.explain(forest, table.iloc[:2], baselines=table, tolerance=0.2)
    assert isinstance(explanation.values, pandas.DataFrame)
    assert explanation.values.index.tolist() == ["row 0", "row 1"]
    assert explanation.unit == "probability"
    assert abs(explanation).mean().top(1).features.names == ("age",)
    with pytest.raises(NotDifferentiable, match="Hint: method='auto'"):
        pellucid.explain(forest, table, method="saliency")


# ----------------------------------------------------------------------------------------------------------- baselines


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("zero", torch.zeros(1, 4)),
        ("mean", inputs(50, 1).double().mean(0, keepdim=True)),
        ("median", inputs(50, 1).double().quantile(0.5, dim=0, keepdim=True)),
    ],
)
def test_baselines_by_name(name: str, expected: torch.Tensor):
    background = None if name == "zero" else inputs(50, 1)
    explanation = explained(baselines=name, background=background)
    torch.testing.assert_close(explanation.values, ((inputs() - expected.float()) * WEIGHTS[0]))
    assert explanation.provenance.baselines == name


def test_blurred_baselines_keep_colours_and_not_detail():
    explanation = pellucid.explain(Pictures(), pictures(), baselines="blur", target=0)
    assert np.abs(explanation.delta).max() < 0.02
    with pytest.raises(InvalidArgument, match=r"'blur' is for images and series.*Hint: baselines='mean'"):
        explained(baselines="blur")


def test_uniform_baselines_lie_within_the_data():
    explanation = explained(baselines="uniform", background=torch.tensor([[1.0] * 4, [1.0] * 4]))
    torch.testing.assert_close(explanation.values, (inputs() - 1) * WEIGHTS[0])
    assert explained(baselines="uniform", background=inputs(9)).features.stderr is not None


@pytest.mark.parametrize("data", [inputs(30, 2), inputs(30, 2).numpy(), torch.utils.data.TensorDataset(inputs(30, 2))])
def test_a_data_set_as_baselines_is_averaged_over(data: Any):
    expected = ((inputs() - inputs(30, 2).mean(0)) * WEIGHTS[0]).double()
    explanation = explained(baselines=data)
    torch.testing.assert_close(explanation.values.double(), expected, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(explanation.delta, 0, atol=1e-5)
    ablated = explained(method="shapley_values", baselines=data)
    torch.testing.assert_close(ablated.values.double(), expected, atol=1e-5, rtol=1e-5)
    automatic = explained(method="auto", baselines=data)
    torch.testing.assert_close(automatic.values.double(), expected, atol=1e-5, rtol=1e-5)
    assert "averaged over 30 baselines" in automatic.notes[0]


def test_as_many_baselines_as_inputs_are_one_for_each_but_the_inputs_themselves_are_a_data_set():
    others = inputs(5, 3)
    torch.testing.assert_close(explained(baselines=others).values, (inputs() - others) * WEIGHTS[0])
    own = explained(baselines=inputs())
    torch.testing.assert_close(own.values, (inputs() - inputs().mean(0)) * WEIGHTS[0], atol=1e-5, rtol=1e-5)


def test_the_mean_over_baselines_has_the_standard_errors_of_a_mean():
    rows = inputs(30, 2)
    explanation = explained(baselines=rows)
    expected = ((inputs()[:, None] - rows) * WEIGHTS[0]).std(1) / 30**0.5
    np.testing.assert_allclose(explanation.features.stderr, expected, rtol=1e-4, atol=1e-6)


def test_large_data_sets_are_drawn_from_and_that_is_said():
    explanation = explained(baselines=inputs(300, 2), n_steps=2)
    assert any("100 of the 300 baselines were drawn" in note for note in explanation.notes)


def test_a_background_that_would_not_be_used_is_refused():
    with pytest.raises(
        InvalidArgument, match=r"background is the data of baselines='mean'.*Hint: baselines=background"
    ):
        explained(background=inputs(9))
    with pytest.raises(InvalidArgument, match="background must be given for baselines='mean' of one example"):
        explained(1, baselines="mean")
    with pytest.raises(InvalidArgument, match=r"background must have rows like the inputs, \[\(4,\)\]: got \[\(3,\)\]"):
        explained(baselines="mean", background=torch.ones(9, 3))
    with pytest.raises(UnknownName, match=r"baselines must be one of zero, mean.*got 'average'"):
        explained(baselines="average")


def test_a_baseline_that_scores_high_for_the_class_is_warned_of():
    model = nn.Sequential(linear(), nn.Softmax(1))
    with pytest.warns(PellucidWarning, match=r"baselines themselves score 1.00 for 'b'.*Hint: baselines='mean'"):
        explanation = pellucid.explain(
            model, torch.tensor([[0.0, 9.0, 0.0, 0.0]]), baselines=9.0, class_names=["a", "b", "c"]
        )
    assert any("baselines themselves" in note for note in explanation.notes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pellucid.explain(model, torch.tensor([[0.0, 9.0, 0.0, 0.0]]))


def test_a_baseline_whose_output_is_that_of_the_input_is_told():
    explanation = pellucid.explain(lambda x: (x[:, 0] - x[:, 1]) ** 2, torch.tensor([[1.0, 1.0], [2.0, 1.0]]))
    assert any("output does not change" in note and "1 of 2" in note for note in explanation.notes)


# --------------------------------------------------------------------------------------------------- layers and masks


def test_a_layer_may_be_the_source():
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    explanation = pellucid.explain(model, inputs(), source="1", target=0, method="integrated_gradients")
    assert (explanation.provenance.source, explanation.values.shape) == ("1", (5, 6))
    assert explanation.features.names[0] == "unit 0"
    expected = attr.LayerIntegratedGradients(model, model[1]).attribute(inputs(), target=0)
    torch.testing.assert_close(explanation.values, expected)
    exact = pellucid.explain(model, inputs(), source=model[1], target=0, method="shapley_values")
    np.testing.assert_allclose(exact.delta, 0, atol=1e-5)


def test_maps_of_a_layer_lie_over_the_picture():
    explanation = pellucid.explain(Pictures(), pictures(), method="grad_cam", source="features", target=0)
    assert explanation.parts[0].kind == "image"
    assert explanation.parts[0].inputs.shape == (2, 3, 8, 8)
    with pytest.raises(InvalidArgument, match=r"source must be a layer for grad_cam.*Hint: source='features'"):
        pellucid.explain(Pictures(), pictures(), method="grad_cam", target=0)


@pytest.mark.parametrize("method", ["integrated_gradients", "shapley_values", "kernel_shap", "feature_ablation"])
def test_features_joined_by_name_count_once(method: str):
    explanation = explained(method=method, feature_mask={"sex": ["female", "male"]})
    assert explanation.features.names == ("age", "fare", "sex")
    expected = torch.stack([*(inputs() * WEIGHTS[0])[:, :2].unbind(1), (inputs() * WEIGHTS[0])[:, 2:].sum(1)], 1)
    np.testing.assert_allclose(explanation.features.values, expected, atol=1e-4)
    assert method == "feature_ablation" or np.abs(explanation.delta).max() < 1e-4
    with pytest.raises(UnknownName, match="feature_mask must join features of the inputs: got 'sex'"):
        explained(feature_mask={"sex": ["sex"]})


def test_interactions_of_pairs_are_kept_and_features_have_half_of_theirs():
    explanation = pellucid.explain(
        lambda x: x[:, 0] * x[:, 1] + x[:, 2], torch.tensor([[2.0, 3.0, 1.0]]), method="shapley_interactions"
    )
    np.testing.assert_allclose(explanation.interactions, [[[0, 6, 0], [6, 0, 0], [0, 0, 1]]], atol=1e-6)
    np.testing.assert_allclose(explanation.features.values, [[3, 3, 1]], atol=1e-6)
    np.testing.assert_allclose(explanation.delta, 0, atol=1e-6)


# -------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"method": "integrated_gradient"}, UnknownName, "Hint: 'integrated_gradients'"),
        ({"n_step": 3}, UnknownName, "n_step is no parameter of integrated_gradients, which has .*Hint: n_steps="),
        ({"method": attr.Saliency(linear())}, WrongType, "method must be a name, or a method of pellucid.methods"),
        ({"method": 3}, WrongType, "method must be a name"),
        ({"method": "occlusion"}, InvalidArgument, r"occlusion needs sliding_window_shapes.*Hint: sliding_window"),
        ({"method": "owen_values"}, InvalidArgument, "owen_values needs groups"),
        ({"method": []}, InvalidArgument, "method must be at least one"),
        ({"feature_names": ["a"]}, InvalidArgument, "feature_names must be one for each of 4 features: got 1"),
        ({"target": 3}, InvalidArgument, "target 3 is beyond the output's 3 values"),
        ({"target": "cat"}, InvalidArgument, "target must be an int.*Hint: model.id2label"),
        (
            {"method": "auto", "max_evaluations": 3},
            InvalidArgument,
            "max_evaluations must be an integer of at least 16",
        ),
    ],
)
def test_what_cannot_be_explained_is_refused_in_the_users_words(arguments: Any, error: Any, message: str):
    with pytest.raises(error, match=message):
        explained(**arguments)


def test_a_class_of_models_and_a_single_example_are_refused_with_hints():
    with pytest.raises(WrongType, match=r"got Pictures. Hint: Pictures\(...\)"):
        pellucid.explain(Pictures, pictures())
    with pytest.raises(RuntimeError) as caught:
        pellucid.explain(Pictures(), pictures()[0])
    assert any("Hint: inputs[None]" in note for note in caught.value.__notes__)


def test_a_failed_call_and_a_good_one_leave_the_model_as_it_was():
    model = Pictures().train()
    before = {name: (value.clone(), value.requires_grad) for name, value in model.named_parameters()}
    pellucid.explain(model, pictures(), target=0)
    with pytest.raises(InvalidArgument):
        pellucid.explain(model, pictures(), target=99)
    assert model.training
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())
    for name, value in model.named_parameters():
        torch.testing.assert_close(value.detach(), before[name][0].detach())
        assert (value.grad, value.requires_grad) == (None, before[name][1])


def test_the_same_seed_gives_the_same_numbers_and_global_generators_are_not_touched():
    model = nn.Sequential(linear(), nn.Tanh(), nn.Linear(3, 1))
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, second = (pellucid.explain(model, inputs(), method="kernel_shap", n_samples=10) for _ in range(2))
    np.testing.assert_array_equal(first.features.values, second.features.values)
    other = pellucid.explain(model, inputs(), method="shapley_value_sampling", n_samples=3, seed=1)
    again = pellucid.explain(model, inputs(), method="shapley_value_sampling", n_samples=3, seed=2)
    assert not np.array_equal(other.features.values, again.features.values)
    assert torch.equal(before, torch.get_rng_state())


def test_provenance_says_what_was_asked_and_of_what():
    provenance = explained(n_steps=7).provenance
    assert (provenance.method, provenance.parameters["n_steps"], provenance.seed) == ("integrated_gradients", 7, 0)
    assert (provenance.model, provenance.n_parameters, provenance.device) == ("Linear", 15, "cpu")
    assert provenance.versions["torch"] == torch.__version__
    assert provenance.created.endswith("+00:00")
