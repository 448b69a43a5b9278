import re
from pathlib import Path

import pytest

from pellucid import rules
from pellucid.core.rules.ruled_forward import apply
from pellucid.errors import ABSENT
from pellucid.plot.choosing import OF_EXPLANATIONS

README = Path(__file__).parents[2] / "README.md"
RULES = README.parent / "docs" / "rules.md"
EXPLAIN = README.parent / "docs" / "explain.md"


def test_the_readme_s_python_runs_from_top_to_bottom():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 9
    namespace: dict = {}
    for block in blocks:
        exec(block, namespace)
    assert namespace["attributions"].shape == (2, 4)
    assert {name: value is None for name, value in namespace["by_name"].items()} == {
        "age": False, "income": False, "group": True,
    }  # fmt: skip
    assert namespace["of_classes"].shape == (2, 3, 4)
    assert namespace["result"].stderr[0].shape == (2, 4)


def test_the_readme_s_tables_are_those_that_are_printed(capsys: pytest.CaptureFixture[str]):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    printing = [block for block in blocks if "print(" in block]
    assert len(printing) == 2
    for block in printing:
        exec(block, {})
        assert capsys.readouterr().out.splitlines() == re.findall(r"^# (.*)$", block, re.MULTILINE)


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


def test_the_readme_lists_what_is_not_here_yet():
    rows = re.findall(r"^\| `captum\.(\w+)` \| (.*) \|$", README.read_text(), re.MULTILINE)
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
