"""Methods compared by metrics: intervals that hold, tests that keep their level, and ties that are called ties."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from pellucid import metrics
from pellucid.errors import InvalidArgument, PellucidWarning, UnknownName, WrongType
from pellucid.methods import Attributions, FeatureAblation, IntegratedGradients, Problem, Saliency, ShapleyValues
from pellucid.metrics import compare, measure
from pellucid.metrics.comparing.resampling import bootstrap_interval, holm, sign_flip_p_value
from pellucid.metrics.comparing.standings import Resampling, entries_of


@pytest.fixture
def problem() -> Problem:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2)).eval()
    return Problem(model, torch.randn(40, 6), target=1)


def random_values(f) -> Attributions:
    return Attributions((torch.rand(f.x[0].shape, generator=torch.Generator().manual_seed(1)),))


METRICS = [metrics.Deletion(), metrics.MuFidelity(size=0.5), metrics.MaxSensitivity(), metrics.Sparseness()]
METHODS = {"shapley": ShapleyValues(), "gradients": IntegratedGradients(), "random": random_values}


def test_a_table_has_an_entry_for_each_metric_and_method(problem):
    comparison = compare(problem, METHODS, METRICS, baselines=0)
    assert comparison.metrics == ("Deletion", "MuFidelity", "MaxSensitivity", "Sparseness")
    assert comparison.methods == ("shapley", "gradients", "random")
    assert len(comparison.entries) == 12
    for entry in comparison.entries:
        values = comparison.scores[entry.metric, entry.method]
        assert entry.mean == pytest.approx(values.mean())
        low, high = entry.interval
        assert low <= entry.mean <= high
        assert entry.examples == 40
    assert comparison["Deletion", "random"].standing == "worse"
    assert comparison["Deletion", "random"].p_value < 0.01
    assert {comparison["Deletion", name].standing for name in ("shapley", "gradients")} <= {"best", "tied", "worse"}
    assert [entry.standing for entry in comparison.entries].count("best") == 4


def test_what_is_equal_is_tied_and_never_worse(problem):
    twins = {"one": FeatureAblation(), "another": FeatureAblation()}
    comparison = compare(problem, twins, [metrics.Deletion()], baselines=0)
    assert sorted(entry.standing for entry in comparison.entries) == ["best", "tied"]
    assert max(entry.p_value for entry in comparison.entries if entry.standing == "tied") == 1.0


def test_few_examples_tell_nothing_apart_and_one_has_no_interval(problem):
    one = Problem(problem.model, problem.inputs[0][:1], target=1)
    comparison = compare(one, METHODS, [metrics.Deletion()], baselines=0)
    assert {entry.standing for entry in comparison.entries} == {"best", "unknown"}
    assert all(np.isnan(entry.interval).all() for entry in comparison.entries)
    assert comparison.notes == ("1 example is too few to tell 3 methods apart.",)
    five = Problem(problem.model, problem.inputs[0][:5], target=1)
    assert "worse" not in {entry.standing for entry in compare(five, METHODS, METRICS, baselines=0).entries}


def test_several_problems_are_one_data_set(problem):
    halves = [Problem(problem.model, rows, target=1) for rows in problem.inputs[0].split(20)]
    whole = compare(problem, METHODS | {"random": ShapleyValues()}, [metrics.Deletion()], baselines=0)
    parts = compare(halves, METHODS | {"random": ShapleyValues()}, [metrics.Deletion()], baselines=[0, 0])
    for one, other in zip(whole.entries, parts.entries, strict=True):
        assert one.mean == pytest.approx(other.mean, abs=1e-6)
        assert one.interval == pytest.approx(other.interval, abs=1e-6)


def test_the_same_seed_gives_the_same_table(problem):
    first, second = (compare(problem, METHODS, METRICS, baselines=0).to_dict() for _ in range(2))
    assert first == second


def test_methods_may_be_names_and_partial(problem):
    comparison = compare(
        problem, ["saliency", functools.partial(IntegratedGradients(), baselines=0.5)], [metrics.Sparseness()]
    )
    assert comparison.methods == ("saliency", "integrated_gradients")


def test_it_reads_as_a_table_the_best_first(problem):
    text = repr(compare(problem, METHODS, METRICS, baselines=0))
    blocks = text.split("\n\n")
    assert blocks[0].startswith("Deletion (lower is better)\n  ★ ")
    assert blocks[1].startswith("MuFidelity (higher is better)")
    assert "random" in blocks[0].splitlines()[-1]
    assert "p = " in blocks[0]
    assert max(map(len, text.splitlines())) < 100


def test_it_turns_into_json_and_frames(problem):
    comparison = compare(problem, METHODS, METRICS, baselines=0)
    entries = json.loads(json.dumps(comparison.to_dict()))["entries"]
    assert entries[0]["metric"] == "Deletion"
    assert entries[0]["p_value"] is None or 0 <= entries[0]["p_value"] <= 1
    frame = comparison.to_frame()
    assert list(frame.columns)[:2] == ["metric", "method"]
    assert len(frame) == 12


def test_a_metric_without_scores_is_unknown(problem):
    with pytest.warns(PellucidWarning, match="NaN"):
        comparison = compare(
            problem,
            {"nothing": lambda f: Attributions((torch.full(f.x[0].shape, float("nan")),)), "saliency": Saliency()},
            [metrics.Deletion()],
        )
    assert comparison["Deletion", "nothing"].standing == "unknown"
    assert comparison["Deletion", "saliency"].standing == "best"


def test_arguments_of_partial_methods_stay_theirs(problem):
    far = problem.inputs[0].mean(0, keepdim=True) + 3
    methods = {
        "from zero": functools.partial(IntegratedGradients(n_steps=200), baselines=0),
        "from afar": functools.partial(functools.partial(IntegratedGradients(n_steps=200), baselines=far)),
    }
    comparison = compare(problem, methods, [metrics.Completeness()], baselines=0)
    alone = metrics.Completeness()(problem, methods["from afar"](problem), baselines=0).values
    assert comparison["Completeness", "from afar"].mean == pytest.approx(float(alone.mean()), rel=1e-5)
    assert comparison["Completeness", "from zero"].mean < 0.01


def test_methods_are_compared_over_the_examples_of_which_all_have_scores():
    first = np.r_[np.full(10, np.nan), np.full(10, 1.0)]
    second = np.r_[np.zeros(10), np.full(10, 1.1)]
    scores = {"first": first, "second": second, "none": np.full(20, np.nan)}
    entries = entries_of("m", metrics.FaithfulnessEstimate(), scores, Resampling(0.95, 999, 0))
    assert [(entry.standing, entry.examples) for entry in entries] == [("worse", 10), ("best", 10), ("unknown", 0)]
    assert entries[1].mean == pytest.approx(1.1)


def test_many_methods_that_are_alike_are_seldom_called_worse():
    generator, wrong = np.random.default_rng(0), 0
    for trial in range(100):
        scores = {str(number): generator.normal(size=40) for number in range(8)}
        entries = entries_of("m", metrics.Deletion(), scores, Resampling(0.95, 999, trial))
        wrong += any(entry.standing == "worse" for entry in entries)
    assert wrong <= 10


@pytest.mark.parametrize(("examples", "standing"), [(6, "unknown"), (9, "worse")])
def test_too_few_examples_are_unknown_and_not_tied(examples: int, standing: str):
    scores = {str(number): np.arange(examples) + 10.0 * number for number in range(4)}
    entries = entries_of("m", metrics.Deletion(), scores, Resampling(0.95, 999, 0))
    assert [entry.standing for entry in entries] == ["best", *[standing] * 3]


def test_a_method_that_fails_is_named(problem):
    def broken(f):
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing") as caught:
        compare(problem, {"mine": broken}, [metrics.Deletion()])
    assert "method 'mine'" in " ".join(getattr(caught.value, "__notes__", []))


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"methods": []}, InvalidArgument, "methods must be at least one"),
        ({"methods": ["salience"]}, UnknownName, "methods must be among integrated_gradients"),
        ({"methods": [Saliency]}, WrongType, r"Hint: Saliency\(\)"),
        ({"methods": [Saliency(), Saliency(abs=False)]}, InvalidArgument, "methods must have different names"),
        ({"metrics": []}, InvalidArgument, "metrics must be at least one"),
        ({"metrics": [metrics.Deletion]}, WrongType, r"Hint: Deletion\(\)"),
        ({"metrics": [metrics.Deletion(), metrics.Deletion()]}, InvalidArgument, "metrics must be different"),
        ({"metrics": [metrics.PointingGame()]}, InvalidArgument, "PointingGame needs truth: got none"),
        ({"mask": 3}, InvalidArgument, "mask is taken by none of Deletion"),
        ({"level": 95}, InvalidArgument, "level must be between zero and one"),
        ({"n_resamples": 10}, InvalidArgument, "n_resamples must be an integer of at least 99"),
        ({"methods": ["occlusion"]}, InvalidArgument, r"Hint: Occlusion\(sliding_window_shapes=...\)"),
        ({"level": "a"}, InvalidArgument, "level must be between zero and one"),
        ({"seed": -1}, InvalidArgument, "seed must be an integer of at least 0"),
        ({"problems": []}, WrongType, "problems must be a Problem, or several: got none"),
    ],
)
def test_what_cannot_be_is_told(problem, arguments, error, match):
    given = {"problems": problem, "methods": [Saliency()], "metrics": [metrics.Deletion()], **arguments}
    with pytest.raises(error, match=match):
        compare(given.pop("problems"), given.pop("methods"), given.pop("metrics"), **given)


def test_an_entry_that_is_not_there_is_told(problem):
    comparison = compare(problem, ["saliency"], [metrics.Sparseness()])
    with pytest.raises(UnknownName, match=r"Hint: comparison\['Sparseness', 'saliency'\]"):
        comparison["Sparseness", "lime"]


def test_metrics_of_one_class_are_told_apart_by_their_fields(problem):
    scores = measure(problem, problem.inputs[0], [metrics.Deletion(steps=2), metrics.Deletion(steps=3)], baselines=0)
    assert list(scores) == ["Deletion(steps=2)", "Deletion(steps=3)"]


# ----------------------------------------------------------------------------------------------------------- resampling


def test_bootstrap_intervals_hold_of_skewed_and_of_normal_samples():
    generator = np.random.default_rng(0)
    for draw, truth in ((lambda: generator.normal(size=40), 0.0), (lambda: generator.exponential(size=40), 1.0)):
        held = 0
        for _ in range(400):
            low, high = bootstrap_interval(draw(), 0.95, 499, generator)
            held += low <= truth <= high
        assert 0.90 <= held / 400 <= 0.98


def test_bootstrap_is_that_of_scipy():
    values = np.random.default_rng(1).exponential(size=30)
    ours = bootstrap_interval(values, 0.95, 9999, np.random.default_rng(2))
    theirs = stats.bootstrap((values,), np.mean, n_resamples=9999, rng=np.random.default_rng(3)).confidence_interval
    assert ours == pytest.approx(tuple(theirs), rel=0.03)


def test_values_that_are_all_the_same_have_an_interval_of_no_width():
    assert bootstrap_interval(np.full(5, 2.0), 0.95, 99, np.random.default_rng(0)) == (2.0, 2.0)
    assert np.isnan(bootstrap_interval(np.array([2.0]), 0.95, 99, np.random.default_rng(0))).all()


def test_signs_are_flipped_as_scipy_does():
    generator = np.random.default_rng(0)
    for count in (6, 10, 30):
        differences = generator.normal(0.4, size=count)
        test = stats.permutation_test((differences,), np.sum, permutation_type="samples", n_resamples=20_000, rng=1)
        ours = sign_flip_p_value(differences, 20_000, generator)
        assert ours == pytest.approx(test.pvalue, abs=0.012)


def test_chance_is_called_a_difference_as_often_as_it_should():
    generator = np.random.default_rng(0)
    p_values = [sign_flip_p_value(generator.normal(size=20), 499, generator) for _ in range(400)]
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.085


def test_holm_is_the_procedure_of_its_paper():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    adjusted = holm([float("nan"), 0.02, 0.5])
    assert np.isnan(adjusted[0])
    assert adjusted[1:] == pytest.approx([0.04, 0.5])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
