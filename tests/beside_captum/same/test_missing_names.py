"""What of Captum is not here yet is known, and who imports it is told what to use meanwhile."""

import importlib
import sys
from typing import Any

import captum.attr
import captum.metrics
import captum.robust
import pytest
import torch

import pellucid.attr
from pellucid.errors import ABSENT, AROUND_ITS_OWN
from zoo.architectures import example

NAMES = [(package, name) for package, names in ABSENT.items() for name in names.split()]
CASE = example("perceptron")


@pytest.mark.parametrize("package", ABSENT)
def test_the_list_is_what_captum_has_and_pellucid_has_not(package: str):
    theirs, listed = importlib.import_module(f"captum.{package}"), ABSENT[package].split()
    ours = set(pellucid.attr.__all__) if package == "attr" else set()
    assert sorted(set(theirs.__all__) - ours) == sorted(listed)
    assert len(set(listed)) == len(listed)
    assert all(hasattr(theirs, name) for name in listed)


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_an_import_says_what_to_use(package: str, name: str):
    path = f"{package}.{name}" if package == "attr" else package
    with pytest.raises(
        ImportError, match=rf"^pellucid\.{path} is not here yet\. Hint: .*captum.* beside pellucid"
    ) as told:
        exec(f"from pellucid.{package} import {name}")
    hint = str(told.value).partition("Hint: ")[2]
    exec(hint.partition(",")[0])  # what it says can be typed
    assert ("around Captum's own methods" in hint) == (name in AROUND_ITS_OWN)


@pytest.mark.parametrize("path", [package for package in ABSENT if package != "attr"])
def test_an_import_of_a_module_says_what_to_use(path: str):
    for line in (f"import pellucid.{path}", f"import pellucid.{path} as something", f"from pellucid.{path} import *"):
        with pytest.raises(ImportError, match=rf"^pellucid\.{path} is not here yet\. Hint: "):
            exec(line)
    assert f"pellucid.{path}" not in sys.modules


def test_who_asks_whether_something_is_there_hears_no():
    assert not hasattr(pellucid.attr, "LLMAttribution")
    assert getattr(pellucid.attr, "TextTokenInput", None) is None
    with pytest.raises(AttributeError, match=r"^pellucid\.attr\.LLMAttribution is not here yet\. Hint: "):
        pellucid.attr.LLMAttribution  # noqa: B018
    with pytest.raises(AttributeError, match=r"^module 'pellucid\.attr' has no attribute 'Salience'$"):
        pellucid.attr.Salience  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Salience'"):
        exec("from pellucid.attr import Salience")


def test_captums_work_beside_pellucid():
    """As the messages say: on attributions of pellucid, or around Captum's own methods alone."""

    def explained(*inputs: Any, **arguments: Any) -> Any:
        return pellucid.attr.Saliency(CASE.model).attribute(*inputs, **arguments)

    shift = lambda inputs: (torch.full_like(inputs, 0.1), inputs - 0.1)  # noqa: E731
    found = captum.metrics.infidelity(CASE.model, shift, CASE.inputs, explained(CASE.inputs, target=0), target=0)
    assert found.shape == (len(CASE.inputs),)
    assert captum.metrics.sensitivity_max(explained, CASE.inputs, target=0).shape == (len(CASE.inputs),)
    with pytest.raises(AssertionError, match="does not support"):
        captum.attr.DataLoaderAttribution(pellucid.attr.FeatureAblation(CASE.model))
