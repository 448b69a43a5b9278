"""What methods need, promise and cost, and what can be known before all examples are waited for."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

import pellucid
from explanation.models import Pictures, inputs, linear, pictures
from pellucid import methods
from pellucid.methods import LimeBase, table
from pellucid.methods.table import name_of_method


def test_every_method_is_in_the_table():
    classes = [value for name in methods.__all__ if inspect.isclass(value := getattr(methods, name))]
    returned = {cls: getattr(cls.__call__, "__annotations__", {}).get("return", "") for cls in classes}
    answering = {cls for cls, result in returned.items() if result in ("Attributions", "Interactions")}
    assert {facts.method for facts in table()} == answering - {LimeBase}


ASKS_FOR_MORE = {
    *("occlusion", "noise_tunnel", "neuron_conductance", "patching", "owen_values", "owen_value_sampling"),
    "attention_rollout",
}
"""Methods that need a parameter, or a model of their own."""

WORDS = "forward forwards gradient gradients features windows groups channels of a group rows for each baseline at most"
"""What costs are said in, besides fields."""


@pytest.mark.parametrize("facts", table(), ids=lambda facts: facts.name)
def test_costs_are_formulas_of_fields(facts: methods.MethodFacts):
    assert name_of_method(facts.method) == facts.name
    words = {word for word in facts.cost.replace("*", " ").split() if word.isidentifier()}
    assert words <= {*WORDS.split(), "times", "that", *facts.parameters}


@pytest.mark.parametrize(
    "facts", [facts for facts in table() if facts.name not in ASKS_FOR_MORE], ids=lambda facts: facts.name
)
def test_what_is_promised_of_a_method_holds(facts: methods.MethodFacts):
    model, x, arguments = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)), inputs(), {"source": "0"}
    if "cam" in facts.name:
        model, x, arguments = Pictures(), pictures(), {"source": "features"}
    if "layer" not in facts.needs:
        arguments = {}
    if facts.name == "deep_lift_shap":
        arguments["baselines"] = inputs(7, 1)
    explanation = pellucid.explain(model, x, method=facts.name, target=0, **arguments)
    has_errors = explanation.parts[0].stderr is not None
    assert not has_errors or "standard errors" in facts.promises
    if "standard errors" in facts.promises and explanation.interactions is None and facts.name != "lime":
        assert has_errors
    if explanation.delta is not None:
        assert "adds up" in facts.promises
        assert np.abs(explanation.delta).max() < (0.3 if facts.name == "gradient_shap" else 0.01)
    if "signed" not in facts.promises:
        assert explanation.features.values.min() >= 0 or facts.name in ("activation", "eigen_cam")


def test_the_table_is_shown_as_one():
    shown = repr(table())
    assert shown.splitlines()[0].split() == ["method", "needs", "promises", "evaluations", "per", "example"]
    assert len(shown.splitlines()) == len(table()) + 1
    assert "<table>" in table()._repr_html_()


def test_what_works_is_true_and_what_does_not_says_why_and_what_to_do():
    assert pellucid.can_explain(linear(), inputs(), "integrated_gradients", target=0)
    assert pellucid.can_explain(linear(), inputs())
    cam = pellucid.can_explain(Pictures(), pictures(), "grad_cam", target=0)
    assert not cam
    assert (cam.why, cam.hint) == ("source must be a layer for grad_cam: got None.", "source='features'.")
    exact = pellucid.can_explain(linear(), torch.rand(1, 3, 4), "shapley_values", target=(0, 0), baselines=0)
    assert exact
    many = pellucid.can_explain(nn.Linear(40, 1), torch.rand(2, 40), "shapley_values")
    assert "features" in many.why
    assert many.hint
    estimator = LogisticRegression().fit(inputs(20).numpy(), (inputs(20)[:, 0] > 0).numpy())
    answer = pellucid.can_explain(estimator, inputs().numpy(), "saliency")
    assert (bool(answer), "method='auto'" in answer.hint) == (False, True)
    assert "does not work" in repr(answer)


def test_what_the_model_raises_is_the_answer():
    def model(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no forward today")

    answer = pellucid.can_explain(model, inputs(), "saliency")
    assert "no forward today" in answer.why


def test_doubts_are_told_and_only_one_example_is_tried():
    rows = []

    def model(x: torch.Tensor) -> torch.Tensor:
        rows.append(len(x))
        return torch.sin(400 * x).sum(1)

    answer = pellucid.can_explain(model, torch.full((50, 2), 1.03), "integrated_gradients", n_steps=21)
    assert answer
    assert "do not add up" in answer.why
    assert sum(rows) < 50
