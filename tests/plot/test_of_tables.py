"""The charts of tables show the numbers of the explanations that they are made of."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pellucid.errors import InvalidArgument, WrongShape, WrongType
from pellucid.plot import (
    Chart,
    Scatter,
    Violins,
    bar,
    beeswarm,
    cohorts,
    decision,
    distributions,
    force,
    heatmap,
    interactions,
    layers,
    methods,
    scatter,
    token_matrix,
    violin,
    waterfall,
)
from pellucid.plot.dependence import interacting_most
from pellucid.plot.similarity import similar_order
from plot.charts_to_draw import missing, one, pairs
from plot.stand_in import StandIn, StandInInput, table

OF_AN_EXPLANATION: list[Callable[[StandIn], Chart]] = [
    bar,
    waterfall,
    force,
    beeswarm,
    violin,
    decision,
    distributions,
    heatmap,
    interactions,
    lambda explanation: scatter(explanation, 0),
    lambda explanation: cohorts({"all": explanation}),
    lambda explanation: methods({"shapley": explanation}),
    layers,
]


def of_no_examples() -> StandIn:
    return replace(
        table(1),
        **{
            name: getattr(table(1), name)[:0]
            for name in ("feature_values", "feature_numbers", "feature_texts", "prediction", "baseline_prediction")
        },
    )


@pytest.mark.parametrize("chart", OF_AN_EXPLANATION)
def test_of_no_examples_there_is_no_chart(chart: Callable[[StandIn], Chart]):
    with pytest.raises(InvalidArgument, match=r"got (none|0)"):
        chart(of_no_examples())


@pytest.mark.parametrize("chart", [waterfall, force])
def test_charts_of_one_example_say_how_to_get_one(chart: Callable[[StandIn], Chart]):
    with pytest.raises(InvalidArgument, match=r"got 40\. Hint: explanation\[0\]\.plot\."):
        chart(table())


@pytest.mark.parametrize("chart", [waterfall, force, decision])
def test_where_no_baseline_is_known_there_is_no_start(chart: Callable[[StandIn], Chart]):
    with pytest.raises(InvalidArgument, match=r"got NaN for 1 of 1 examples\. Hint: explanation\.plot\.bar\(\)"):
        chart(one(baseline_prediction=np.array([np.nan])))


@pytest.mark.parametrize("most", [0, -1, 2.5, True, "all"])
def test_how_many_are_shown_must_be_a_number(most: object):
    with pytest.raises(InvalidArgument, match=r"most must be a whole number from 1 on: got .*\. Hint: most=12"):
        bar(table(), most=most)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------- of one example


def test_bars_of_an_example_are_its_values_by_size_and_the_sum_of_the_others():
    explanation = one(100, feature_stderr=np.full((1, 100), 0.5))
    chart = bar(explanation, most=10)
    values = explanation.features.values[0]
    order = np.argsort(-np.abs(values))
    assert chart.names == (*(explanation.features.names[index] for index in order[:10]), "and 90 more")
    assert chart.values == pytest.approx([*values[order[:10]], values[order[10:]].sum()])
    assert chart.details[0] == f"= {explanation.features.texts[0][order[0]]}"
    assert chart.stderr[:10] == (0.5,) * 10
    assert math.isnan(chart.stderr[10])


def test_missing_values_come_last_and_are_counted():
    chart = bar(missing(1))
    assert chart.names[-2:] == ("fare", "sex")
    assert all(map(math.isnan, chart.values[-2:]))
    assert "2 of 6 attributions" in chart.note
    assert "Missing" not in bar(one()).note


def test_steps_of_waterfalls_lead_from_the_baseline_to_the_prediction():
    explanation = one(20, remainder=np.array([0.25]), prediction=np.array([5.0]))
    explanation = replace(explanation, prediction=explanation.features.values.sum(1) + 0.5 + 0.25)
    chart = waterfall(explanation, most=5)
    assert chart.names[-1] == "and 15 more"
    assert chart.start + sum(chart.steps) == pytest.approx(chart.end)
    assert not chart.has_gap
    assert waterfall(replace(explanation, prediction=np.array([9.0])), most=5).has_gap


def test_what_is_not_shown_anyway_is_a_step_of_its_own_where_all_features_are_shown():
    chart = waterfall(one(remainder=np.array([0.25])))
    assert (chart.names[-1], chart.steps[-1]) == ("all that is not shown", 0.25)


def test_pushes_meet_at_the_prediction_and_span_from_the_baseline():
    explanation = one()
    chart = force(explanation)
    up, down = chart.pushes("up"), chart.pushes("down")
    assert up[0].stop == down[0].stop == float(explanation.prediction[0])
    assert [push.value for push in up] == sorted((v for v in explanation.features.values[0] if v > 0), reverse=True)
    assert sum(push.value for push in (*up, *down)) == pytest.approx(chart.end - chart.start)
    assert [push.number for push in (*up, *down)] == list(range(1, 7))
    assert up[-1].start == pytest.approx(chart.end - sum(push.value for push in up))


def test_a_force_says_what_it_misses():
    assert "miss" not in force(one()).note
    assert "miss the change of the output by" in force(one(prediction=np.array([3.0]))).note


# ----------------------------------------------------------------------------------------------------- of many examples


def test_bars_of_many_are_mean_sizes_with_their_standard_errors():
    explanation = table()
    chart = bar(explanation)
    sizes = np.abs(explanation.features.values)
    order = np.argsort(-sizes.mean(0))
    assert chart.are_sizes
    assert chart.values == pytest.approx(sizes.mean(0)[order])
    assert chart.stderr == pytest.approx((sizes.std(0, ddof=1) / np.sqrt(40))[order])
    assert "40 examples" in chart.title


@pytest.mark.parametrize("chart", [bar, beeswarm, violin, distributions, heatmap])
def test_of_many_examples_the_others_are_no_row_but_said_with_the_sum_of_their_sizes(chart: Callable[..., Chart]):
    drawn = chart(table(features=30), most=28)
    sums = np.sort(np.abs(table(features=30).features.values).mean(0))
    assert f"Not shown: 2 more features, of sizes that add up to {sums[:2].sum():.4g} on average." in drawn.note
    assert "more" not in " ".join(getattr(drawn, "names", getattr(drawn, "row_labels", ())))
    assert "Not shown" not in chart(table()).note


def test_titles_say_the_method_once_what_is_shown_and_of_what():
    one_title = bar(one(prediction=np.array([1.5]))).title
    assert one_title == "Integrated gradients: what features add to survived (1.5 logit)"
    assert waterfall(one(prediction=np.array([1.5]), unit="")).title.endswith(" add to survived (1.5)")
    assert beeswarm(table()).title == "Integrated gradients: attributions to survived, 40 examples"
    several = methods({"a": table(), "b": table(method="lime")})
    assert several.title == "Mean sizes of attributions to survived, 40 examples, by method"
    mixed = heatmap(table(2, target_names=("cat", "dog"))).title
    assert mixed == "Integrated gradients: attributions to 2 targets, each example's own, 2 examples"
    assert "gradients" not in " ".join(chart(table()).note for chart in (bar, beeswarm, violin, decision))


def test_side_by_side_the_others_are_said_of_each():
    chart = methods({"a": one(30), "b_c": one(30, seed=2)}, most=29)
    shares = [1 - sum(map(abs, values)) for values in chart.values]
    assert (
        f"Not shown: 1 more feature, of sizes that add up to {shares[0]:.4g} (a), {shares[1]:.4g} (b c)." in chart.note
    )
    assert "(women), " in cohorts({"women": table(9, 30), "men": table(9, 30)}).note


def test_swarms_have_the_values_and_the_numbers_of_each_feature():
    explanation = table()
    chart = beeswarm(explanation)
    index = explanation.features.names.index(chart.names[0])
    assert chart.values[0] == tuple(explanation.features.values[:, index])
    numbers = explanation.features.numbers[:, index]
    assert np.argmax(chart.levels[0]) in np.flatnonzero(numbers >= np.quantile(numbers, 0.95))
    assert (min(chart.levels[0]), max(chart.levels[0])) == (0, 1)


def test_what_has_no_number_has_no_level():
    explanation = table(4, 2, feature_numbers=np.array([[1.0, np.nan]] * 4))
    levels = dict(zip(beeswarm(explanation).names, beeswarm(explanation).levels, strict=True))
    assert levels["age"] == (0.5,) * 4
    assert all(map(math.isnan, levels["fare"]))


def test_histograms_of_all_features_count_all_examples_in_the_same_bins():
    chart = distributions(table(50, 14))
    assert len(chart.charts) == 12
    widths = {round(panel.edges[1] - panel.edges[0], 9) for panel in chart.charts}
    assert len(widths) == 1
    assert all(sum(panel.counts) == 50 for panel in chart.charts)


def test_lines_of_decisions_end_at_the_predictions_with_the_largest_feature_last():
    explanation = table(10, 20)
    chart = decision(explanation, most=5)
    assert chart.names[0] == "and 15 more"
    assert [path[-1] for path in chart.paths] == pytest.approx(explanation.prediction.tolist())
    assert chart.names[-1] == bar(explanation).names[0]
    assert "do not add up" not in chart.note
    assert "do not add up" in decision(replace(explanation, prediction=explanation.prediction + 1)).note


def test_a_heatmap_has_all_values_and_predictions_in_one_order():
    explanation = table(30, 4)
    chart = heatmap(explanation)
    rows = dict(zip(chart.row_labels, chart.values, strict=True))
    sums = sum(np.array(values) for values in rows.values()) + 0.5
    assert sums == pytest.approx(np.array(chart.line))
    assert sorted(rows["age"]) == sorted(explanation.features.values[:, 0])
    assert chart.sizes == pytest.approx([np.abs(values).mean() for values in chart.values])


@pytest.mark.parametrize("seed", range(5))
def test_examples_of_a_cluster_are_neighbours(seed: int):
    generator = np.random.default_rng(seed)
    clusters = generator.integers(0, 4, 60)
    values = 10 * generator.normal(size=(4, 6))[clusters] + 0.01 * generator.normal(size=(60, 6))
    order = similar_order(values)
    assert sorted(order) == list(range(60))
    assert np.count_nonzero(np.diff(clusters[order])) == len(set(clusters)) - 1
    assert np.array_equal(order, similar_order(values))


def test_parts_follow_each_other_where_they_are_alike():
    angles = np.random.default_rng(0).permutation(np.linspace(0, 1.9 * np.pi, 80))
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    order = similar_order(around)
    walked = np.linalg.norm(np.diff(around[order], axis=0), axis=1).sum()
    assert walked < 10  # of 6 along the arc, and 111 in the order that they came in


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_an_order_of_few_or_of_equals(count: int):
    assert similar_order(np.zeros((count, 3))).tolist() == list(range(count))


# ----------------------------------------------------------------------------------------------------------- dependence


def test_dots_are_numbers_against_attributions():
    explanation = pairs(30)
    chart = scatter(explanation, "fare", colour=None)
    assert isinstance(chart, Scatter)
    assert chart.x == tuple(explanation.features.numbers[:, 1])
    assert chart.y == tuple(explanation.features.values[:, 1])
    assert chart.levels == ()
    assert scatter(explanation, 1, colour=None) == chart


def test_colours_are_of_the_feature_that_interacts_most():
    explanation = pairs(30)
    sizes = np.abs(explanation.interactions[:, 0]).mean(0)
    sizes[0] = 0
    assert scatter(explanation, "age").level_label == f"Colour: {explanation.features.names[sizes.argmax()]}"
    assert scatter(explanation, "age", colour="sex").level_label == "Colour: sex"


@pytest.mark.parametrize("partner", [1, 3, 5])
def test_without_interactions_the_feature_that_explains_what_is_left(partner: int):
    numbers = np.random.default_rng(partner).normal(size=(400, 6))
    values = numbers[:, 0] * (1 + numbers[:, partner])
    assert interacting_most(numbers, values, 0) == partner


def test_of_a_line_nothing_is_left():
    numbers = np.random.default_rng(0).normal(size=(100, 3))
    assert interacting_most(numbers, 2 * numbers[:, 1], 1) is None
    assert scatter(table(100), "age").levels == ()


def test_a_feature_without_numbers_has_a_row_for_each_of_its_texts():
    texts = (("male",), ("female",), ("male",))
    explanation = table(3, 1, feature_numbers=np.full((3, 1), np.nan), feature_texts=texts)
    chart = scatter(explanation, "age")
    assert isinstance(chart, Violins)
    assert set(chart.names) == {"male (2)", "female (1)"}
    assert chart.values[chart.names.index("female (1)")] == (explanation.features.values[1, 0],)


@pytest.mark.parametrize(
    ("feature", "colour", "message"),
    [
        ("ag", None, r"feature must be the name of one of 6 features: got 'ag'. Hint: feature='age'"),
        (6, None, r"feature must be an index below 6, or a name: got 6"),
        ("age", "fair", r"colour must be .* got 'fair'. Hint: colour='fare'"),
    ],
)
def test_a_feature_that_is_not_there(feature: str | int, colour: str | None, message: str):
    with pytest.raises(InvalidArgument, match=message):
        scatter(table(), feature, colour=colour)


# ----------------------------------------------------------------------------------------------------- matrices, groups


def test_a_token_matrix_has_values_where_they_belong():
    chart = token_matrix([[1, -2, 0.5]], ["Paris"], ["the", "capital", "\n"])
    assert chart.values == ((1.0, -2.0, 0.5),)
    assert chart.column_labels[-1] == "↵"
    assert {"+1.00", "\N{MINUS SIGN}2.00", "+0.50"} <= set(chart.text().split())
    with pytest.raises(WrongShape, match=r"\(rows, columns\) = \(1, 2\).*Hint: values\.T"):
        token_matrix([[1.0], [2.0]], ["a"], ["b", "c"])


def test_interactions_are_those_of_the_largest_features():
    explanation = pairs(1, 20)
    chart = interactions(explanation, most=3)
    names = explanation.features.names
    rows, columns = ([names.index(name) for name in labels] for labels in (chart.row_labels, chart.column_labels))
    assert rows == columns
    assert np.array(chart.values) == pytest.approx(explanation.interactions[0][np.ix_(rows, columns)])
    assert "17 more features, of smaller values, are not shown" in chart.note
    assert interactions(pairs(5)).are_sizes


def test_interactions_that_are_not_there():
    with pytest.raises(InvalidArgument, match=r"got none by 'integrated_gradients'\. Hint: method="):
        interactions(table())


def test_cohorts_are_mean_sizes_side_by_side():
    women, men = table(10), table(20, seed=1)
    chart = cohorts({"women": women, "men": men}, most=6)
    assert chart.groups == ("women (10)", "men (20)")
    for explanation, values in zip((women, men), chart.values, strict=True):
        means = dict(zip(women.features.names, np.abs(explanation.features.values).mean(0), strict=True))
        assert values == pytest.approx([means[name] for name in chart.names])


def test_methods_are_on_one_scale():
    chart = methods({"a": one(), "b": one(feature_values=1000 * one().features.values)})
    assert chart.values[0] == pytest.approx(chart.values[1])
    assert sum(map(abs, chart.values[0])) == pytest.approx(1)
    assert not chart.are_sizes
    assert methods({"a": table(), "b": table()}).are_sizes


@pytest.mark.parametrize("compared", [cohorts, methods])
def test_what_cannot_be_compared(compared: Callable[..., Chart]):
    with pytest.raises(InvalidArgument, match=r"must be 1 to 6 for .*: got 0"):
        compared({})
    with pytest.raises(InvalidArgument, match=r"must be 1 to 6 for .*: got 7\. Hint: "):
        compared({str(number): table() for number in range(7)})
    with pytest.raises(InvalidArgument, match=r"same features.*of 'b'"):
        compared({"a": table(), "b": table(features=3)})
    with pytest.raises(WrongType, match=r"must be a dict of explanations by name: got .*Hint: "):
        compared([table()])


def test_methods_are_of_the_same_examples():
    with pytest.raises(InvalidArgument, match=r"same examples for 'methods': got \[1, 40\] examples"):
        methods({"a": table(), "b": one()})


def test_layers_keep_their_order_and_fold_the_smallest():
    chart = layers({"one": 0.1, "two": -0.5, "three": 0.01, "four": 0.02}, most=2)
    assert chart.names == ("one", "two", "and 2 more")
    assert chart.values == pytest.approx((0.1, -0.5, 0.03))
    assert layers({"one": [1.0, -3.0]}).values == (2.0,)
    parts = (StandInInput("other", np.array([[1.0, -2.0], [0.0, 1.0]]), name="fc1"),)
    of_explanation = layers(table(2, parts=parts))
    assert (of_explanation.names, of_explanation.values) == (("fc1",), (2.0,))
    with pytest.raises(InvalidArgument, match="at least one layer"):
        layers({})
