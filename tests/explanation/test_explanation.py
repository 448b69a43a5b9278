"""`Explanation`: what it holds, slices, sums, tables, and that it cannot be changed."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from typing import Any

import numpy as np
import pandas
import pytest
import torch

import pellucid
from explanation.models import NAMES, WEIGHTS, Pictures, Words, explained, frame, inputs, linear, pictures
from pellucid.errors import InvalidArgument, UnknownName

EXPLANATION = explained()
EXPECTED = (inputs() * WEIGHTS[0]).double().numpy()


def test_nothing_can_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        EXPLANATION.seconds = 1.0
    for array in (EXPLANATION.features.values, EXPLANATION.prediction, EXPLANATION.parts[0].values):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    EXPLANATION.values[0] = 0  # a copy
    EXPLANATION.to_numpy()[0] = 0
    np.testing.assert_allclose(EXPLANATION.features.values, EXPECTED, atol=1e-6)


def test_what_the_user_does_to_inputs_afterwards_changes_nothing():
    x = inputs()
    explanation = pellucid.explain(linear(), x, target=0)
    x.zero_()
    np.testing.assert_allclose(explanation.parts[0].inputs, inputs())


# ------------------------------------------------------------------------------------------------------------- slices


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        (0, [0]),
        (-1, [4]),
        (slice(1, 4), [1, 2, 3]),
        ([3, 1], [3, 1]),
        (np.array([True, False, False, True, False]), [0, 3]),
        (torch.tensor([2]), [2]),
        (slice(0, 0), []),
    ],
)
def test_slices_by_example(key: Any, rows: list[int]):
    chosen = EXPLANATION[key]
    assert len(chosen) == len(rows)
    np.testing.assert_allclose(chosen.features.values, EXPECTED[rows], atol=1e-6)
    np.testing.assert_array_equal(chosen.prediction, EXPLANATION.prediction[rows])
    torch.testing.assert_close(chosen.values, (inputs() * WEIGHTS[0])[rows])
    assert repr(chosen)


def test_slices_by_feature_keep_what_the_others_add_up_to():
    fare = EXPLANATION["fare"]
    np.testing.assert_allclose(fare.features.values, EXPECTED[:, [1]], atol=1e-6)
    np.testing.assert_allclose(fare.remainder, EXPECTED[:, [0, 2, 3]].sum(1), atol=1e-6)
    np.testing.assert_allclose(fare.delta, 0, atol=1e-6)
    two = EXPLANATION[1:3, ["male", "age"]]
    assert two.features.names == ("male", "age")
    np.testing.assert_allclose(two.features.values, EXPECTED[1:3][:, [3, 0]], atol=1e-6)
    assert two["age"].features.texts == EXPLANATION[1:3]["age"].features.texts


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (5, InvalidArgument, "examples are 0 to 4, and features have names: got 5"),
        ("agee", UnknownName, "feature must be one of 4 features: got 'agee'. Hint: 'age'"),
        (1.5, InvalidArgument, "examples are 0 to 4"),
        ([True, False], InvalidArgument, "examples are 0 to 4"),
        (None, InvalidArgument, "examples are 0 to 4"),
        (True, InvalidArgument, "examples are 0 to 4"),
    ],
)
def test_what_is_no_key_is_refused(key: Any, error: Any, message: str):
    with pytest.raises(error, match=message):
        EXPLANATION[key]


def test_the_strongest_features_come_first_and_the_rest_is_kept():
    top = EXPLANATION.top(2)
    order = np.argsort(-np.abs(EXPECTED).mean(0))[:2]
    assert top.features.names == tuple(NAMES[position] for position in order)
    np.testing.assert_allclose(top.delta, 0, atol=1e-6)
    assert EXPLANATION.top(99).features.names == EXPLANATION.top(4).features.names
    with pytest.raises(InvalidArgument, match="k must be an integer of at least 1: got 0"):
        EXPLANATION.top(0)


def test_groups_add_up_and_one_hot_columns_read_as_their_category():
    table = pandas.DataFrame({"age": [3.0, 4.0], "fare": [1.0, 2.0], "female": [1.0, 0.0], "male": [0.0, 1.0]})
    grouped = pellucid.explain(linear(), table, target=0).group({"sex": ["female", "male"]})
    assert grouped.features.names == ("age", "fare", "sex")
    np.testing.assert_allclose(grouped.features.values[:, 2], [0.5, -0.5], atol=1e-6)
    assert [texts[2] for texts in grouped.features.texts] == ["female", "male"]
    np.testing.assert_allclose(grouped.delta, 0, atol=1e-6)
    assert isinstance(grouped.values, pandas.DataFrame)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"a": ["age"], "b": ["age"]}, "features must be in one group each: got 'age' twice"),
        ({"a": []}, "features must be at least one in each group"),
        ([["age", "fare"]], "features must be a mapping of groups.*Hint:"),
        ({"a": ["sex"]}, "feature must be one of 4 features: got 'sex'"),
    ],
)
def test_groups_that_are_none_are_refused(groups: Any, message: str):
    with pytest.raises(InvalidArgument, match=message):
        EXPLANATION.group(groups)


# --------------------------------------------------------------------------------------------------------- arithmetic


def test_differences():
    other = explained(target=1)
    difference = EXPLANATION - other
    np.testing.assert_allclose(difference.features.values, EXPECTED - other.features.values, atol=1e-6)
    np.testing.assert_allclose(difference.delta, 0, atol=1e-6)
    assert difference.target_names[0] == "output 0 less output 1"
    with pytest.raises(InvalidArgument, match="explanations must be of the same features and as many examples"):
        EXPLANATION - EXPLANATION[0]
    with pytest.raises(InvalidArgument, match="must be taken from another: got 3"):
        EXPLANATION - 3


def test_means_of_values_and_of_sizes_have_standard_errors():
    mean, size = EXPLANATION.mean(), abs(EXPLANATION).mean()
    np.testing.assert_allclose(mean.features.values[0], EXPECTED.mean(0), atol=1e-6)
    np.testing.assert_allclose(mean.features.stderr[0], EXPECTED.std(0, ddof=1) / 5**0.5, atol=1e-6)
    np.testing.assert_allclose(mean.delta, 0, atol=1e-6)
    np.testing.assert_allclose(size.features.values[0], np.abs(EXPECTED).mean(0), atol=1e-6)
    assert (len(mean), size.delta) == (1, None)
    with pytest.raises(InvalidArgument, match="the mean is over examples: got none"):
        EXPLANATION[:0].mean()


# ----------------------------------------------------------------------------------------------------------- structures


def test_values_come_back_as_inputs_were_given():
    assert isinstance(EXPLANATION.values, torch.Tensor)
    assert EXPLANATION.values.dtype == torch.float32
    assert isinstance(pellucid.explain(linear(), inputs().numpy(), target=0).values, np.ndarray)
    table = pellucid.explain(linear(), frame(), target=0).values
    assert (list(table.columns), list(table.index)) == (list(NAMES), list(frame().index))
    two = pellucid.explain(lambda a, b: (a * b["c"]).sum(1), (inputs(), {"c": inputs(5, 1), "d": None}))
    first, second = two.values
    torch.testing.assert_close(first, second["c"])
    assert second["d"] is None
    assert two.features.names[:1] + two.features.names[-1:] == ("input 0 feature 0", "input 1.c feature 3")
    half = pellucid.explain(linear().bfloat16(), inputs().bfloat16(), target=0, method="input_x_gradient")
    assert half.values.dtype == torch.bfloat16


def test_inputs_are_those_that_were_given(tmp_path: Any):
    torch.testing.assert_close(EXPLANATION.inputs, inputs())
    pandas.testing.assert_frame_equal(pellucid.explain(linear(), frame(), target=0).inputs, frame().astype("float32"))
    words = pandas.DataFrame({"city": ["a", "b"], "age": [1.0, 2.0]})

    class Model:
        def predict(self, rows: pandas.DataFrame) -> np.ndarray:
            return (rows["city"] == "a") + rows["age"].to_numpy()

    given = pellucid.explain(Model(), words, baselines=words).inputs
    assert given["city"].tolist() == ["a", "b"]
    EXPLANATION.save(tmp_path / "private.pellucid", inputs=False)
    assert pellucid.load(tmp_path / "private.pellucid").inputs is None


def test_pictures_have_a_feature_for_each_pixel():
    explanation = pellucid.explain(Pictures(), pictures(), target=0)
    assert explanation.values.shape == (2, 3, 8, 8)
    assert explanation.features.names[9] == "(1, 1)"
    np.testing.assert_allclose(
        explanation.features.values, explanation.values.double().sum(1).flatten(1), atol=1e-6, rtol=1e-6
    )


def encoding() -> Any:
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    words = ["the", "movie", "was", "great", "bor", "##ing", "."]
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words])}
    model = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    model.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    model.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=model, pad_token="[PAD]", mask_token="[MASK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def test_texts_have_tokens_that_join_to_words_and_still_add_up():
    tokenizer = encoding()
    explanation = pellucid.explain(Words(), ["the movie was boring .", "great ."], tokenizer=tokenizer, target=1)
    assert explanation[0].features.names == ("[CLS]", "the", "movie", "was", "bor", "##ing", ".", "[SEP]")
    assert explanation[1].features.names[:4] == ("[CLS]", "great", ".", "[SEP]")
    words = explanation.aggregate("word")
    assert words[0].features.names == ("the", "movie", "was", "boring", ".")
    assert [name for name in words.features.names_in(1) if name] == ["great", "."]
    tokens = explanation[0].features.values[0]
    np.testing.assert_allclose(words[0].features.values[0, 3], tokens[4:6].sum(), atol=1e-6)
    np.testing.assert_allclose(words.delta, explanation.delta, atol=1e-6)
    spans = explanation[0].aggregate([[(0, 9), (10, 22)]])
    assert spans.features.names == ("the movie", "was boring .")
    assert explanation.aggregate("word", how="max").delta is None
    assert len(explanation.to_frame()) == 8 + 4
    with pytest.raises(InvalidArgument, match="by must be a unit of what was explained"):
        explanation.aggregate("channel")
    with pytest.raises(InvalidArgument, match="tokens differ"):
        explanation.mean()


def test_series_join_to_channels_and_steps():
    explanation = pellucid.explain(lambda x: (x**2).sum((1, 2)), torch.rand(2, 6, 3))
    assert explanation.parts[0].kind == "series"
    assert explanation.features.names[4] == "step 1, channel 1"
    assert len(explanation.aggregate("channel").features) == 3
    assert len(explanation.aggregate("step").features) == 6
    np.testing.assert_allclose(explanation.aggregate("step").delta, explanation.delta, atol=1e-6)


# --------------------------------------------------------------------------------------------------------------- tables


def test_frames_csv_and_dicts_say_the_same():
    explanation = pellucid.explain(linear(), frame(2), target=0, class_names=["a", "b", "c"], method="kernel_shap")
    table = explanation.to_frame()
    assert list(table.columns) == ["example", "feature", "input", "attribution", "stderr", "target", "prediction"]
    assert table["example"].tolist() == ["row 0"] * 4 + ["row 1"] * 4
    assert table["target"].tolist() == ["a"] * 8
    np.testing.assert_allclose(table["attribution"], explanation.features.values.ravel())
    rows = list(csv.DictReader(io.StringIO(explanation.to_csv())))
    assert [float(row["attribution"]) for row in rows] == table["attribution"].tolist()
    features = [feature for example in explanation.to_dict()["examples"] for feature in example["features"]]
    assert [feature["attribution"] for feature in features] == table["attribution"].tolist()
    assert json.loads(json.dumps(explanation.to_dict(), allow_nan=False))["method"] == "kernel_shap"


def test_csv_is_written_where_it_is_asked_for(tmp_path: Any):
    assert EXPLANATION.to_csv(tmp_path / "table.csv") is None
    assert (tmp_path / "table.csv").read_text(encoding="utf-8") == EXPLANATION.to_csv()


# -------------------------------------------------------------------------------------------------------------- reading


def test_a_terminal_shows_values_bars_and_whether_they_add_up():
    text = repr(EXPLANATION[0])
    assert text.splitlines()[0] == "output 0 by integrated_gradients"
    for name, value in zip(NAMES, EXPECTED[0], strict=True):
        (line,) = [line for line in text.splitlines() if line.strip().startswith(f"{name} =")]
        assert f"{abs(value):.2f}" in line
        assert ("█" in line) == (value > 0)
        assert ("▒" in line) == (value < 0)
    assert "adds up to the change of the output" in text
    assert "mean sizes over 5 examples" in repr(EXPLANATION)
    assert all(len(line) <= 88 for line in text.splitlines())


def test_many_features_are_folded_and_long_names_are_not_cut():
    names = [f"a name of a feature that is as long as those of get_dummies: {number}" for number in range(100)]
    explanation = pellucid.explain(torch.nn.Linear(100, 1), torch.rand(1, 100), feature_names=names)
    text = repr(explanation)
    assert "and 88 more" in text
    assert len(text.splitlines()) < 50
    assert all(word in text for word in explanation.top(1).features.names[0].split())
    assert "and 88 more" in explanation._repr_html_()


def test_what_does_not_add_up_is_told():
    with pytest.warns(pellucid.errors.PellucidWarning, match="do not add up"):
        explanation = pellucid.explain(
            lambda x: torch.sin(400 * x).sum(1), torch.full((1, 2), 1.03), method="integrated_gradients", n_steps=21
        )
    assert "does not add up: misses the change of the output by up to" in repr(explanation)


def test_pages_have_no_scripts_escape_names_and_follow_the_theme():
    name = "<script>alert(1)</script>"
    explanation = pellucid.explain(linear(), inputs(1), target=0, feature_names=[name, "b", "c", "d"])
    page = explanation._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "prefers-color-scheme:dark" in page
    assert "data-jp-theme-light=false" in page
    assert "http" not in page


def test_numbers_that_are_none_are_shown_as_such():
    model = lambda x: torch.sqrt(x).sum(1)  # noqa: E731
    with pytest.warns(pellucid.errors.PellucidWarning, match="NaN"):
        explanation = pellucid.explain(model, torch.tensor([[-1.0, 4.0]]), method="input_x_gradient")
    assert "NaN" in repr(explanation)
    assert explanation._repr_html_()
    assert explanation.to_dict()["examples"][0]["features"][0]["attribution"] is None


def test_show_prints_where_there_is_no_notebook(capsys: pytest.CaptureFixture[str]):
    EXPLANATION[0].show()
    assert "output 0 by integrated_gradients" in capsys.readouterr().out
