"""`explanation.check()`: what is found of right, wrong and doubtful explanations, of every kind of model and input."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor, nn

import pellucid
from explanation.models import Pictures, Words, explained, frame, inputs, linear, pictures
from pellucid.core.summaries import Summarized
from pellucid.errors import InvalidArgument, InvalidFile, PellucidWarning, UnknownName
from pellucid.explanation.checking.grading import Bounds, graded, number, percent
from pellucid.explanation.checking.verdict import Check, Verdict
from pellucid.explanation.explanation import sizes_of_changes
from pellucid.methods import Attributions, Blur
from pellucid.pages import page_of

NAMES = ["adds up", "fidelity", "order of features", "noise", "random weights", "second method", "baselines"]


class Network(nn.Module):
    """A network of six features, of which the first three matter."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.hidden, self.head = nn.Linear(6, 12), nn.Linear(12, 2)
        with torch.no_grad():
            self.hidden.weight[:, 3:] = 0.0

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.hidden(x)))


@dataclass(frozen=True)
class Fixed(Summarized):
    """A method that has the same values for every model: its own weights times the inputs."""

    weights: tuple[float, ...]

    def __call__(self, f: Any) -> Attributions:
        f = getattr(f, "x", None) or f.inputs
        return Attributions(tuple(x * torch.tensor(self.weights) for x in f))


NETWORK = Network()
X = torch.randn(12, 6, generator=torch.Generator().manual_seed(2)) + 1


def grades(check: Check) -> dict[str, str]:
    return {verdict.name: verdict.grade for verdict in check.verdicts}


def test_a_right_explanation_is_good_on_all_sides_but_of_what_cannot_be_told():
    check = pellucid.explain(NETWORK, X, target=0, method="shapley_values").check()
    assert [verdict.name for verdict in check.verdicts] == NAMES
    assert {
        name: grade for name, grade in grades(check).items() if name not in ("noise", "baselines", "random weights")
    } == {
        "adds up": "good",
        "fidelity": "good",
        "order of features": "good",
        "second method": "good",
    }
    assert check["noise"].value < 1
    assert check["adds up"].value < 1e-5
    assert check["fidelity"].value > 0.8
    assert check["order of features"].value > 0.9


def test_values_that_have_nothing_to_do_with_the_model_are_bad():
    wrong = pellucid.explain(NETWORK, X, target=0, method=Fixed((0.0, 0.0, 0.0, 1.0, 2.0, 3.0)))
    check = wrong.check()
    assert grades(check)["fidelity"] == "bad"
    assert grades(check)["random weights"] == "bad"  # they are the same whatever was learnt
    assert grades(check)["second method"] in ("bad", "doubtful")
    assert check["order of features"].value < 0.9
    assert not check.holds
    assert all(verdict.advice for verdict in check.verdicts if verdict.grade in ("bad", "doubtful"))


def test_a_number_is_the_mean_over_examples_with_its_error():
    check = pellucid.explain(NETWORK, X, target=0, method="integrated_gradients", n_steps=3).check()
    verdict = check["adds up"]
    assert len(verdict.by_example) == 12
    assert verdict.value == pytest.approx(np.mean(verdict.by_example))
    assert verdict.stderr == pytest.approx(np.std(verdict.by_example, ddof=1) / 12**0.5)
    assert percent(verdict.value, verdict.stderr) in verdict.says


def test_the_gap_is_that_of_the_explanation():
    explanation = pellucid.explain(NETWORK, X, target=0, method="integrated_gradients", n_steps=3)
    shares = explanation.check()["adds up"].by_example
    expected = np.abs(explanation.delta) / sizes_of_changes(explanation)
    assert np.array(shares) == pytest.approx(expected, rel=1e-3)


def test_curves_start_and_end_at_the_outputs_with_all_features_and_with_none():
    explanation = pellucid.explain(NETWORK, X, target=0, method="shapley_values")
    check = explanation.check()
    assert check.deletion.values[0] == pytest.approx(explanation.prediction.mean(), abs=1e-5)
    assert check.deletion.values[-1] == pytest.approx(explanation.baseline_prediction.mean(), abs=1e-5)
    assert check.insertion.values[0] == pytest.approx(explanation.baseline_prediction.mean(), abs=1e-5)
    assert all(low <= high + 1e-9 for low, high in zip(check.deletion.low, check.deletion.high, strict=True))


