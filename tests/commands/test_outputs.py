"""What is written and printed."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import pellucid
from commands import written
from pellucid.commands import outputs
from pellucid.commands.names import PLOTS

ASKED = ("explain", "churn:network", "customers.csv", "--index", "name", "--target", 1)
SALIENCY = (*ASKED, "--method", "saliency")
OURS = ["churn.py", "customers.csv"]


def explanation(**arguments: Any) -> Any:
    frame = pandas.read_csv("customers.csv").set_index("name")
    return pellucid.explain(importlib.import_module("churn").network, frame, target=1, **arguments)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_pictures(suffix: str, call: Any):
    result = call(*ASKED, "--out", f"a.{suffix}", "--out", f"beeswarm.{suffix}", "--plot", "beeswarm")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.endswith(f"pellucid: wrote a.{suffix}, beeswarm.{suffix}\n")
    explanation().plot.beeswarm().save(Path(f"expected.{suffix}"))
    assert Path(f"a.{suffix}").read_bytes() == Path(f"expected.{suffix}").read_bytes()


def test_the_picture_that_suits(call: Any):
    call(*ASKED, "--out", "a.svg")
    assert Path("a.svg").read_text() == explanation().plot().svg()
    call(*ASKED, "--out", "b.svg", "--method", "saliency", "--method", "lime")
    assert Path("b.svg").read_text() == explanation(method=["saliency", "lime"]).plot().svg()


def test_a_picture_by_name_is_of_one_explanation(call: Any):
    result = call(*SALIENCY, "--method", "lime", "--out", "a.svg", "--plot", "bar")
    assert (result.exit_code, result.stderr) == (
        2,
        "pellucid: --plot bar is of one explanation: got several methods or targets.\n",
    )


def test_all_names_of_pictures_are_known():
    assert all(callable(getattr(pellucid.plot, name)) for name in PLOTS)


def test_json(call: Any):
    call(*SALIENCY, "--out", "a.json", "--out", "a.pellucid")
    held, expected = json.loads(Path("a.json").read_text()), explanation(method="saliency").to_dict()
    assert held["examples"] == expected["examples"]
    assert held["examples"][0]["example"] == "Ann"
    loaded = pellucid.load("a.pellucid")
    assert isinstance(loaded, pellucid.Explanation)
    assert loaded.to_dict()["examples"] == held["examples"]


def test_the_python_that_computes_the_same(call: Any, monkeypatch: pytest.MonkeyPatch):
    kept = []
    monkeypatch.setitem(outputs.WRITERS, ".html", (lambda results, path: kept.append(results), "", ""))
    Path("others.csv").write_text("name,age,income,visits\nX,40,2,1\nY,20,1,5\n")
    Path("model.py").write_text("from churn import network\n")
    for model in ("churn:network", "model.py:network", "churn:make()"):
        asked = ("--index", "name", "--rows", "1:", "--target", 1, "--baseline", "others.csv", "--set", "tolerance=0.5")
        call("explain", model, "customers.csv", *asked, "--out", "a.html")
        results = kept.pop()
        made: dict[str, Any] = {}
        exec(results.code, made)
        assert made["explanation"].to_csv() == results.explanation.to_csv()


def test_a_page(call: Any):
    pytest.importorskip("pellucid.pages")  # FIXME: `pellucid.pages` is not in this branch yet
    result = call(*ASKED, "--out", "a.html")
    assert result.exit_code == 0, result.stderr
    page = Path("a.html").read_text()
    assert "<script" not in page
    assert "churn.network" in page


def test_parquet_takes_pyarrow(call: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outputs, "find_spec", lambda name: None)
    for suffix, package, extra in (
        ("parquet", "pyarrow", "pyarrow"),
        ("png", "matplotlib", '"pellucid[plot]"'),
        ("pellucid", "safetensors", '"pellucid[files]"'),
    ):
        result = call(*SALIENCY, "--out", f"a.{suffix}")
        assert (result.exit_code, result.stderr) == (
            1,
            f"pellucid: --out a.{suffix} takes {package}: pip install {extra}\n",
        )
    assert written(Path()) == OURS


def test_a_parquet_has_the_rows_of_the_csv(call: Any, monkeypatch: pytest.MonkeyPatch):
    kept: list[Any] = []
    monkeypatch.setattr(outputs, "find_spec", lambda name: name)
    monkeypatch.setattr(pandas.DataFrame, "to_parquet", lambda frame, path, index: kept.append(frame))
    call(*SALIENCY, "--method", "lime", "--out", "a.parquet", "--out", "a.csv")
    pandas.testing.assert_frame_equal(
        kept[0].sort_index(axis=1), pandas.read_csv("a.csv").sort_index(axis=1), check_dtype=False
    )


# ------------------------------------------------------------------------------------------------------ what is printed


def test_few_examples_are_printed_one_by_one(call: Any):
    result = call(*SALIENCY)
    assert result.exit_code == 0
    heads = [line for line in result.stdout.splitlines() if " by " in line]
    assert heads == [f"{name}: output 1 by saliency" for name in ("Ann", "Bo", "Cy")]
    assert "\x1b" not in result.stdout


def test_one_example_is_printed_with_its_name(call: Any):
    assert call(*SALIENCY, "--rows", 1).stdout.splitlines()[0] == "Bo: output 1 by saliency"


def test_of_many_the_mean_and_the_first_are_printed(call: Any):
    np.save("x.npy", np.random.default_rng(0).normal(size=(126, 3)))
    result = call("explain", "churn:network", "x.npy", "--target", 0, "--baseline", "mean")
    heads = [line for line in result.stdout.splitlines() if " by " in line]
    assert heads == [
        "output 0 by integrated_gradients, mean sizes over 126 examples",
        *(f"{number}: output 0 by integrated_gradients" for number in range(3)),
    ]
    assert result.stdout.endswith("and 123 more. Hint: --out explanation.csv.\n")
    assert "* The mean is that of the 126 inputs. Hint: --background FILE." in result.stdout


def test_quiet_says_nothing(call: Any):
    assert call(*SALIENCY, "--quiet").output == ""
    result = call(*SALIENCY, "--quiet", "--json")
    assert (json.loads(result.stdout)["method"], result.stderr) == ("saliency", "")


def test_a_terminal_without_unicode(call: Any, folder: Path):
    from typer.testing import CliRunner

    from pellucid.commands.app import app

    result = CliRunner(charset="ascii").invoke(app, list(map(str, SALIENCY)))
    assert result.exit_code == 0, result.stderr
    assert "Ann: output 1 by saliency" in result.stdout_bytes.decode("ascii")


# ----------------------------------------------------------------------------------------------------- what is in doubt


def test_sums_that_miss_are_a_doubt(call: Any):
    asked = (*ASKED, "--method", "integrated_gradients", "--set", "n_steps=2", "--baseline", 500)
    result = call(*asked, "--out", "a.csv")
    assert result.exit_code == 3
    assert "pellucid: in doubt: integrated_gradients does not add up for 3 of 3 examples: misses" in result.stderr
    assert written(Path()) == ["a.csv", *OURS]
    assert call(*asked, "--quiet").output == ""


def test_warnings_of_others_are_told_and_no_doubts(call: Any):
    Path("warning.py").write_text(
        "import warnings\ndef f(x):\n    warnings.warn('old', FutureWarning)\n    return x.sum(1)\n"
    )
    np.save("x.npy", np.ones((1, 2)))
    result = call("explain", "warning:f", "x.npy", "--method", "saliency")
    assert result.exit_code == 0
    assert result.stderr.count("pellucid: warning: old\n") == 1


# -------------------------------------------------------------------------------------------------- whole files or none


def failing(results: Any, path: Path) -> None:
    path.write_text("half")
    raise OSError(28, os.strerror(28))


@pytest.fixture
def old(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is there already; and JSON that cannot be written."""
    Path("a.csv").write_text("old")
    monkeypatch.setitem(outputs.WRITERS, ".json", (failing, "", ""))


