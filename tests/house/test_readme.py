import re
from pathlib import Path

import pytest
import transformers

from explanation.models import Words
from explanation.test_explanation import encoding
from pellucid import rules
from pellucid.core.rules.ruled_forward import apply
from pellucid.errors import ABSENT
from pellucid.plot.choosing import OF_EXPLANATIONS

README = Path(__file__).parents[2] / "README.md"
CAPTUM, METHODS = (README.parent / "docs" / name for name in ("captum.md", "methods.md"))
RULES = README.parent / "docs" / "rules.md"
EXPLAIN = README.parent / "docs" / "explain.md"
METRICS = README.parent / "docs" / "metrics.md"


def blocks_of(page: Path) -> list[str]:
    """The Python of a page, block by block."""
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def words_of(picture: str) -> list[str]:
    """The texts of an SVG, in order."""
    return re.findall(r">([^<>]+)</text>", picture)


def test_the_readme_s_tasks_are_of_eight_lines_and_each_runs_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "docs").symlink_to(README.parent / "docs")
    monkeypatch.chdir(tmp_path)
    # What is fetched from elsewhere stands in for itself: a small model of texts, and a tokenizer of a few words.
    for loader, stand_in in {"AutoModelForSequenceClassification": Words(), "AutoTokenizer": encoding()}.items():
        monkeypatch.setattr(getattr(transformers, loader), "from_pretrained", lambda name, stand_in=stand_in: stand_in)
    table, picture, text = blocks_of(README)
    for block in (table, picture, text):
        assert len([line for line in block.splitlines() if line.strip() and not line.startswith("#")]) <= 8
        exec(block, names := {})
        printed = capsys.readouterr().out
        if block is table:
            assert printed.splitlines() == re.findall(r"^# (.*)$", block, re.MULTILINE)
            chart = names["explanation"][213].plot.waterfall()
    for theme, name in (("light", "passenger.svg"), ("dark", "passenger-dark.svg")):
        shown = (README.parent / "docs" / "pictures" / name).read_text(encoding="utf-8")
        assert words_of(shown) == words_of(chart.svg(theme))
    assert {file.name for file in tmp_path.iterdir()} == {"docs", "cat.svg", "film.svg"}
    assert "output 282" in (tmp_path / "cat.svg").read_text(encoding="utf-8")


def test_the_pages_of_names_and_methods_run_from_top_to_bottom(capsys: pytest.CaptureFixture[str]):
    namespace: dict = {}
    for block in blocks_of(CAPTUM):
        exec(block, namespace)
    assert namespace["attributions"].shape == (2, 4)
    assert {name: value is None for name, value in namespace["by_name"].items()} == {
        "age": False, "income": False, "group": True,
    }  # fmt: skip
    assert namespace["of_classes"].shape == (2, 3, 4)
    namespace = {}
    for block in blocks_of(METHODS):
        exec(block, namespace)
        printed = capsys.readouterr().out
        assert printed.splitlines() == (re.findall(r"^# (.*)$", block, re.MULTILINE) if printed else [])
    assert namespace["result"].stderr[0].shape == (2, 4)


def test_the_page_of_explanations_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict = {}
    for block in re.findall(r"```python\n(.*?)```", EXPLAIN.read_text(), re.DOTALL):
        exec(block, namespace)
    assert [path.name for path in tmp_path.iterdir()] == ["ann.pellucid"]
    answer = repr(namespace["pellucid"].can_explain(namespace["model"], namespace["customers"], "grad_cam"))
    assert f"# {answer}" in EXPLAIN.read_text()


def test_the_page_of_explanations_names_every_picture():
    for name in OF_EXPLANATIONS:
        assert re.search(rf"^\| `{name}` ", EXPLAIN.read_text(), re.MULTILINE), name


def test_the_page_of_captum_s_names_lists_what_is_not_here_yet():
    rows = re.findall(r"^\| `captum\.(\w+)` \| (.*) \|$", CAPTUM.read_text(), re.MULTILINE)
    assert {package: " ".join(re.findall(r"`(\w+)`", names)) for package, names in rows} == ABSENT


def test_the_rules_page_s_python_runs_from_top_to_bottom():
    namespace: dict = {}
    for block in re.findall(r"```python\n(.*?)```", RULES.read_text(), re.DOTALL):
        exec(block, namespace)
        if "unrounded" in block:
            (gradient,) = namespace["torch"].autograd.grad(namespace["y"], namespace["x"])
            assert gradient.tolist() == [2, 2]
    with apply(namespace["guided_backpropagation"]):
        y = (namespace["torch"].nn.functional.relu(namespace["x"]) * -1).sum()
    assert not namespace["torch"].autograd.grad(y, namespace["x"])[0].any()


def test_what_the_rules_page_teaches_can_be_imported():
    page = RULES.read_text()
    section = page[page.index("## Which rule") : page.index("## Comparing two runs")]
    taught = set(re.findall(r"`([A-Z]\w+)(?:\(\w*\))?`", section)) | set(re.findall(r"pellucid\.rules\.(\w+)", page))
    assert taught >= {"AdjustGradient", "ChooseRule", "Decompose", "ForProducts", "ModifiedCall", "TorchCall"}
    assert taught <= set(rules.__all__)


def test_the_readme_s_make_targets_exist():
    makefile = (README.parent / "Makefile").read_text()
    for target in re.findall(r"^\$ make (\S+)", README.read_text(), re.MULTILINE):
        assert f"\n{target}:" in makefile


def test_the_page_of_metrics_runs_from_top_to_bottom_and_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    namespace: dict = {}
    check, compare, measure = re.findall(r"```python\n(.*?)```", METRICS.read_text(), re.DOTALL)
    exec(check, namespace)
    assert capsys.readouterr().out.splitlines() == re.findall(r"^# (.*)$", check, re.MULTILINE)
    assert {path.name for path in tmp_path.iterdir()} == {"curves.svg", "agreement.svg"}
    exec(compare, namespace)
    assert capsys.readouterr().out.splitlines() == re.findall(r"^# ?(.*)$", compare, re.MULTILINE)
    exec(measure, namespace)
    assert list(namespace["scores"]) == ["Deletion", "Insertion", "PixelFlipping", "Sufficiency"]
