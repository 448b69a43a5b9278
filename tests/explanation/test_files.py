"""Files of explanations: what is saved is loaded, and what is no such file is told."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import save as tensors_of
from torch import nn

import pellucid
from explanation.models import Pictures, Words, explained, frame, inputs, linear, pictures
from pellucid.errors import InvalidFile, PellucidWarning
from pellucid.explanation import container
from pellucid.explanation.part import Part
from pellucid.explanation.provenance import Provenance


def texts() -> pellucid.Explanation:
    ids = torch.randint(1, 20, (2, 5), generator=torch.Generator().manual_seed(0))
    return pellucid.explain(Words(), {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, target=0)


EXPLANATIONS: dict[str, Callable[[], pellucid.Explanation]] = {
    "tensor": explained,
    "array": lambda: pellucid.explain(linear(), inputs().numpy(), target=0),
    "frame": lambda: pellucid.explain(linear(), frame(), target=0, class_names=["a", "b", "c"]),
    "half": lambda: pellucid.explain(linear().bfloat16(), inputs().bfloat16(), target=0, method="input_x_gradient"),
    "masked": lambda: explained(feature_mask={"sex": ["female", "male"]}, method="kernel_shap"),
    "pictures": lambda: pellucid.explain(Pictures(), pictures(), target=0),
    "texts": texts,
    "nested": lambda: pellucid.explain(lambda a, b: (a * b["c"]).sum(1), (inputs(), {"c": inputs(5, 1), "d": None})),
    "layer": lambda: pellucid.explain(nn.Sequential(linear(), nn.ReLU()), inputs(), target=0, source="0"),
    "pairs": lambda: explained(method="shapley_interactions"),
    "no examples": lambda: explained()[:0],
    "one feature": lambda: explained()["age"],
    "mean": lambda: abs(explained()).mean(),
}


def assert_same(one: pellucid.Explanation, other: pellucid.Explanation) -> None:
    np.testing.assert_array_equal(one.features.values, other.features.values)
    assert (one.features.stderr is None) == (other.features.stderr is None)
    assert one.features.names == other.features.names
    assert one.features.texts == other.features.texts
    assert one.target_names == other.target_names
    for name in ("prediction", "baseline_prediction", "remainder", "evaluations"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in ("unit", "adds_up", "seconds", "notes", "rounds", "feature_labels"):
        assert getattr(one, name) == getattr(other, name)
    assert repr(one) == repr(other)
    assert _leaves(one.values) == _leaves(other.values)


def _leaves(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _leaves(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [_leaves(entry) for entry in value]
    return (
        None
        if value is None
        else (
            type(value),
            str(getattr(value, "dtype", "")),
            np.asarray(value.to(torch.float64) if isinstance(value, torch.Tensor) else value).tolist(),
        )
    )


@pytest.mark.parametrize("name", EXPLANATIONS)
def test_what_is_saved_is_loaded(name: str, tmp_path: Path):
    explanation, path = EXPLANATIONS[name](), tmp_path / "it.pellucid"
    explanation.save(path)
    loaded = pellucid.load(path)
    assert isinstance(loaded, pellucid.Explanation)
    assert_same(explanation, loaded)
    loaded.save(path)
    assert_same(explanation, pellucid.load(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["it.pellucid"]


def test_several_are_a_list_and_one_of_these_too(tmp_path: Path):
    both = explained(method=["saliency", "integrated_gradients"])
    both.save(tmp_path / "both.pellucid")
    loaded = pellucid.load(tmp_path / "both.pellucid")
    assert [explanation.method for explanation in loaded] == ["saliency", "integrated_gradients"]


def test_inputs_may_be_left_out(tmp_path: Path):
    explanation = texts()
    explanation.save(tmp_path / "private.pellucid", inputs=False)
    loaded = pellucid.load(tmp_path / "private.pellucid")
    assert loaded.parts[0].inputs is None
    assert loaded[0].features.names[0] == "token 0"
    np.testing.assert_array_equal(loaded.features.values, explanation.features.values)
    forest = pellucid.explain(linear(), frame(), target=0)
    forest.save(tmp_path / "private.pellucid", inputs=False)
    assert set(pellucid.load(tmp_path / "private.pellucid").features.texts[0]) == {""}


FINITE = st.floats(-1e6, 1e6, width=32)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=arrays.arrays(
        np.float32, arrays.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5), elements=st.floats(width=32)
    ),
    name=st.text(max_size=5),
    note=st.text(max_size=20),
    parameters=st.dictionaries(
        st.text(max_size=5), st.none() | st.booleans() | st.integers(-9, 9) | FINITE | st.text(max_size=5), max_size=3
    ),
)
def test_whatever_explanations_hold_comes_back(values: Any, name: str, note: str, parameters: Any, tmp_path: Path):
    examples, features = values.shape
    numbers = np.arange(examples, dtype=np.float64)
    explanation = pellucid.Explanation(
        parts=(Part(name="", kind="table", values=values, names=(name,) * features),),
        structure=0,
        prediction=numbers,
        baseline_prediction=np.full(examples, np.nan),
        target_names=(note,) * examples,
        unit="output",
        adds_up=False,
        remainder=numbers.copy(),
        evaluations=numbers.copy(),
        seconds=0.5,
        rounds=((1.0, float("inf")),),
        notes=(note,),
        provenance=Provenance(method=name, parameters=parameters),
    )
    explanation.save(tmp_path / "any.pellucid")
    loaded = pellucid.load(tmp_path / "any.pellucid")
    np.testing.assert_array_equal(loaded.parts[0].values, values)
    assert loaded.target_names == explanation.target_names
    assert loaded.notes == (note,)
    assert dict(loaded.provenance.parameters) == parameters
    assert loaded.rounds == explanation.rounds


# ------------------------------------------------------------------------------------------------------------ weights


def test_the_fingerprint_is_of_the_weights(tmp_path: Path):
    def fingerprint(model: nn.Module) -> str:
        pellucid.explain(model, inputs(), target=0).save(tmp_path / "it.pellucid")
        return pellucid.load(tmp_path / "it.pellucid").provenance.fingerprint

    model = linear()
    assert fingerprint(model) == fingerprint(linear())
    assert len(fingerprint(model)) == 64
    with torch.no_grad():
        model.weight[0, 0] += 1e-6
    assert fingerprint(model) != fingerprint(linear())
    assert fingerprint(nn.Sequential(linear())) != fingerprint(linear())
    pellucid.explain(lambda x: x.sum(1), inputs()).save(tmp_path / "it.pellucid")
    assert pellucid.load(tmp_path / "it.pellucid").provenance.fingerprint == ""


def test_weights_that_have_changed_since_have_none(tmp_path: Path):
    model = linear()
    explanation = pellucid.explain(model, inputs(), target=0)
    with torch.no_grad():
        model.weight.add_(1)
    with pytest.warns(PellucidWarning, match="weights of the model have changed since the explanation"):
        explanation.save(tmp_path / "it.pellucid")
    assert pellucid.load(tmp_path / "it.pellucid").provenance.fingerprint == ""


# --------------------------------------------------------------------------------------------------------- other files


def members(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    from safetensors.numpy import load

    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("explanation.json")), load(archive.read("tensors.safetensors"))


def written(path: Path, document: Any, tensors: Any) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("explanation.json", document if isinstance(document, bytes) else json.dumps(document))
        archive.writestr("tensors.safetensors", tensors if isinstance(tensors, bytes) else tensors_of(tensors))
    return path


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    explained(feature_mask={"sex": ["female", "male"]}, method="kernel_shap").save(tmp_path / "saved.pellucid")
    return tmp_path / "saved.pellucid"


def test_a_file_of_a_later_minor_version_opens_and_of_another_major_one_does_not(saved: Path):
    document, tensors = members(saved)
    document["version"], document["explanations"][0]["later"] = [1, 7], "more"
    document["explanations"][0]["provenance"]["later"] = 1
    assert isinstance(pellucid.load(written(saved, document, tensors)), pellucid.Explanation)
    document["version"] = [2, 0]
    with pytest.raises(InvalidFile, match=r"its version is 2.0, and 1.x can be read"):
        pellucid.load(written(saved, document, tensors))


CHANGES: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "schema": (lambda document, _: document.update(schema="other"), "its schema must be"),
    "version": (lambda document, _: document.update(version="1"), "its version must be two numbers"),
    "no list": (lambda document, _: document.update(explanations=3), "must hold a list of explanations"),
    "none": (lambda document, _: document.update(explanations=[]), "must hold one explanation: got 0"),
    "no values": (lambda _, tensors: tensors.pop("0/0/values"), "values must be there"),
    "fewer values": (lambda _, tensors: tensors.update({"0/0/values": np.zeros((2, 4))}), "values must be there"),
    "mask": (lambda _, tensors: tensors.update({"0/0/mask": np.zeros((9, 9, 9), int)}), "mask does not fit"),
    "stderr": (lambda _, tensors: tensors.update({"0/0/stderr": np.zeros((5, 9))}), "stderr does not fit"),
    "prediction": (
        lambda _, tensors: tensors.update({"0/prediction": np.zeros((5, 5))}),
        "must be there, a number for",
    ),
    "interactions": (lambda _, tensors: tensors.update({"0/interactions": np.zeros((5, 5))}), "not of its features"),
    "kind": (lambda document, _: document["explanations"][0]["parts"][0].update(kind="exe"), "unknown kind"),
    "dtype": (
        lambda document, _: document["explanations"][0]["parts"][0].update(dtype="load"),
        "a dtype must be one of",
    ),
    "names": (lambda document, _: document["explanations"][0]["parts"][0].update(names=["a"]), "names are not of its"),
    "targets": (
        lambda document, _: document["explanations"][0].update(target_names=[]),
        "different numbers of examples",
    ),
    "structure": (
        lambda document, _: document["explanations"][0].update(structure=4),
        "structure must be of the 1 inputs",
    ),
    "type": (lambda document, _: document["explanations"][0].update(rounds=3), "does not fit together"),
    "missing": (lambda document, _: document["explanations"][0].pop("unit"), "does not fit together"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_does_not_fit_together_is_told(change: str, saved: Path):
    document, tensors = members(saved)
    alter, message = CHANGES[change]
    alter(document, tensors)
    with pytest.raises(InvalidFile, match=message) as caught:
        pellucid.load(written(saved, document, tensors))
    assert "saved.pellucid" in str(caught.value)


def test_no_file_and_files_of_other_kinds_are_told(tmp_path: Path, saved: Path):
    with pytest.raises(FileNotFoundError):
        pellucid.load(tmp_path / "none.pellucid")
    (tmp_path / "text").write_text("hello", encoding="utf-8")
    with pytest.raises(InvalidFile, match="no file of explanations"):
        pellucid.load(tmp_path / "text")
    with zipfile.ZipFile(saved, "a") as archive:
        archive.writestr("../../evil", "x")
    with pytest.raises(InvalidFile, match=r"must hold explanation\.json and tensors\.safetensors, and nothing else"):
        pellucid.load(saved)


def test_compressed_members_are_refused_before_they_are_read(saved: Path):
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("explanation.json", b" " * 10**7)
        archive.writestr("tensors.safetensors", b"")
    with pytest.raises(InvalidFile, match=r"explanation\.json must be stored as it is"):
        pellucid.load(saved)


def test_members_that_say_they_are_larger_than_the_file_are_refused(saved: Path):
    raw = saved.read_bytes()
    with zipfile.ZipFile(saved) as archive:
        member = archive.getinfo("tensors.safetensors")
        size = member.file_size.to_bytes(4, "little")
    at = raw.rindex(b"PK\x01\x02")
    central = raw[at:].replace(size + size, (2**31).to_bytes(4, "little") * 2)
    saved.write_bytes(raw[:at] + central)
    with pytest.raises(InvalidFile):
        pellucid.load(saved)


def test_tensors_that_say_they_are_too_large_are_refused_before_they_are_made(
    saved: Path, monkeypatch: pytest.MonkeyPatch
):
    document, tensors = members(saved)
    raw = bytearray(tensors_of(tensors))
    for length in (2**62, len(raw)):
        raw[:8] = length.to_bytes(8, "little")
        with pytest.raises(InvalidFile, match="is cut, or its list of tensors is too long"):
            pellucid.load(written(saved, document, bytes(raw)))
    header = json.dumps({"a": {"dtype": "F64", "shape": [2**40], "data_offsets": [0, 2**43]}}).encode()
    with pytest.raises(InvalidFile, match="the tensor 'a' takes 8796093022208 bytes, more than"):
        pellucid.load(written(saved, document, len(header).to_bytes(8, "little") + header))
    monkeypatch.setattr(container, "MOST_TENSOR", 8)
    with pytest.raises(InvalidFile, match="takes 40 bytes, more than 8"):
        explained().save(saved)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 10**6), byte=st.integers(0, 255), cut=st.booleans())
def test_files_that_are_cut_or_changed_are_told_or_say_what_can_be_read(
    saved: Path, position: int, byte: int, cut: bool
):
    raw = saved.read_bytes()
    position %= len(raw)
    changed = raw[:position] if cut else raw[:position] + bytes([byte]) + raw[position + 1 :]
    other = saved.with_name("changed.pellucid")
    other.write_bytes(changed)
    try:
        loaded = pellucid.load(other)
    except InvalidFile:
        return
    assert repr(loaded) is not None
    if changed == raw:
        assert_same(loaded, pellucid.load(saved))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_json_of_any_values_is_read_or_told(saved: Path, data: st.DataObject):
    """Every place of the document is replaced by something else, one at a time; the checksums are right."""
    document, tensors = members(saved)
    anything = (
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()) | st.just({})
    )
    place: Any = document["explanations"][0]
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            break
        place = inner
    place[key] = data.draw(anything)
    other = written(saved.with_name("other.pellucid"), document, tensors)
    try:
        loaded = pellucid.load(other)
    except InvalidFile:
        return
    assert repr(loaded)
    assert loaded._repr_html_()
    assert loaded.values is not None or place is document["explanations"][0]


def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(saved: Path, monkeypatch: pytest.MonkeyPatch):
    before = saved.read_bytes()

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        explained().save(saved)
    assert saved.read_bytes() == before
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]


def test_saving_takes_safetensors_and_says_so(saved: Path, monkeypatch: pytest.MonkeyPatch):
    import sys

    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "pellucid\[files\]"'):
        explained().save(saved)


def test_the_same_explanation_gives_the_same_bytes(tmp_path: Path):
    explanation = explained()
    explanation.save(tmp_path / "one.pellucid")
    explanation.save(tmp_path / "two.pellucid")
    assert (tmp_path / "one.pellucid").read_bytes() == (tmp_path / "two.pellucid").read_bytes()
