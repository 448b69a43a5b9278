"""Classes of Captum on the models with known answers: the rows of the table are those of pellucid's classes."""

from __future__ import annotations

import captum.attr
import pytest

from pellucid import attr, zoo
from pellucid.zoo.quantity import Quantity


@pytest.mark.parametrize(
    ("name", "computes"),
    [
        ("Saliency", None),
        ("InputXGradient", "gradient times input"),
        ("IntegratedGradients", "integrated gradients"),
        ("FeatureAblation", "removal"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_rows_are_the_same(name: str, computes: Quantity | None):
    models = [known for known in zoo.known_models() if known.name != "deciding word"]  # each fails in its own words
    ours, theirs = (
        zoo.evaluate(getattr(package, name), computes=computes, models=models) for package in (attr, captum.attr)
    )
    assert str(ours) == str(theirs)


def test_deeplift_on_networks_of_modules():
    models = [zoo.linear(), zoo.exclusive_or(), zoo.saturated(), zoo.template_detector()]
    computes: Quantity = "contributions to the difference"
    ours, theirs = (
        zoo.evaluate(method, computes=computes, models=models) for method in (attr.DeepLift, captum.attr.DeepLift)
    )
    assert str(ours) == str(theirs)
    assert {outcome.exact for outcome in ours.outcomes} == {True}
