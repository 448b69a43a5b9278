"""Data frames go in, and come back with their names: of tensors' models, and of pipelines that take words."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from pellucid import attr
from pellucid.errors import InvalidArgument, NotDifferentiable, PellucidWarning
from pellucid.methods import Background, Lasso

B, TARGET = 4, 1


def numeric_frame() -> pandas.DataFrame:
    """Floats, integers and booleans."""
    generator = np.random.default_rng(0)
    columns = {"height": generator.normal(size=B), "children": [0, 2, 1, 5], "member": [True, False, False, True]}
    return pandas.DataFrame(columns, index=["ann", "bob", "cem", "dan"])


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).double()


def tensor(frame: pandas.DataFrame) -> torch.Tensor:
    return torch.tensor(frame.to_numpy(dtype=float))


def assert_same(found: pandas.DataFrame, frame: pandas.DataFrame, expected: torch.Tensor) -> None:
    pandas.testing.assert_frame_equal(
        found, pandas.DataFrame(expected.numpy(), index=frame.index, columns=frame.columns), rtol=1e-9
    )


def test_columns_and_rows_keep_their_names():
    frame = numeric_frame()
    for explainer in (attr.IntegratedGradients(model()), attr.ShapleyValues(model()), attr.DeepLift(model())):
        expected = explainer.attribute(tensor(frame), target=TARGET)
        assert_same(explainer.attribute(frame, target=TARGET), frame, expected)


MEANS = numeric_frame().mean()
BASELINES: dict[str, Any] = {
    "a series": MEANS,
    "a mapping": dict(MEANS),
    "a row": MEANS.to_frame().T,
    "a row of objects": MEANS.astype(object).to_frame().T,
    "in another order": MEANS[::-1],
    "a function": lambda frame: frame.mean(),
    "an array": MEANS.to_numpy(),
}


@pytest.mark.parametrize("baselines", BASELINES.values(), ids=BASELINES)
def test_baselines_by_column(baselines: Any):
    frame = numeric_frame()
    for explainer in (attr.IntegratedGradients(model()), attr.FeatureAblation(model())):
        expected = explainer.attribute(tensor(frame), torch.tensor([[*MEANS]]), target=TARGET)
        assert_same(explainer.attribute(frame, baselines, target=TARGET), frame, expected)


def test_numbers_and_rows_for_each_as_baselines():
    frame, explainer = numeric_frame(), attr.FeatureAblation(model())
    expected = explainer.attribute(tensor(frame), 0.5, target=TARGET)
    assert_same(explainer.attribute(frame, 0.5, target=TARGET), frame, expected)
    expected = explainer.attribute(tensor(frame), tensor(frame).flip(0), target=TARGET)
    assert_same(explainer.attribute(frame, frame[::-1], target=TARGET), frame, expected)


def test_masks_by_column():
    frame, explainer = numeric_frame(), attr.ShapleyValues(model())
    found = explainer.attribute(frame, target=TARGET, feature_mask={"height": 1, "member": 0, "children": 1})
    expected = explainer.attribute(tensor(frame), target=TARGET, feature_mask=torch.tensor([[1, 1, 0]]))
    assert_same(found, frame, expected)
    with pytest.raises(InvalidArgument, match="feature_mask must hold integers"):
        explainer.attribute(frame, target=TARGET, feature_mask={"height": 0.5, "member": 0, "children": 1})


@pytest.mark.parametrize("name", ["ShapleyValues", "KernelShap", "FeatureAblation", "DeepLiftShap"])
def test_backgrounds_are_frames(name: str):
    frame, explainer = numeric_frame(), getattr(attr, name)(model())
    settings = {"seed": 0} if name == "KernelShap" else {}
    expected = explainer.attribute(tensor(frame), Background(tensor(frame)[:3]), target=TARGET, **settings)
    for rows in (frame[:3], frame[:3].to_numpy(dtype=float)):
        assert_same(explainer.attribute(frame, Background(rows), target=TARGET, **settings), frame, expected)
    with pytest.raises(InvalidArgument, match=r"rows must be a tensor or a tuple of tensors: got DataFrame"):
        explainer.attribute(tensor(frame), Background(frame), target=TARGET)


def test_backgrounds_lie_as_inputs_do():
    frame, other, network = numeric_frame().astype(np.float32), torch.randn(B, 2), model().float()

    def both(table: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return network(table) * other.exp()

    explainer = attr.ShapleyValues(both)
    found = explainer.attribute(
        {"table": frame, "other": other}, Background({"table": frame[:2], "other": other[:2]}), target=TARGET
    )
    table = torch.tensor(frame.to_numpy())
    of_table, of_other = explainer.attribute((table, other), Background((table[:2], other[:2])), target=TARGET)
    assert_same(found["table"], frame, of_table)
    torch.testing.assert_close(found["other"], of_other)


def test_an_array_that_nobody_may_write_into():
    array = numeric_frame().to_numpy(dtype=float)
    array.flags.writeable = False
    for given in (array, array[::-1]):
        found = attr.Saliency(model()).attribute(given, target=TARGET)
        expected = attr.Saliency(model()).attribute(torch.tensor(given.copy()), target=TARGET)
        np.testing.assert_allclose(found, expected)


def test_names_of_several_levels():
    frame = numeric_frame()
    frame.index = pandas.MultiIndex.from_product([["a", "b"], [0, 1]], names=["group", "number"])
    frame.columns = pandas.MultiIndex.from_tuples([("body", "height"), ("family", "children"), ("family", "member")])
    expected = attr.ShapleyValues(model()).attribute(tensor(frame), tensor(frame).mean(0), target=TARGET)
    assert_same(attr.ShapleyValues(model()).attribute(frame, frame.mean(), target=TARGET), frame, expected)
    pipeline = LogisticRegression().fit(frame, [0, 1, 1, 0])
    assert attr.ShapleyValues(pipeline).attribute(frame, target=TARGET).columns.equals(frame.columns)


def test_nullable_numbers_and_missing_ones():
    frame = numeric_frame()
    nullable = frame.astype({"children": "Int64", "member": "boolean", "height": "Float64"})
    expected = attr.Saliency(model()).attribute(tensor(frame), target=TARGET)
    assert_same(attr.Saliency(model()).attribute(nullable, target=TARGET), frame, expected)
    for holed in (frame.astype({"children": float}), nullable):
        holed.loc["bob", "children"] = None
        with pytest.warns(PellucidWarning, match=r"NaN.*inputs.*1"):
            found = attr.Saliency(model()).attribute(holed, target=TARGET)
        assert found.loc["bob"].isna().all()
        assert found.drop(index="bob").notna().all(axis=None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.assign(city="Oslo"), "the columns 'city' hold (str|object)"),
        (
            lambda frame: frame.assign(born=pandas.Timestamp("2001-02-03"), city=pandas.Categorical(["a"] * B)),
            r"the columns 'born', 'city' hold datetime64\[.+\], category. Hint: pandas.get_dummies",
        ),
        (
            lambda frame: frame[["height", "height", "member"]],
            "columns of different names: got 'height' more than once",
        ),
        (lambda frame: frame[[]], r"inputs must have columns: got a frame of \(4, 0\)"),
        (lambda frame: frame["height"], r"inputs must be a frame: got a Series. Hint: inputs.to_frame\(\).T"),
    ],
    ids=["words", "dates and categories", "names twice", "no columns", "a series"],
)
def test_bad_frames(change: Callable[[Any], Any], message: str):
    with pytest.raises(InvalidArgument, match=message):
        attr.Saliency(model()).attribute(change(numeric_frame()), target=TARGET)


@pytest.mark.parametrize(
    ("baselines", "message"),
    [
        ({"height": 0.0}, "baselines must have all columns of inputs: 'children', 'member' missing"),
        ({"height": [1.0, 2.0], "children": [0, 1, 2], "member": 0}, "baselines must have one value, or as many, in"),
        ({"height": "tall", "children": 0, "member": 0}, "baselines must hold numbers in column 'height': got <U4"),
    ],
    ids=["missing", "unequal", "words"],
)
def test_bad_rows(baselines: Any, message: str):
    with pytest.raises(InvalidArgument, match=message):
        attr.FeatureAblation(model()).attribute(numeric_frame(), baselines, target=TARGET)


def test_a_row_of_objects_is_one_example():
    frame = numeric_frame()
    row = frame.loc["bob"].to_frame().T
    assert set(map(str, row.dtypes)) == {"object"}
    expected = attr.Saliency(model()).attribute(tensor(frame)[1:2], target=TARGET)
    assert_same(attr.Saliency(model()).attribute(row, target=TARGET), row, expected)


# Pipelines that take words.

CITIES = ["Oslo", "Rome", "Bonn"]


def people(kind: Any = None) -> pandas.DataFrame:
    generator = np.random.default_rng(1)
    frame = pandas.DataFrame(
        {
            "age": generator.normal(40, 9, size=60),
            "city": generator.choice(CITIES, size=60),
            "children": generator.integers(0, 4, size=60),
            "member": generator.random(60) < 0.5,
            "smokes": generator.choice(["no", "yes"], size=60),
        },
    )
    return frame if kind is None else frame.astype({"city": kind, "smokes": kind})


def pipeline_of(frame: pandas.DataFrame) -> Any:
    """One-hot words, integers and booleans beside scaled numbers."""
    words = OneHotEncoder(handle_unknown="error")
    columns = ColumnTransformer(
        [("words", words, ["city", "smokes", "children", "member"]), ("numbers", StandardScaler(), ["age"])]
    )
    old, far = frame["age"] > 40, frame["city"].astype(str) == "Rome"
    labels = (old ^ far ^ (frame["smokes"].astype(str) == "yes") | (frame["children"] == 3)).astype(int)
    return make_pipeline(columns, LogisticRegression()).fit(frame, labels)


def value_of(pipeline: Any, rows: pandas.DataFrame, absent: pandas.Series, present: set[str]) -> np.ndarray:
    """The predictions where only some columns are as they are."""
    changed = rows.copy()
    for column in set(rows.columns) - present:
        changed[column] = pandas.Series([absent[column]] * len(rows), index=rows.index).astype(rows[column].dtype)
    return pipeline.predict_proba(changed)[:, TARGET]


def shapley_values_by_hand(pipeline: Any, rows: pandas.DataFrame, absent: pandas.Series) -> dict[str, np.ndarray]:
    columns, values = list(rows.columns), {}
    for column in columns:
        others = [name for name in columns if name != column]
        values[column] = np.zeros(len(rows))
        for size in range(len(columns)):
            weight = 1 / (len(columns) * math.comb(len(others), size))
            for chosen in itertools.combinations(others, size):
                without = value_of(pipeline, rows, absent, {*chosen})
                values[column] += weight * (value_of(pipeline, rows, absent, {*chosen, column}) - without)
    return values


def ablation_by_hand(pipeline: Any, rows: pandas.DataFrame, absent: pandas.Series) -> dict[str, np.ndarray]:
    everything = {*rows.columns}
    full = value_of(pipeline, rows, absent, everything)
    return {name: full - value_of(pipeline, rows, absent, everything - {name}) for name in rows.columns}


KINDS = {"text": None, "category": "category", "object": object}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("ShapleyValues", shapley_values_by_hand),
        ("FeatureAblation", ablation_by_hand),
    ],
)
def test_pipelines_of_words(name: str, by_hand: Any, kind: Any):
    frame = people(kind)
    pipeline, rows, absent = pipeline_of(frame), frame.iloc[5:9], frame.mode().iloc[0]
    found = getattr(attr, name)(pipeline).attribute(rows, absent, target=TARGET)
    expected = pandas.DataFrame(by_hand(pipeline, rows, absent), index=rows.index)
    pandas.testing.assert_frame_equal(found, expected, rtol=1e-9, atol=1e-10)
    assert (found.abs().sum() > 0).all()


def test_several_rows_of_background_in_pipelines():
    frame = people()
    pipeline, rows = pipeline_of(frame), frame.iloc[5:8]
    found = attr.ShapleyValues(pipeline).attribute(rows, Background(frame.iloc[20:24]), target=TARGET)
    each = [shapley_values_by_hand(pipeline, rows, absent) for _, absent in frame.iloc[20:24].iterrows()]
    expected = sum(pandas.DataFrame(values, index=rows.index) for values in each) / len(each)
    pandas.testing.assert_frame_equal(found, expected, rtol=1e-9, atol=1e-10)


def test_permuted_words():
    frame = people()
    pipeline, rows = pipeline_of(frame), frame.iloc[:2]
    found = attr.FeaturePermutation(pipeline).attribute(rows, target=TARGET)
    swapped = {}
    for column in rows.columns:
        changed = rows.copy()
        changed[column] = rows[column].to_numpy()[::-1]
        swapped[column] = (pipeline.predict_proba(rows) - pipeline.predict_proba(changed))[:, TARGET]
    for column in rows.columns:  # two rows are swapped, or stay
        assert np.allclose(found[column], swapped[column]) or not found[column].any()
    assert found.any(axis=None)


@pytest.mark.parametrize(
    "explainer",
    [attr.KernelShap, lambda model: attr.Lime(model, Lasso(alpha=1e-3), lambda *_, **__: 1.0)],
    ids=["KernelShap", "Lime"],
)
def test_surrogates_of_words(explainer: Any):
    frame = people()
    pipeline, row, absent = pipeline_of(frame), frame.iloc[[5]], frame.mode().iloc[0]

    def game(present: torch.Tensor) -> torch.Tensor:
        """The predictions for the columns that are ones."""
        worth = [value_of(pipeline, row, absent, {*row.columns[chosen.bool().numpy()]}) for chosen in present]
        return torch.tensor(np.concatenate(worth))

    settings = {"n_samples": 40, "seed": 0}
    expected = explainer(game).attribute(torch.ones(1, 5, dtype=torch.float64), **settings)
    assert_same(explainer(pipeline).attribute(row, absent, target=TARGET, **settings), row, expected)


def test_predictions_of_an_estimator_are_what_it_predicts():
    frame = people()
    pipeline, rows, absent = pipeline_of(frame), frame.iloc[5:7], frame.mode().iloc[0]
    expected = attr.ShapleyValues(pipeline).attribute(rows, absent, target=TARGET)
    found = attr.ShapleyValues(pipeline.predict_proba).attribute(rows, absent, target=TARGET)
    pandas.testing.assert_frame_equal(found, expected)
    with pytest.raises(NotDifferentiable, match="predicts without gradients: got predict_proba"):
        attr.Saliency(pipeline.predict_proba).attribute(rows, target=TARGET)


def test_baselines_of_values_that_inputs_lack():
    frame = people()
    pipeline, rows = pipeline_of(frame), frame[frame["city"] != "Rome"].iloc[:3]
    absent = pandas.Series(dict(frame.mode().iloc[0]) | {"city": "Rome"})
    found = attr.FeatureAblation(pipeline).attribute(rows, absent, target=TARGET)
    expected = pandas.DataFrame(ablation_by_hand(pipeline, rows, absent), index=rows.index)
    pandas.testing.assert_frame_equal(found, expected, rtol=1e-9, atol=1e-10)
    with pytest.raises(ValueError, match="unknown categories"):  # the pipeline's own words
        attr.FeatureAblation(pipeline).attribute(rows, dict(absent) | {"city": "Paris"}, target=TARGET)
    typed = people("category").iloc[:3]
    with pytest.raises(InvalidArgument, match="must be of the categories of inputs in column 'city': got another"):
        attr.FeatureAblation(pipeline).attribute(typed, dict(absent) | {"city": "Paris"}, target=TARGET)


def test_words_have_no_number_that_stands_for_absence():
    pipeline, rows = pipeline_of(people()), people().iloc[:3]
    for baselines in (None, 0):
        with pytest.raises(
            InvalidArgument, match=r"must have a value for the columns 'city', 'smokes'.*Hint: baselines=inputs.mode"
        ):
            attr.FeatureAblation(pipeline).attribute(rows, baselines, target=TARGET)


class Counting:
    """Predicts how many values of a frame are missing, and keeps what it was given."""

    def __init__(self):
        self.given: list[pandas.DataFrame] = []

    def predict(self, frame: pandas.DataFrame) -> np.ndarray:
        self.given.append(frame)
        return frame.isna().sum(axis=1).to_numpy(dtype=float)


@pytest.mark.parametrize("kind", [object, "category", "string"])
def test_missing_words_stay_missing(kind: str):
    frame = pandas.DataFrame({"word": pandas.Series(["a", None, "b"], dtype=kind), "number": [1.0, 2.0, 3.0]})
    estimator = Counting()
    found = attr.FeatureAblation(estimator).attribute(frame, {"word": "b", "number": 0.0})
    assert found["word"].tolist() == [0, 1, 0]
    assert not found["number"].any()


def test_a_model_of_frames_gets_the_columns_that_the_user_has():
    frame = people("category").assign(born=pandas.Timestamp("2001-02-03"), bin=pandas.cut(people()["age"], 3))
    estimator = Counting()
    attr.FeatureAblation(estimator).attribute(frame.iloc[:4], frame.iloc[0])
    pandas.testing.assert_frame_equal(estimator.given[0].iloc[:4], frame.iloc[:4])


def test_predictions_that_nobody_may_write_into():
    frame = numeric_frame()

    class Sum:
        def predict(self, frame: pandas.DataFrame) -> np.ndarray:
            sums = frame.astype(float).sum(axis=1).to_numpy().copy()
            sums.flags.writeable = False
            return sums

    assert_same(attr.FeatureAblation(Sum()).attribute(frame), frame, tensor(frame))


def test_frames_for_a_model_in_half_precision():
    frame = numeric_frame()
    net = nn.Linear(len(frame.columns), 2).to(torch.bfloat16)
    found = attr.Saliency(net).attribute(frame, target=1)
    expected = attr.Saliency(net).attribute(tensor(frame).to(torch.bfloat16), target=1)
    pandas.testing.assert_frame_equal(
        found, pandas.DataFrame(expected.float().numpy(), index=frame.index, columns=frame.columns)
    )


def test_cells_that_hold_lists():
    frame = pandas.DataFrame({"list": [[1], [2]]})
    with pytest.raises(InvalidArgument, match="inputs must hold numbers or words in column 'list': got list"):
        attr.FeatureAblation(Counting()).attribute(frame)