def test_agreement_is_a_matrix_of_all_that_was_compared():
    check = pellucid.explain(NETWORK, X, target=0, method="integrated_gradients").check()
    assert check.compared[:3] == ("integrated_gradients", "random weights", "shapley_value_sampling")
    assert len(check.compared) == 5
    matrix = np.array(check.agreement)
    np.testing.assert_allclose(matrix, matrix.T)
    np.testing.assert_allclose(matrix.diagonal(), 1.0)
    assert matrix[0, 2] == pytest.approx(check["second method"].value)


KINDS: dict[str, Callable[[], pellucid.Explanation]] = {
    "a frame": lambda: pellucid.explain(LINEAR, frame(), target=0),
    "pictures": lambda: pellucid.explain(PICTURES, pictures(), target=0),
    "texts": lambda: pellucid.explain(WORDS, {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}, target=0),
    "ids": lambda: pellucid.explain(WORDS, IDS, target=0),
    "ids taken away": lambda: pellucid.explain(WORDS, IDS, target=0, method="shapley_values"),
    "a forest": lambda: pellucid.explain(FOREST, X.numpy(), target=1),
    "a function": lambda: pellucid.explain(lambda x: NETWORK(x)[:, 0], X),
    "groups": lambda: pellucid.explain(
        LINEAR, frame(), target=0, feature_mask={"sex": ["female", "male"]}, method="kernel_shap"
    ),
    "a removal": lambda: pellucid.explain(PICTURES, pictures(), target=0, method="feature_ablation", removal=Blur(2)),
    "pairs": lambda: pellucid.explain(LINEAR, inputs(), target=0, method="shapley_interactions"),
    "one example": lambda: pellucid.explain(NETWORK, X[:1], target=0),
    "two inputs": lambda: pellucid.explain(lambda a, b: (a * b).sum(1), (X, X + 1)),
    "rows of data": lambda: pellucid.explain(
        NETWORK, X, target=0, baselines=X[:5], method="gradient_shap", n_samples=20
    ),
    "a mean": lambda: pellucid.explain(NETWORK, X, target=0, baselines="mean", background=X),
    "noise": lambda: pellucid.explain(NETWORK, X, target=0, method="saliency"),
    "relevance": lambda: pellucid.explain(NETWORK, X, target=0, method="lrp"),
    "the predicted class": lambda: pellucid.explain(NETWORK, X),
}
LINEAR, PICTURES, WORDS = linear(), Pictures(), Words()
IDS = torch.randint(1, 20, (3, 5), generator=torch.Generator().manual_seed(0))
FOREST = RandomForestClassifier(5, random_state=0).fit(X.numpy(), (X[:, 0] > 1).numpy())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_every_kind_of_explanation_can_be_checked(kind):
    check = KINDS[kind]().check(random_orders=3)
    assert [verdict.name for verdict in check.verdicts] == NAMES
    assert sum(verdict.grade == "untold" for verdict in check.verdicts) <= 3
    for verdict in check.verdicts:
        assert verdict.says.endswith(".")
        assert (verdict.value is None) == (verdict.grade == "untold")
    assert json.loads(json.dumps(check.to_dict())) == check.to_dict()


@pytest.mark.parametrize("kind", ["pictures", "texts", "a function"])
def test_random_weights_are_those_of_a_copy(kind):
    models = {"pictures": PICTURES, "texts": WORDS, "a function": NETWORK}
    before = {name: value.clone() for name, value in models[kind].state_dict().items()}
    check = KINDS[kind]().check(random_orders=3)
    assert check["random weights"].value < 0.95
    assert all(torch.equal(before[name], value) for name, value in models[kind].state_dict().items())


def test_maps_and_layers_are_checked_where_that_is_told_of_them():
    check = pellucid.explain(PICTURES, pictures(), target=0, method="grad_cam", source="features").check()
    assert grades(check) | {"noise": "", "random weights": ""} == {
        **dict.fromkeys(NAMES, "untold"),
        "noise": "",
        "random weights": "",
    }
    assert check.deletion is None
    assert check.agreement == ()
    with pytest.raises(InvalidArgument, match="got one of a layer"):
        check.plot_curves()
    with pytest.raises(InvalidArgument, match="got none"):
        check.plot_agreement()


def test_each_of_several_targets_is_checked_for_itself():
    from pellucid.targets import Several

    both = pellucid.explain(NETWORK, X, target=Several([0, 1]), method="shapley_values")
    one = pellucid.explain(NETWORK, X, target=1, method="shapley_values")
    assert list(both.values())[1].check().to_dict()["verdicts"][1:4] == one.check().to_dict()["verdicts"][1:4]