def test_a_failure_in_the_third_file_leaves_everything_as_it_was(old: None, call: Any):
    result = call(*SALIENCY, "--out", "a.csv", "--out", "a.svg", "--out", "a.json")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        1,
        "pellucid: a.json: No space left on device: nothing was written",
    )
    assert written(Path()) == ["a.csv", *OURS]
    assert Path("a.csv").read_text() == "old"


@pytest.mark.parametrize(("raised", "code"), [(KeyboardInterrupt, 130), (SystemExit, 1), (ValueError, 1)])
def test_an_interrupt_in_the_third_file_leaves_everything_as_it_was(
    raised: type[BaseException], code: int, old: None, call: Any, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(results: Any, path: Path) -> None:
        path.write_text("half")
        raise raised

    monkeypatch.setitem(outputs.WRITERS, ".json", (interrupted, "", ""))
    result = call(*SALIENCY, "--out", "a.csv", "--out", "a.svg", "--out", "a.json")
    if raised is KeyboardInterrupt:
        assert (result.exit_code, result.stderr.splitlines()[-1]) == (130, "pellucid: interrupted: nothing was written")
    assert result.exit_code == code or raised is SystemExit
    assert written(Path()) == ["a.csv", *OURS]
    assert Path("a.csv").read_text() == "old"


def test_files_replace_old_ones_and_keep_their_rights(old: None, call: Any):
    Path("a.csv").chmod(0o600)
    Path("link.csv").symlink_to("led.csv")
    before = os.umask(0o027)
    try:
        result = call(*SALIENCY, "--out", "a.csv", "--out", "new.csv", "--out", "link.csv")
        assert result.exit_code == 0, result.stderr
    finally:
        os.umask(before)
    assert Path("a.csv").stat().st_mode & 0o777 == 0o600
    assert Path("new.csv").stat().st_mode & 0o777 == 0o640
    assert Path("link.csv").is_symlink()
    assert Path("led.csv").read_text() == Path("a.csv").read_text()
    assert Path("a.csv").read_text() != "old"
