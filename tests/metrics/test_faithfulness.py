"""Metrics of faithfulness: against their definitions by hand, at their limits, on known models, and what they ask."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from metrics import removal_by_hand as by_hand
from pellucid import metrics
from pellucid.core.games import each_example
from pellucid.core.random_streams import shared_generator
from pellucid.errors import InvalidArgument, NotScalar, PellucidWarning, WrongShape, WrongType
from pellucid.methods import (
    Attributions,
    FeatureAblation,
    IntegratedGradients,
    NoisyLinear,
    Problem,
    Saliency,
    Session,
    ShapleyValues,
)
from pellucid.metrics.faithfulness import removals
from pellucid.metrics.faithfulness.removals import FaithfulnessMetric, random_ranks
from pellucid.metrics.image_features import pixels
from pellucid.zoo.models import known_models

EXAMPLES, FEATURES = 3, 7
SHORT = {"rtol": 1e-5, "atol": 1e-6}


class Counting(nn.Module):
    """A network that counts the rows that it is given."""

    def __init__(self, *, features: int = FEATURES) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(features, 16), nn.Tanh(), nn.Linear(16, 2))
        with torch.no_grad():
            self.layers[2].bias += 3  # some scores are of outputs above zero
        self.rows = 0

    def forward(self, x: Tensor) -> Tensor:
        self.rows += len(x)
        return self.layers(x)


@pytest.fixture
def problem() -> Problem:
    x = torch.randn(EXAMPLES, FEATURES, generator=torch.Generator().manual_seed(1))
    return Problem(Counting().eval(), x, target=1)


@pytest.fixture
def attributions() -> Tensor:
    return torch.randn(EXAMPLES, FEATURES, generator=torch.Generator().manual_seed(2))


BASELINE = torch.linspace(-1, 1, FEATURES)


def output_of(problem: Problem) -> by_hand.Output:
    def output(x: Tensor) -> float:
        with torch.no_grad():
            return float(problem.model(x[None])[0, 1])

    return output


def by_example(problem: Problem, attributions: Tensor, score: Callable[..., float], *further: object) -> Tensor:
    rows = zip(problem.inputs[0], attributions, strict=True)
    scores = [score(output_of(problem), x, own, BASELINE, *further) for x, own in rows]
    return torch.tensor(scores, dtype=torch.float64)


def curves_of(problem: Problem, attributions: Tensor, curve: Callable[..., list[float]], counts: list[int]) -> Tensor:
    rows = zip(problem.inputs[0], attributions, strict=True)
    return torch.tensor([curve(output_of(problem), x, own, BASELINE, counts) for x, own in rows], dtype=torch.float64)


def drawn_sets(size: int, samples: int, generator: torch.Generator | None = None) -> list[list[int]]:
    absent = random_ranks(FEATURES, samples, generator or shared_generator(0, None)) < size
    return [each.nonzero().flatten().tolist() for each in absent]


COUNTS = list(range(FEATURES + 1))
SHARES = [count / FEATURES for count in COUNTS]


# ----------------------------------------------------------------------------------------------------- definitions


@pytest.mark.parametrize(
    ("metric", "curve"), [(metrics.Deletion, by_hand.deletion_curve), (metrics.Insertion, by_hand.insertion_curve)]
)
def test_areas_of_curves_are_those_of_features_taken_away_one_by_one(problem, attributions, metric, curve):
    scores = metric()(problem, attributions, baselines=BASELINE[None])
    expected = by_example(problem, attributions, lambda *known: by_hand.area(curve(*known, COUNTS), SHARES))
    torch.testing.assert_close(scores.values, expected, **SHORT)
    torch.testing.assert_close(scores.curve.values, curves_of(problem, attributions, curve, COUNTS))


def test_steps_take_as_many_features_each(problem, attributions):
    scores = metrics.Deletion(steps=3)(problem, attributions, baselines=BASELINE[None])
    assert (scores.curve.fractions * FEATURES).tolist() == pytest.approx([0, 2, 5, 7])
    torch.testing.assert_close(
        scores.curve.values, curves_of(problem, attributions, by_hand.deletion_curve, [0, 2, 5, 7])
    )


def test_pixel_flipping_is_the_mean_of_the_curve(problem, attributions):
    expected = by_example(problem, attributions, lambda *known: float(np.mean(by_hand.deletion_curve(*known, COUNTS))))
    scores = metrics.PixelFlipping()(problem, attributions, baselines=BASELINE[None])
    torch.testing.assert_close(scores.values, expected, **SHORT)


def test_selectivity_is_deletion_in_units_of_the_prediction(problem, attributions):
    expected = by_example(
        problem,
        attributions,
        lambda output, x, *known: by_hand.area(by_hand.deletion_curve(output, x, *known, COUNTS), SHARES) / output(x),
    )
    scores = metrics.Selectivity()(problem, attributions, baselines=BASELINE[None])
    torch.testing.assert_close(scores.values, expected, rtol=1e-4, atol=1e-6)


def test_region_perturbation_is_the_mean_drop_and_irof_the_mean_share_that_is_gone(problem, attributions):
    def mean_drop(output, x, *known):
        return float(np.mean([output(x) - value for value in by_hand.deletion_curve(output, x, *known, COUNTS)]))

    def share_gone(output, x, *known):
        return float(
            np.mean([1 - value / output(x) for value in by_hand.deletion_curve(output, x, *known, COUNTS)[1:]])
        )

    drops = metrics.RegionPerturbation()(problem, attributions, baselines=BASELINE[None])
    torch.testing.assert_close(drops.values, by_example(problem, attributions, mean_drop), **SHORT)
    gone = metrics.IROF()(problem, attributions, baselines=BASELINE[None])
    torch.testing.assert_close(gone.values, by_example(problem, attributions, share_gone), rtol=1e-4, atol=1e-6)


def test_irof_ranks_segments_by_their_mean(problem, attributions):
    mask = torch.tensor([[0, 0, 0, 1, 1, 2, 2]])
    scores = metrics.IROF()(problem, attributions, baselines=BASELINE[None], feature_mask=mask)
    segments = [[0, 1, 2], [3, 4], [5, 6]]

    def share_gone(output, x, own, baseline):
        order = sorted(segments, key=lambda segment: -float(np.mean([own[place] for place in segment])))
        gone, shares = [], []
        for segment in order:
            gone += segment
            shares.append(1 - output(by_hand.without(x, gone, baseline)) / output(x))
        return float(np.mean(shares))

    torch.testing.assert_close(scores.values, by_example(problem, attributions, share_gone), rtol=1e-4, atol=1e-6)


def test_region_perturbation_averages_over_noise_in_the_range_of_the_inputs(problem, attributions):
    scores = metrics.RegionPerturbation(n_samples=200)(problem, attributions)
    other = metrics.RegionPerturbation(n_samples=200, seed=5)(problem, attributions)
    assert (scores.stderr > 0).all()
    assert ((scores.values - other.values).abs() < 5 * (scores.stderr + other.stderr)).all()
    assert torch.equal(scores.values, metrics.RegionPerturbation(n_samples=200)(problem, attributions).values)


def test_faithfulness_estimate_correlates_with_the_effect_of_each_feature(problem, attributions):
    expected = by_example(problem, attributions, by_hand.faithfulness_estimate)
    scores = metrics.FaithfulnessEstimate()(problem, attributions, baselines=BASELINE[None])
    torch.testing.assert_close(scores.values, expected, rtol=1e-4, atol=1e-5)


def test_features_may_be_taken_away_together_as_neighbours_in_the_order_of_their_attributions(problem, attributions):
    def of_pairs(output, x, own, baseline):
        order = by_hand.descending(own)
        pairs = [order[start : start + 2] for start in range(0, len(order), 2)]
        return by_hand.correlation_of_sets(output, x, own, baseline, pairs, by_rank=False)

    scores = metrics.FaithfulnessEstimate(together=2)(problem, attributions, baselines=BASELINE[None])
    torch.testing.assert_close(scores.values, by_example(problem, attributions, of_pairs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("metric", "by_rank"), [(metrics.FaithfulnessCorrelation, False), (metrics.MuFidelity, True)])
def test_correlations_over_random_sets_are_those_of_these_sets(problem, attributions, metric, by_rank):
    expected = by_example(
        problem, attributions, lambda *known: by_hand.correlation_of_sets(*known, drawn_sets(3, 40), by_rank=by_rank)
    )
    scores = metric(n_samples=40, size=3)(problem, attributions, baselines=BASELINE[None])
    torch.testing.assert_close(scores.values, expected, rtol=1e-4, atol=1e-5)


def test_sensitivity_n_is_the_mean_over_sizes(problem, attributions):
    scores = metrics.SensitivityN(n_samples=30, sizes=3)(problem, attributions, baselines=BASELINE[None])
    sizes = scores.details["sizes"][0].tolist()
    assert sizes == [1, 2, 6]
    generator = shared_generator(0, None)  # one for all sizes
    for number, size in enumerate(sizes):
        sets = drawn_sets(size, 30, generator)
        expected = by_example(
            problem,
            attributions,
            lambda *known, sets=sets: by_hand.correlation_of_sets(*known, sets, by_rank=False),
        )
        torch.testing.assert_close(scores.details["by_size"][:, number], expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(scores.values, scores.details["by_size"].mean(1))


def test_infidelity_is_the_mean_square_of_what_sums_miss(problem, attributions):
    expected = by_example(problem, attributions, lambda *known: by_hand.infidelity_of_sets(*known, drawn_sets(3, 40)))
    scores = metrics.Infidelity(n_samples=40, size=3)(problem, attributions, baselines=BASELINE[None])
    torch.testing.assert_close(scores.values, expected, **SHORT)


def test_infidelity_under_noise_is_captums_of_the_same_noise(problem, attributions):
    ours = metrics.Infidelity(perturbation="noise", stdev=0.1, n_samples=4000)(problem, attributions)

    def shaken(x):
        reach = 0.1 * (x.amax(1, keepdim=True) - x.amin(1, keepdim=True))
        noise = reach * torch.randn(x.shape, generator=generator)
        return noise, x - noise

    generator = torch.Generator().manual_seed(3)
    theirs = metrics.infidelity(
        problem.model, shaken, problem.inputs[0], attributions, target=1, n_perturb_samples=4000
    )
    assert ((ours.values - theirs).abs() < 5 * ours.stderr * 2**0.5).all()


def test_attributions_are_scaled_as_fits_best(problem, attributions):
    plain = metrics.Infidelity(normalize=True)(problem, attributions, baselines=BASELINE[None])
    scaled = metrics.Infidelity(normalize=True)(problem, -50 * attributions, baselines=BASELINE[None])
    torch.testing.assert_close(plain.values, scaled.values)
    assert (plain.values <= metrics.Infidelity()(problem, attributions, baselines=BASELINE[None]).values).all()


def test_monotonicity_is_the_share_of_steps_that_do_not_fall(problem, attributions):
    scores = metrics.Monotonicity()(problem, attributions, baselines=BASELINE[None])
    assert torch.equal(scores.values, by_example(problem, attributions, by_hand.monotonicity))


def test_monotonicity_correlation_ranks_by_mean_squares(problem, attributions):
    from scipy.stats import spearmanr

    def of_one_baseline(output, x, own, baseline):
        moved = [(output(x) - output(by_hand.without(x, [feature], baseline))) ** 2 for feature in range(FEATURES)]
        return spearmanr(own.abs(), moved).statistic

    scores = metrics.MonotonicityCorrelation()(problem, attributions, baselines=BASELINE[None])
    torch.testing.assert_close(scores.values, by_example(problem, attributions, of_one_baseline))


def test_sufficiency_and_comprehensiveness_are_mean_drops_over_shares(problem, attributions):
    counts = [1, 1, 1, 2, 4]  # 1, 5, 10, 20 and 50 % of seven, rounded up
    gone = by_example(
        problem,
        attributions,
        lambda output, x, *known: output(x) - np.mean(by_hand.deletion_curve(output, x, *known, counts)),
    )
    kept = by_example(
        problem,
        attributions,
        lambda output, x, *known: output(x) - np.mean(by_hand.insertion_curve(output, x, *known, counts)),
    )
    torch.testing.assert_close(
        metrics.Comprehensiveness()(problem, attributions, baselines=BASELINE[None]).values, gone, **SHORT
    )
    torch.testing.assert_close(
        metrics.Sufficiency()(problem, attributions, baselines=BASELINE[None]).values, kept, **SHORT
    )


def test_effective_complexity_is_the_least_number_of_features_that_is_enough(problem, attributions):
    scores = metrics.EffectiveComplexity()(problem, attributions, baselines=BASELINE[None])
    expected = by_example(problem, attributions, by_hand.effective_complexity, 0.05)
    assert torch.equal(scores.values, expected)


def test_road_fills_pixels_from_their_surroundings_in_both_orders():
    torch.manual_seed(0)
    images, own = torch.rand(2, 2, 6, 6), torch.rand(2, 2, 6, 6)
    weights = torch.randn(2, 6, 6)
    problem = Problem(lambda x: (x * weights).sum((1, 2, 3)), images)
    scores = metrics.ROAD(shares=(0.25, 0.5), noise=0)(problem, own)
    for example in range(2):
        order = by_hand.descending(own[example].sum(0).flatten())
        for number, count in enumerate((9, 18)):
            for name, gone in (("largest_first", order[:count]), ("smallest_first", order[-count:])):
                holes = torch.zeros(36, dtype=torch.bool)
                holes[gone] = True
                filled = torch.stack([by_hand.noisy_linear(channel, holes.view(6, 6)) for channel in images[example]])
                expected = float((filled * weights).sum())
                assert float(scores.details[name][example, number]) == pytest.approx(expected, abs=1e-3)
    halves = (scores.details["smallest_first"] - scores.details["largest_first"]).mean(1) / 2
    torch.testing.assert_close(scores.values, halves)


def test_whole_images_that_are_gone_become_their_mean():
    image = torch.arange(9.0).view(1, 1, 3, 3)
    filled = NoisyLinear(noise=0)(image, torch.ones(1, 1, 3, 3, dtype=torch.bool))
    torch.testing.assert_close(filled, torch.full((1, 1, 3, 3), 4.0))


# ------------------------------------------------------------------------------------------------- what is a feature


def test_features_of_a_mask_go_together_and_have_the_sum_of_their_attributions(problem, attributions):
    mask = torch.tensor([[0, 0, 1, 1, 2, 2, 2]])
    scores = metrics.Deletion()(problem, attributions, baselines=BASELINE[None], feature_mask=mask)
    groups = [[0, 1], [2, 3], [4, 5, 6]]

    def by_group(output, x, own, baseline):
        order = sorted(groups, key=lambda group: -float(sum(own[place] for place in group)))
        values = [output(by_hand.without(x, list(itertools.chain(*order[:count])), baseline)) for count in range(4)]
        return by_hand.area(values, [0, 1 / 3, 2 / 3, 1])

    torch.testing.assert_close(scores.values, by_example(problem, attributions, by_group), **SHORT)


def test_a_feature_whose_elements_have_its_value_counts_it_once(problem):
    mask = torch.tensor([[0, 0, 0, 0, 0, 1, 2]])
    own = ShapleyValues()(problem, baselines=BASELINE[None], feature_mask=mask)
    scores = metrics.Completeness()(problem, own, baselines=BASELINE[None], feature_mask=mask)
    assert (scores.values < 1e-5).all()


def test_several_inputs_are_taken_away_together():
    x, y = torch.tensor([[1.0, 2.0]]), torch.tensor([[5.0]])
    problem = Problem(lambda x, y: x.sum(1) + y[:, 0], (x, y))
    scores = metrics.Deletion()(problem, (x, y), baselines=(0, 0))
    assert scores.curve.values.tolist() == [[8.0, 3.0, 1.0, 0.0]]


def test_features_of_a_layer_are_taken_away_there():
    problem = Problem(Counting().layers, torch.randn(2, FEATURES), target=0, source="1")
    with pytest.raises(WrongShape, match="attributions must have the shapes of the source"):
        metrics.Deletion()(problem, torch.zeros(2, FEATURES))
    hidden = torch.randn(2, 16)
    scores = metrics.Deletion()(problem, hidden, baselines=0)
    with torch.no_grad():
        kept = problem.model[1](problem.model[0](problem.inputs[0]))
        for step, count in enumerate(range(17)):
            gone = hidden.argsort(dim=1, descending=True)[:, :count]
            expected = problem.model[2](kept.scatter(1, gone, 0.0))[:, 0]
            torch.testing.assert_close(scores.curve.values[:, step], expected.double(), **SHORT)


def test_examples_may_have_features_of_their_own_and_are_scored_as_if_alone():
    x = torch.tensor([[4.0, 3, 2, 1], [4.0, 3, 2, 1], [1.0, 5, 2, 2]])
    mask = torch.tensor([[0, 0, 1, 1], [0, 1, 2, 3], [5, 5, 5, 9]])
    problem = Problem(lambda x: x.sum(1), x)
    for metric in [*ALL, metrics.Sparseness(), metrics.Complexity()]:
        given = {} if metric.name in ("Sparseness", "Complexity") else {"baselines": 0}
        together = metric(problem, x, feature_mask=mask, **given).values
        for example in range(3):
            one = Problem(lambda x: x.sum(1), x[example : example + 1])
            alone = metric(one, x[example : example + 1], feature_mask=mask[example : example + 1], **given).values
            if metric.name != "Infidelity" or metric.perturbation != "noise":
                torch.testing.assert_close(together[example : example + 1], alone, equal_nan=True)
    assert metrics.Deletion()(problem, x, baselines=0, feature_mask=mask).values[0] == 4  # 10, then 3, then 0
    other = metrics.RankCorrelation()(problem, x, other=x.flip(1), feature_mask=mask)
    assert other.values[0] == -1


def test_maps_that_are_the_same_within_features_are_sums_unless_a_method_says_otherwise():
    x, mask = torch.ones(1, 4), torch.tensor([[0, 0, 0, 1]])
    problem = Problem(lambda x: x.sum(1), x)
    slopes = Attributions((torch.ones(1, 4),))
    assert metrics.Infidelity(size=1)(problem, slopes, baselines=0, feature_mask=mask).values < 1e-9
    assert metrics.FaithfulnessEstimate()(problem, slopes, baselines=0, feature_mask=mask).values > 0.99
    of_game = FeatureAblation()(problem, baselines=0, feature_mask=mask)
    assert of_game.of_features
    assert of_game.values[0].tolist() == [[3, 3, 3, 1]]
    assert metrics.Completeness()(problem, of_game, baselines=0, feature_mask=mask).values < 1e-9


def test_segments_are_ranked_by_means_also_of_features_values():
    x, mask = torch.tensor([[1.0, 1, 1, 1.5]]), torch.tensor([[0, 0, 0, 1]])
    problem = Problem(lambda x: x.sum(1) / 4.5, x)
    own = FeatureAblation()(problem, baselines=0, feature_mask=mask)
    curve = metrics.IROF()(problem, own, baselines=0, feature_mask=mask).curve.values
    torch.testing.assert_close(curve, torch.tensor([[1.0, 1 / 3, 0.0]]).double())


def test_shares_of_outputs_are_of_those_above_zero():
    problem = Problem(lambda x: x @ torch.tensor([5.0, 1, 1]) - 17, torch.ones(1, 3))
    for metric in (metrics.Selectivity(), metrics.IROF()):
        assert metric(problem, torch.tensor([[5.0, 1, 1]]), baselines=0).values.isnan().all()


def test_what_was_measured_before_in_a_session_changes_nothing():
    weights = torch.tensor([1.0, 2, 3, 5], dtype=torch.float64)
    for dtype, shift in ((torch.float64, 1e7), (torch.bfloat16, 0.0), (torch.float16, 3.0)):
        x = torch.ones(1, 4, dtype=dtype)
        problem = Problem(lambda x, shift=shift: shift + x @ weights.to(x.dtype), x)
        asked = [metrics.FaithfulnessCorrelation(size=2), metrics.MuFidelity(size=2), metrics.Infidelity(size=2)]
        own = weights[None].to(dtype) * 1.1
        alone = [metric(problem, own, baselines=0).values for metric in asked]
        for order in (asked, asked[::-1]):
            with Session(problem):
                found = {metric: metric(problem, own, baselines=0).values for metric in order}
            for metric, expected in zip(asked, alone, strict=True):
                assert torch.equal(found[metric], expected)


def test_errors_of_sizes_are_independent(problem, attributions):
    found = [
        metrics.SensitivityN(n_samples=30, sizes=4, seed=seed)(problem, attributions, baselines=BASELINE[None])
        for seed in range(60)
    ]
    spread = torch.stack([scores.values for scores in found]).std(0)
    claimed = torch.stack([scores.stderr for scores in found]).mean(0)
    assert (spread < 1.4 * claimed).all()


def test_ids_of_tokens_cannot_be_moved_by_noise():
    model = nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(6, 1))
    problem = Problem(model, torch.tensor([[1, 2], [3, 4]]), target=0)
    under_noise = (metrics.RegionPerturbation(), metrics.NonSensitivity(), metrics.Infidelity(perturbation="noise"))
    for metric in under_noise:
        with pytest.raises(InvalidArgument, match="inputs must be floats, for noise to move them: got"):
            metric(problem, torch.ones(2, 2))


# ------------------------------------------------------------------------------------------------------------- limits

ALL = [
    metrics.Completeness(),
    metrics.Comprehensiveness(),
    metrics.Deletion(random_orders=2),
    metrics.EffectiveComplexity(),
    metrics.FaithfulnessCorrelation(),
    metrics.FaithfulnessEstimate(),
    metrics.IROF(),
    metrics.Infidelity(),
    metrics.Infidelity(perturbation="noise"),
    metrics.Insertion(),
    metrics.Monotonicity(),
    metrics.MonotonicityCorrelation(),
    metrics.MuFidelity(),
    metrics.NonSensitivity(),
    metrics.PixelFlipping(),
    metrics.ROAD(),
    metrics.RegionPerturbation(),
    metrics.Selectivity(),
    metrics.SensitivityN(),
    metrics.Sufficiency(),
]


def named(metric: FaithfulnessMetric) -> str:
    return repr(metric)


@pytest.mark.parametrize("metric", ALL, ids=named)
def test_an_examples_score_depends_on_no_other_example(problem, attributions, metric):
    all_of_them = metric(problem, attributions, baselines=BASELINE[None])
    for example in range(EXAMPLES):
        one = Problem(problem.model, problem.inputs[0][example : example + 1], target=1)
        alone = metric(one, attributions[example : example + 1], baselines=BASELINE[None])
        if example and metric.name == "Infidelity" and metric.perturbation == "noise":
            continue  # an example's noise is that of its place in the batch
        torch.testing.assert_close(
            alone.values, all_of_them.values[example : example + 1], rtol=1e-4, atol=1e-5, equal_nan=True
        )


@pytest.mark.parametrize("metric", ALL, ids=named)
def test_scores_lie_in_their_range_and_are_float64_on_the_cpu(problem, attributions, metric):
    scores = metric(problem, attributions, baselines=BASELINE[None])
    low, high = metric.range
    assert scores.values.dtype == torch.float64
    assert scores.values.shape == (EXAMPLES,)
    assert ((scores.values >= low - 1e-9) & (scores.values <= high + 1e-9)).all()
    assert metric.better in ("higher", "lower")
    assert metric.paper.startswith("https://")
    assert metric.better in repr(scores)


@pytest.mark.parametrize("metric", ALL, ids=named)
@pytest.mark.parametrize("constant", [0.0, 2.5])
def test_constant_attributions_have_scores_or_nan_and_correlations_have_nan(problem, metric, constant):
    scores = metric(problem, torch.full((EXAMPLES, FEATURES), constant), baselines=BASELINE[None])
    if metric.range == (-1.0, 1.0):
        assert scores.values.isnan().all()
    else:
        assert not scores.values.isnan().any()


@pytest.mark.parametrize("metric", ALL, ids=named)
def test_a_single_feature_is_no_error(metric):
    problem = Problem(lambda x: 2 * x[:, 0], torch.tensor([[3.0], [1.0]]))
    scores = metric(problem, torch.tensor([[6.0], [2.0]]), baselines=0)
    assert scores.values.shape == (2,)


@pytest.mark.parametrize("metric", ALL, ids=named)
def test_nan_among_attributions_leaves_one_score_unknown_and_the_others_as_they_are(problem, attributions, metric):
    expected = metric(problem, attributions, baselines=BASELINE[None]).values
    broken = attributions.clone()
    broken[1, 2] = float("nan")
    with pytest.warns(PellucidWarning, match=r"attributions of examples \[1\] contain NaN"):
        scores = metric(problem, broken, baselines=BASELINE[None])
    assert scores.values.isnan().tolist() == [False, True, False]
    torch.testing.assert_close(scores.values[[0, 2]], expected[[0, 2]])


@pytest.mark.parametrize("metric", ALL, ids=named)
def test_the_same_seed_gives_the_same_scores_and_leaves_global_generators(problem, attributions, metric):
    before = torch.get_rng_state()
    first = metric(problem, attributions, baselines=BASELINE[None])
    second = metric(problem, attributions, baselines=BASELINE[None])
    assert torch.equal(first.values, second.values)
    assert torch.equal(before, torch.get_rng_state())


def test_ties_go_in_a_random_order_that_is_the_same_every_time():
    problem = Problem(lambda x: x[:, 0], torch.ones(1, 100))
    scores = metrics.Deletion(steps=None)(problem, torch.zeros(1, 100))
    assert 0.05 < float(scores.values) < 0.95
    assert torch.equal(scores.values, metrics.Deletion(steps=None)(problem, torch.zeros(1, 100)).values)


def test_changes_that_may_be_rounding_are_none():
    problem = Problem(lambda x: 1e6 + 0.01 * x.sum(1), torch.rand(4, FEATURES))
    scores = metrics.FaithfulnessEstimate()(problem, torch.rand(4, FEATURES), baselines=0)
    assert scores.values.isnan().all()


def test_whole_batches_are_asked_as_they_come():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(FEATURES, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.track_running_stats, module.running_mean, module.running_var = False, None, None
    x = torch.randn(40, FEATURES)
    scores = metrics.Deletion()(Problem(network, x, target=0), x)
    order = x.argsort(dim=1, descending=True)
    changed = x.clone()
    outputs = []
    with torch.no_grad():
        for step in range(FEATURES + 1):
            outputs.append(network(changed)[:, 0].clone())
            if step < FEATURES:
                changed.scatter_(1, order[:, step : step + 1], 0.0)
    torch.testing.assert_close(scores.curve.values, torch.stack(outputs, 1).double(), **SHORT)


# ------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("metric", "match"),
    [
        (metrics.Deletion(steps=0), "steps must be an integer of at least 1: got 0"),
        (metrics.Deletion(random_orders=-1), "random_orders must be an integer of at least 0"),
        (metrics.FaithfulnessCorrelation(n_samples=2), "n_samples must be an integer of at least 3"),
        (metrics.FaithfulnessCorrelation(size=1.5), "size must be a whole number of features, or a share below one"),
        (metrics.FaithfulnessCorrelation(size=7), "size must be smaller than the number of features, 7: got 7"),
        (metrics.ROAD(shares=0.5), "shares must be a tuple of numbers between zero and one: got 0.5"),
        (metrics.FaithfulnessEstimate(together=0), "together must be an integer of at least 1"),
        (metrics.Infidelity(perturbation="shake"), "perturbation must be one of subsets, noise"),
        (metrics.Comprehensiveness(shares=(0.0,)), "shares must be a tuple of numbers above zero, and one at most"),
        (metrics.ROAD(shares=(1.0,)), "shares must be a tuple of numbers between zero and one"),
        (metrics.EffectiveComplexity(tolerance=-1), "tolerance must be a share from zero on"),
        (metrics.RegionPerturbation(n_samples=0), "n_samples must be an integer of at least 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value),
)
def test_what_cannot_be_is_told(problem, attributions, metric, match):
    with pytest.raises((InvalidArgument, WrongType), match=match):
        metric(problem, attributions)


def test_what_does_not_fit_is_told(problem, attributions):
    with pytest.raises(WrongShape, match=r"attributions must have the shapes of the inputs, \(3, 7\): got \(3, 6\)"):
        metrics.Deletion()(problem, attributions[:, :6])
    with pytest.raises(NotScalar, match="target must leave one value"):
        metrics.Deletion()(Problem(problem.model, problem.inputs), attributions)
    with pytest.raises(WrongType, match="must be called with a Problem"):
        metrics.Deletion()(problem.model, attributions)
    with pytest.raises(InvalidArgument, match="attributions must be a tensor or a tuple of tensors: got list"):
        metrics.Deletion()(problem, [1.0])


def test_a_failed_metric_leaves_the_model_as_it_was(problem, attributions):
    before = {name: tensor.clone() for name, tensor in problem.model.state_dict().items()}
    problem.model.train()
    with pytest.raises(WrongShape):
        metrics.Deletion()(problem, attributions[:, :6])
    assert problem.model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in problem.model.state_dict().items())


# ------------------------------------------------------------------------------------------------------- what is asked


def rows_of(problem: Problem, attributions: Tensor, *asked: FaithfulnessMetric) -> int:
    problem.model.rows = 0
    with Session(problem):
        for metric in asked:
            metric(problem, attributions, baselines=BASELINE[None])
    return problem.model.rows


@pytest.mark.usefixtures("without_row_checks")
def test_metrics_that_ask_for_the_same_inputs_ask_once(problem, attributions):
    asked = [
        metrics.Deletion(random_orders=10),
        metrics.PixelFlipping(),
        metrics.Selectivity(),
        metrics.Comprehensiveness(),
    ]
    alone = [rows_of(problem, attributions, metric) for metric in asked]
    together = rows_of(problem, attributions, *asked)
    assert together <= 1.2 * max(alone)
    assert sum(alone) > 1.3 * max(alone)


@pytest.mark.usefixtures("without_row_checks")
def test_a_second_call_in_a_session_asks_for_nothing(problem, attributions):
    for metric in ALL:
        problem.model.rows = 0
        with Session(problem):
            metric(problem, attributions, baselines=BASELINE[None])
            first = problem.model.rows
            metric(problem, attributions, baselines=BASELINE[None])
            again = problem.model.rows - first
        is_of_noise = metric.name == "Infidelity" and metric.perturbation == "noise"
        assert again == (first - EXAMPLES if is_of_noise else 0), metric


@pytest.mark.usefixtures("without_row_checks")
def test_each_metric_asks_for_as_many_rows_as_it_says(problem, attributions):
    expected = {
        metrics.Deletion(): FEATURES + 1,
        metrics.Insertion(): FEATURES + 1,
        metrics.FaithfulnessEstimate(): FEATURES + 1,
        metrics.Completeness(): 2,
        metrics.Sufficiency(shares=(0.5,)): 2,
        metrics.MuFidelity(n_samples=50, size=FEATURES - 1): FEATURES + 1,  # the same sets, over and over
    }
    for metric, rows in expected.items():
        assert rows_of(problem, attributions, metric) == rows * EXAMPLES, metric


def test_sets_of_features_are_held_in_blocks(problem, attributions, monkeypatch):
    expected = [metric(problem, attributions, baselines=BASELINE[None]).values for metric in ALL]
    monkeypatch.setattr(each_example, "MOST_HELD", 2 * EXAMPLES * FEATURES)
    monkeypatch.setattr(removals, "MOST_HELD", 2 * EXAMPLES * FEATURES)
    for metric, values in zip(ALL, expected, strict=True):
        torch.testing.assert_close(metric(problem, attributions, baselines=BASELINE[None]).values, values)


def test_values_are_not_remembered_where_the_model_changes_or_draws(problem, attributions):
    with Session(problem):
        before = metrics.Deletion()(problem, attributions).values
        with torch.no_grad():
            problem.model.layers[0].weight.mul_(2.0)
        after = metrics.Deletion()(problem, attributions).values
    assert not torch.equal(before, after)
    torch.testing.assert_close(after, metrics.Deletion()(problem, attributions).values)
    drawing = Problem(lambda x: x.sum(1) + torch.rand(len(x)), problem.inputs[0])
    with Session(drawing):
        first = metrics.Deletion()(drawing, attributions).values
        assert not torch.equal(first, metrics.Deletion()(drawing, attributions).values)


# ------------------------------------------------------------------------------------------------------ known answers


def linear_problem() -> tuple[Problem, Tensor, Tensor]:
    """A linear model, right attributions, and the same on the wrong features."""
    generator = torch.Generator().manual_seed(4)
    weights = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.0])
    x = 1 + 0.2 * torch.rand(6, 8, generator=generator)
    return Problem(lambda x: x @ weights, x), x * weights, (x * weights).flip(1)


EXCEPT = ("NonSensitivity", "ROAD", "Infidelity", "EffectiveComplexity", "Monotonicity")
"""What is tested otherwise, or says that it cannot tell: features that add up are as monotonic in any order."""

FAITHFUL = [metric for metric in ALL if metric.name not in EXCEPT]


@pytest.mark.parametrize("metric", FAITHFUL, ids=named)
def test_right_attributions_score_better_than_wrong_ones(metric):
    problem, right, wrong = linear_problem()
    if metric.name == "Completeness":
        wrong = 2 * wrong
    scores = [metric(problem, each, baselines=0).values.mean() for each in (right, wrong)]
    assert scores[0] > scores[1] if metric.better == "higher" else scores[0] < scores[1]


def test_right_attributions_are_more_monotonic_where_features_act_together():
    problem = Problem(lambda x: x[:, 0] * x[:, 1] * x[:, 2] + x[:, 3], torch.tensor([[3.0, 2.0, 2.0, -5.0]]))
    right = ShapleyValues()(problem, baselines=0).values[0]
    scores = [metrics.Monotonicity()(problem, each, baselines=0).values for each in (right, -right)]
    assert scores[0] >= scores[1]


def test_infidelity_and_effective_complexity_are_least_of_right_attributions():
    problem, right, wrong = linear_problem()
    for metric in (metrics.Infidelity(), metrics.EffectiveComplexity()):
        assert (metric(problem, right, baselines=0).values < metric(problem, wrong, baselines=0).values).all()
    noise = metrics.Infidelity(perturbation="noise")
    slopes = Saliency(abs=False)(problem).values[0]
    assert (noise(problem, slopes).values < 1e-6).all()
    assert (noise(problem, slopes.flip(1)).values > 1e-3).all()


KNOWN = [known for known in known_models() if "Shapley values" in known.values and known.source is None]


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_what_is_known_to_matter_scores_better_than_its_opposite(known):
    problem = Problem(known.model, known.inputs, target=known.target)
    right = known.values["Shapley values"]
    order = right.flatten(1).argsort(1)
    wrong = (
        torch.empty_like(right.flatten(1)).scatter_(1, order, right.flatten(1).gather(1, order.flip(1))).view_as(right)
    )
    arguments = {"baselines": known.baselines, "feature_mask": known.feature_mask}
    for metric in (
        metrics.Deletion(),
        metrics.Insertion(),
        metrics.FaithfulnessCorrelation(size=0.5),
        metrics.Infidelity(size=0.5),
    ):
        good, bad = (metric(problem, each, **arguments).values.nanmean() for each in (right, wrong))
        assert good >= bad if metric.better == "higher" else good <= bad, metric


def test_the_right_order_beats_all_random_ones():
    problem, right, _ = linear_problem()
    for metric in (metrics.Deletion(random_orders=20), metrics.Insertion(random_orders=20)):
        scores = metric(problem, right, baselines=0)
        areas = scores.curve.random_areas
        better = areas > scores.values[:, None] if metric.better == "lower" else areas < scores.values[:, None]
        assert better.all()
        low, high = scores.curve.band()
        assert ((low <= high + 1e-12).all(), low.shape) == (True, (6, 9))
        torch.testing.assert_close(scores.details["random"], areas.mean(1))


# ---------------------------------------------------------------------------------------------------------- intervals


@pytest.mark.parametrize("metric", [metrics.FaithfulnessCorrelation, metrics.MuFidelity, metrics.Infidelity])
def test_intervals_hold_as_often_as_they_say(metric):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    problem = Problem(model, torch.randn(4, 8), target=0)
    own = IntegratedGradients(n_steps=32)(problem).values[0]
    sets = [list(each) for each in itertools.combinations(range(8), 4)]  # all there are
    rows = list(zip(problem.inputs[0], own, strict=True))

    def output(x: Tensor) -> float:
        with torch.no_grad():
            return float(model(x[None]))

    def exact(x: Tensor, attributions: Tensor) -> float:
        nothing = torch.zeros(8)
        if metric is metrics.Infidelity:
            return by_hand.infidelity_of_sets(output, x, attributions, nothing, sets)
        by_rank = metric is metrics.MuFidelity
        return by_hand.correlation_of_sets(output, x, attributions, nothing, sets, by_rank=by_rank)

    truth = torch.tensor([exact(*row) for row in rows])
    held = []
    with Session(problem):
        for seed in range(250):
            low, high = metric(n_samples=100, size=4, seed=seed)(problem, own, baselines=0).interval()
            held.append((low <= truth) & (truth <= high))
    share = float(torch.stack(held).double().mean())
    assert 0.92 <= share <= 0.98  # of a thousand


def test_pixels_are_features_with_all_their_channels():
    x = torch.rand(2, 3, 4, 4)
    problem = Problem(lambda x: x.sum((1, 2, 3)), x)
    scores = metrics.Deletion()(problem, Attributions((x,)), feature_mask=pixels(x))
    assert scores.curve.values.shape == (2, 17)