def test_the_same_seed_finds_the_same():
    explanation = pellucid.explain(NETWORK, X, target=0)
    first, second = explanation.check().to_dict(), explanation.check().to_dict()
    assert first | {"seconds": 0} == second | {"seconds": 0}


def test_model_inputs_and_random_state_are_as_before():
    model, before, x = Network().train(), torch.get_rng_state(), X.clone()
    pellucid.explain(model, x, target=0).check(random_orders=3)
    assert model.training
    assert torch.equal(x, X)
    assert torch.equal(before, torch.get_rng_state())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_model_that_is_gone_must_be_given():
    explanation = explained()
    with pytest.raises(InvalidArgument, match=r"model must be there.*Hint: explanation.check\(model\)"):
        explanation.check()
    assert explanation.check(linear(), random_orders=3).holds


@pytest.mark.parametrize(
    "made", [lambda one: one[0], lambda one: one["age"], lambda one: one.mean(), lambda one: one.top(2), abs]
)
def test_what_is_made_of_an_explanation_has_no_check(made):
    model = linear()
    explanation = pellucid.explain(model, frame(), target=0)
    explanation.check(random_orders=3)
    assert made(explanation).checked is None
    with pytest.raises(InvalidArgument, match=r"Hint: pellucid.explain\(model, inputs\[:1\]\).check\(\)"):
        made(explanation).check()


def test_it_is_kept_and_saved_with_the_explanation(tmp_path: Path):
    explanation = pellucid.explain(NETWORK, X, target=0)
    assert explanation.checked is None
    check = explanation.check(random_orders=3)
    assert explanation.checked is check
    explanation.save(tmp_path / "a.pellucid")
    loaded = pellucid.load(tmp_path / "a.pellucid")
    assert loaded.checked == check
    with pytest.raises(InvalidArgument, match="got one that was loaded"):
        loaded.check()
    assert "checked" in explanation.to_dict()


@pytest.mark.parametrize(
    "change",
    [
        {
            "verdicts": [
                {"grade": "fine", "says": "", "advice": "", "value": None, "stderr": None, "by_example": [], "name": ""}
            ]
        },
        {"agreement": [[1.0]]},
        {"deletion": {"fractions": [0.0, 1.0], "values": [1.0], "low": [0.0], "high": [1.0]}},
    ],
)
def test_what_is_no_check_is_told(change):
    entry = pellucid.explain(NETWORK, X, target=0).check(random_orders=3).to_dict()
    with pytest.raises(InvalidFile):
        Check.of_dict(entry | change)


def test_it_reads_as_a_list_with_what_to_do(capsys: pytest.CaptureFixture[str]):
    check = pellucid.explain(NETWORK, X, target=0, method="saliency").check()
    text = repr(check)
    assert text.splitlines()[0].startswith("- adds up            saliency does not promise")
    assert "Hint: " in text
    assert max(map(len, text.splitlines())) <= 88
    assert "\x1b[32m✓" in check._text(columns=88, coloured=True)
    check.show()
    assert "order of features" in capsys.readouterr().out


def test_as_html_it_is_escaped_and_has_pictures():
    check = Check(verdicts=(Verdict(grade="good", says="<b> & more", name="adds up"),), seconds=1.0)
    assert "&lt;b&gt; &amp; more" in check._repr_html_()
    assert "<svg" in pellucid.explain(NETWORK, X, target=0).check(random_orders=3)._repr_html_()


def test_pages_have_what_a_check_found():
    explanation = pellucid.explain(NETWORK, X, target=0)
    assert "How far to trust it" not in page_of(explanation).html()
    explanation.check(random_orders=3)
    html = page_of(explanation).html()
    assert "How far to trust it" in html
    assert "random orders" in html


def test_the_time_is_said_before(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]):
    explanation = pellucid.explain(NETWORK, X, target=0)
    with caplog.at_level(logging.INFO, logger="pellucid"):
        explanation.check(random_orders=3, progress=True)
    assert any(message.startswith("check takes about ") for message in caplog.messages)
    assert "check, about" in capsys.readouterr().err
    explanation.check(random_orders=3)
    assert capsys.readouterr() == ("", "")


def test_a_check_without_random_orders_is_told():
    with pytest.raises(InvalidArgument, match="random_orders must be an integer of at least 2"):
        pellucid.explain(NETWORK, X, target=0).check(random_orders=1)


def test_grades_have_ends():
    assert [Bounds(0.9, 0.6).grade(value) for value in (0.95, 0.9, 0.7, 0.5)] == ["good", "good", "doubtful", "bad"]
    assert [Bounds(0.1, 0.3).grade(value) for value in (0.05, 0.2, 0.5)] == ["good", "doubtful", "bad"]


