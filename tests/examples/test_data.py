"""The tables of the examples: their shapes, how they are divided, and a few numbers that were added up by hand."""

from types import ModuleType

import numpy as np
import pandas
import pytest
import torch

from pellucid.examples import boston, cancer, diabetes, housing, titanic
from pellucid.examples.split import standardized
from pellucid.examples.stored import DATA

EXAMPLES = [titanic, boston, housing, cancer, diabetes]
SHAPES = {
    "titanic": (916, 393, 12),
    "boston": (354, 152, 13),
    "housing": (16512, 4128, 8),
    "cancer": (512, 57, 30),
    "diabetes": (537, 231, 8),
}


def name_of(example: ModuleType) -> str:
    return example.__name__.rpartition(".")[2]


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_every_row_is_in_one_part_and_every_column_has_a_meaning(example: ModuleType):
    rows = example.data()
    train, test, features = SHAPES[name_of(example)]
    assert (rows.train.shape, rows.test.shape) == ((train, features), (test, features))
    assert (rows.train_target.shape, rows.test_target.shape) == ((train,), (test,))
    assert sorted([*rows.train.index, *rows.test.index]) == list(range(train + test))
    for part in (rows.train, rows.test):
        assert list(part.columns) == list(getattr(example, "MEANINGS", None) or example.FEATURES)
        assert set(part.dtypes) == {np.dtype("float64")}
        assert np.isfinite(part.to_numpy()).all()


@pytest.mark.parametrize("example", [titanic, cancer, diabetes], ids=name_of)
def test_classes_are_numbered_as_they_are_named(example: ModuleType):
    rows = example.data()
    for target in (rows.train_target, rows.test_target):
        assert target.dtype == torch.int64
        assert set(target.tolist()) == set(range(len(example.CLASSES)))


def test_the_first_passenger_is_miss_allen():
    rows = titanic.data()
    allen = pandas.concat([rows.train, rows.test]).loc[0]
    assert allen.tolist() == [29, 0, 0, 211.3375, 1, 0, 0, 0, 1, 1, 0, 0]


def test_boston_adds_up():
    rows = boston.data()
    tracts = pandas.concat([rows.train, rows.test]).sort_index()
    assert tracts.iloc[0].tolist() == [0.00632, 18, 2.31, 0, 0.538, 6.575, 65.2, 4.09, 1, 296, 15.3, 396.9, 4.98]
    sums = tracts.sum()
    assert (sums["chas"], sums["tax"]) == (35, 206568)
    assert sums["lstat"] == pytest.approx(6402.45)
    assert sums["b"] == pytest.approx(180477.06)
    assert rows.train_target.sum() + rows.test_target.sum() == pytest.approx(11401.6, abs=0.01)


def test_california_is_there_raw_and_standardised():
    raw, rows = housing.raw(), housing.data()
    block_groups = pandas.concat([raw.train, raw.test]).sort_index()
    first = [8.3252, 41, 6.984127, 1.0238096, 322, 2.5555556, 37.88, -122.23]
    assert block_groups.iloc[0].tolist() == pytest.approx(first)
    assert block_groups["HouseAge"].sum() == 591119
    assert (torch.cat([raw.train_target, raw.test_target]) > 5).sum() == 965
    assert rows.train.index.equals(raw.train.index)
    assert rows.train.mean().to_numpy() == pytest.approx(0, abs=1e-9)
    assert rows.train.std(ddof=0).to_numpy() == pytest.approx(1)
    assert torch.equal(rows.test_target, raw.test_target)


def test_the_test_set_is_standardised_by_the_training_set():
    raw = cancer.data()
    rows = standardized(raw)
    back = rows.test * raw.train.std(ddof=0) + raw.train.mean()
    assert back.to_numpy() == pytest.approx(raw.test.to_numpy())


def test_a_tenth_of_the_tumours_of_either_kind_is_for_the_test():
    rows = cancer.data()
    assert torch.bincount(rows.train_target).tolist() == [191, 321]
    assert torch.bincount(rows.test_target).tolist() == [21, 36]


def test_diabetes_adds_up_and_zeros_are_left_as_they_are():
    rows = diabetes.data()
    women = pandas.concat([rows.train, rows.test]).sort_index()
    assert women.iloc[0].tolist() == [6, 148, 72, 35, 0, 33.6, 0.627, 50]
    assert women.sum().to_numpy() == pytest.approx([2953, 92847, 53073, 15772, 61286, 24570.3, 362.401, 25529])
    zeros = (women == 0).sum()
    assert [zeros[name] for name in diabetes.ZERO_IS_MISSING] == [5, 35, 227, 374, 11]
    assert torch.bincount(torch.cat([rows.train_target, rows.test_target])).tolist() == [500, 268]
    assert torch.bincount(rows.test_target).tolist() == [157, 74]


def test_the_page_of_the_data_names_every_file():
    page = (DATA / "README.md").read_text(encoding="utf-8")
    names = [file.name for file in DATA.iterdir() if file.name != "README.md"]
    assert len(names) == 10
    assert [name for name in names if f"`{name}`" not in page] == []
