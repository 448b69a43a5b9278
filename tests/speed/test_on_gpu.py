"""What is run on a GPU by hand is tried on the CPU."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def once(monkeypatch: pytest.MonkeyPatch):
    """One sample of one call each, at the threads that there were, beside what all other tests have left behind."""
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks import timing

    monkeypatch.setattr(timing, "SAMPLE_SECONDS", 0)
    monkeypatch.setattr(timing, "ROUNDS", (1, 1))
    monkeypatch.setattr(timing.gc, "collect", lambda: 0)


CPU = torch.device("cpu")


@pytest.mark.filterwarnings("ignore:.*:UserWarning:captum")
def test_every_method_is_measured():
    from benchmarks import on_gpu
    from benchmarks.models import pooled

    assert len(on_gpu.METHODS) == 10
    for case in on_gpu.cases(CPU)[:10]:
        result = dataclasses.replace(case, stage=partial(pooled, 2, 16)).measure()
        assert (result.name, result.difference) == (case.name, 0)
        assert result.time is not None


def test_every_method_has_a_case_on_every_model():
    from benchmarks import on_gpu

    names = {case.name for case in on_gpu.cases(CPU)}
    assert names == {
        f"{model}/{method}" for model in ("convolutional", "resnet", "encoder") for method in on_gpu.METHODS
    }
    assert names >= on_gpu.CAPTUM_REFUSES


def test_a_name_and_a_device_select(capsys: pytest.CaptureFixture[str]):
    from benchmarks import on_gpu

    assert on_gpu.main(["--device", "cpu", "encoder/LayerGradCam", "encoder/LRP"]) == 0
    out = capsys.readouterr().out
    assert "encoder/LayerGradCam" in out
    assert "encoder/LRP" in out
    assert "Saliency" not in out


def test_other_attributions_than_the_cpus_fail(monkeypatch: pytest.MonkeyPatch):
    from benchmarks import on_gpu

    monkeypatch.setattr(on_gpu, "_on_cpu", lambda attributions: attributions * 1.1)
    assert on_gpu.main(["--device", "cpu", "encoder/LRP"]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "finds no accelerator here. This needs a GPU"),
        (["--device", "nowhere"], "cannot use the device 'nowhere'"),
        (["--device", "cpu", "nothing"], "no case of that name"),
    ],
)
def test_it_says_what_it_needs(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from benchmarks import on_gpu

    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    with pytest.raises(SystemExit) as stopped:
        on_gpu.main(arguments)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