def test_numbers_have_two_digits_and_intervals():
    assert percent(0.9345, 0.012) == "93 ± 2.4 %"
    assert percent(0.0312, None) == "3.1 %"
    assert percent(0.0000003, 0.1) == "less than 0.1 %"
    assert number(0.934, 0.01) == "0.93 ± 0.02"


def test_what_is_the_same_everywhere_is_untold():
    nothing = graded(torch.tensor([float("nan")]), Bounds(1.0, 0.0), percent, "")
    assert nothing.verdict.grade == "untold"


def test_the_order_of_features_is_untold_where_any_does_the_same():
    even = pellucid.explain(EVEN, torch.ones(3, 4)).check()
    assert even["order of features"].grade == "untold"
    assert even.holds
    one = nn.Linear(1, 1)
    assert pellucid.explain(one, torch.ones(3, 1)).check()["order of features"].grade == "untold"
    two = pellucid.explain(TWO, torch.ones(3, 2), target=0).check()
    assert two["order of features"].value == 1  # half of the random orders are this one, and do not count


EVEN, TWO = nn.Linear(4, 1), nn.Linear(2, 1)
with torch.no_grad():
    EVEN.weight.fill_(1.0)
    TWO.weight.copy_(torch.tensor([[2.0, 1.0]]))


def test_random_weights_are_drawn_several_times_and_of_few_features_nothing_is_told():
    assert pellucid.explain(TWO, torch.ones(3, 2), target=0).check()["random weights"].grade == "untold"
    torch.manual_seed(0)
    many = nn.Linear(30, 1)
    found = [
        pellucid.explain(many, torch.ones(5, 30), target=0).check(seed=seed)["random weights"] for seed in range(4)
    ]
    assert {verdict.grade for verdict in found} == {"good"}
    assert all(0.03 < verdict.stderr < 0.2 for verdict in found)


def test_ids_are_compared_from_the_same_baseline():
    torch.manual_seed(3)
    embedding, head = nn.Embedding(20, 6), nn.Linear(6, 2)

    class Additive(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.head = embedding, head

        def forward(self, ids: Tensor) -> Tensor:
            return self.head(torch.tanh(self.embedding(ids)).mean(1))

    model, ids = Additive().eval(), torch.randint(0, 20, (12, 9), generator=torch.Generator().manual_seed(0))
    check = pellucid.explain(model, ids, target=0, method="shapley_values").check()
    assert check["second method"].value > 0.8


def test_a_model_that_has_changed_since_is_told():
    model = Network()
    explanation = pellucid.explain(model, X, target=0)
    with torch.no_grad():
        model.head.weight.mul_(-1)
    with pytest.raises(InvalidArgument, match="model and inputs must be those that were explained"):
        explanation.check()
    drawing = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 1)).train()
    with pytest.warns(PellucidWarning) as told:
        of_dropout = pellucid.explain(drawing, X)
    assert any("training mode" in str(warning.message) for warning in told)
    with pytest.raises(InvalidArgument, match=r"draws random numbers. Hint: model.eval\(\)"):
        of_dropout.check()


def test_examples_without_numbers_are_left_out_and_counted():
    x = X.clone()
    x[3, 2] = float("nan")
    with pytest.warns(PellucidWarning, match="NaN"):
        explanation = pellucid.explain(NETWORK, x, target=0)
    check = explanation.check()
    assert check["adds up"].says.endswith("1 of 12 examples, which have no such number, are left out.")
    assert check["adds up"].by_example[3] is None
    assert check["fidelity"].grade != "untold"
    assert not any("nan" in verdict.says for verdict in check.verdicts)


def test_one_dimension_is_enough():
    assert pellucid.explain(lambda x: x * 3, torch.randn(5)).check()["adds up"].grade == "good"


def test_a_check_of_which_nothing_is_told_does_not_hold():
    assert not Check(verdicts=(), seconds=0.0).holds
    assert not Check(verdicts=(Verdict(grade="untold", says=""),), seconds=0.0).holds
    with pytest.raises(UnknownName, match="verdict must be one of"):
        Check(verdicts=(), seconds=0.0)["noise"]


def test_texts_of_files_hold_no_commands_of_terminals():
    entry = pellucid.explain(NETWORK, X, target=0).check(random_orders=3).to_dict()
    entry["verdicts"][0]["says"] = "\x1b[31mred"
    assert "\x1b" not in repr(Check.of_dict(entry))
