"""Pellucid in Captum's place: what programs that import Captum find there, and what they are told."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import logging
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from pellucid import attr, compat, zoo
from pellucid.compat.module_table import MODULES
from pellucid.errors import NotSupported

DISTRIBUTION = Path(__file__).parents[2] / "packages/pellucid-as-captum/src"


LENT = "captum.concept.CAV is lent by Captum 0.9.0: pellucid has none.\n"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A new Python."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_captum_can_be_found_and_imported(installed: None):
    assert importlib.util.find_spec("captum") is not None
    assert importlib.util.find_spec("captum.attr._core.saliency") is not None
    captum = importlib.import_module("captum")
    assert captum.__version__ == importlib.metadata.version("captum") == "0.9.0"
    assert captum.attr._core.saliency.Saliency is captum.attr.Saliency is attr.Saliency
    assert captum.attr.visualization is importlib.import_module("captum.attr._utils.visualization")
    assert captum.attr.visualization.visualize_image_attr is attr.visualization.visualize_image_attr
    assert captum._utils.models.linear_model.SkLearnLasso is captum._utils.models.linear_model.model.SkLearnLasso
    with pytest.raises(ModuleNotFoundError, match=r"captum\.insights"):
        importlib.import_module("captum.insights")


def test_names_are_real_attributes(installed: None):
    captum_attr = importlib.import_module("captum.attr")
    assert captum_attr.__dict__["Saliency"] is attr.Saliency
    assert set(captum_attr.__all__) == set(attr.__all__)
    namespace: dict[str, Any] = {}
    exec("from captum.attr import *\nfrom captum._utils.typing import *", namespace)
    assert {*attr.__all__, "TargetType"} <= set(namespace)
    assert issubclass(captum_attr.Occlusion, captum_attr.PerturbationAttribution)


def test_a_line_of_the_table_is_all_that_a_name_needs(monkeypatch: pytest.MonkeyPatch, no_captum: None):
    monkeypatch.setitem(MODULES, "captum.metrics", {"zoo": "*"})
    compat.install()
    from captum.metrics import evaluate

    assert evaluate is zoo.evaluate


@pytest.mark.parametrize(
    "line",
    [
        "from captum.attr import LLMAttribution",
        "from captum.concept import CAV",
        "from captum.concept._core.tcav import TCAV",
        "from captum._utils.av import AV as vectors",
    ],
)
def test_an_import_of_what_is_missing_says_what_to_use(installed: None, line: str):
    with pytest.raises(ImportError, match=r"^captum\.[\w.]+ is not in pellucid\. Hint: .*fallback=True"):
        exec(line)


def test_who_asks_whether_something_is_there_hears_no(installed: None):
    import captum.attr

    assert not hasattr(captum.attr, "LLMAttribution")
    assert getattr(captum.concept, "TCAV", None) is None
    with pytest.raises(AttributeError, match=r"^captum\.attr\.LLMAttribution is not in pellucid\. Hint: "):
        captum.attr.LLMAttribution  # noqa: B018
    with pytest.raises(AttributeError, match=r"nonlinear is not in pellucid\. Hint: .*pellucid\.rules"):
        captum.attr._core.deep_lift.nonlinear  # noqa: B018


def test_it_can_be_installed_twice_and_undone(no_captum: None):
    finders = list(sys.meta_path)
    compat.install()
    first = importlib.import_module("captum")
    compat.install()
    assert importlib.import_module("captum") is first
    assert len(sys.meta_path) == len(finders) + 1
    compat.uninstall()
    assert sys.meta_path == finders
    assert not any(path.startswith("captum") for path in sys.modules)
    compat.uninstall()


def test_it_is_refused_once_captum_is_imported(no_captum: None):
    importlib.import_module("captum")
    finders = list(sys.meta_path)
    with pytest.raises(NotSupported, match=r"captum is imported already.* Hint: call pellucid\.compat"):
        compat.install()
    assert sys.meta_path == finders


def test_captum_lends_what_is_missing_and_it_is_said_once(no_captum: None, caplog: pytest.LogCaptureFixture):
    compat.install()
    compat.install(fallback=True)
    with caplog.at_level(logging.WARNING, "pellucid.compat"):
        import captum
        from captum.attr import Saliency
        from captum.concept import CAV
        from captum.concept._core import cav

        assert captum.concept.CAV is CAV is cav.CAV
        from captum.testing.helpers.basic_models import BasicModel_MultiLayer
    assert Saliency is attr.Saliency
    assert [record.getMessage() for record in caplog.records] == [
        LENT.strip(),
        "captum.concept._core.cav.CAV is lent by Captum 0.9.0: pellucid has none.",
        "captum.testing.helpers.basic_models.BasicModel_MultiLayer is lent by Captum 0.9.0: pellucid has none.",
    ]
    net, x = BasicModel_MultiLayer(), torch.rand(2, 3)
    assert Saliency(net).attribute(x, target=0).shape == (2, 3)
    assert CAV([], "hidden").layer == "hidden"
    assert pickle.loads(pickle.dumps(CAV)) is CAV
    with pytest.raises(ImportError, match=r"^captum\.attr\.Salience is neither in pellucid nor in Captum\.$"):
        exec("from captum.attr import Salience")


def test_captums_own_modules_see_each_other_and_not_pellucid(no_captum: None, caplog: pytest.LogCaptureFixture):
    compat.install(fallback=True)
    import captum.attr

    real = compat.captum_itself("captum.attr")
    assert real.Saliency is compat.captum_itself("captum.attr._core.saliency").Saliency is not captum.attr.Saliency
    assert real.LLMAttribution is captum.attr.LLMAttribution
    assert 'It takes methods of Captum\'s own: pellucid.compat.captum_itself("captum.attr") has them.' in caplog.text
    assert issubclass(real.LayerGradCam, compat.captum_itself("captum.attr._utils.attribution").LayerAttribution)
    assert not any(module is real for module in sys.modules.values())


def test_threads_import_at_once(no_captum: None):
    compat.install()
    paths = ["captum", "captum.attr", "captum.attr._core.lime", "captum._utils.common", "captum.log"] * 4
    start, failures = threading.Barrier(len(paths)), []

    def load(path: str) -> None:
        start.wait()
        try:
            assert importlib.import_module(path).__name__ == path
            assert sys.modules["captum"].attr.Saliency is attr.Saliency
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=load, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_scripts_run_as_they_are(tmp_path: Path):
    (tmp_path / "neighbour.py").write_text("NAME = 'neighbour'\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "import neighbour, torch\n"
        "from captum.attr import Saliency\n"
        "from captum.attr._core.lime import get_exp_kernel_similarity_function\n"
        "from captum._utils.models.linear_model import SkLearnLasso\n"
        "print(__name__, sys.argv[1:], neighbour.NAME, Saliency.__module__)\n"
        "sys.exit(3)\n"
    )
    done = run("-m", "pellucid.compat", str(script), "-m", "--fallback")
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == "__main__ ['-m', '--fallback'] neighbour pellucid.attr.gradient\n"


def test_modules_run_with_an_installed_captum_to_lend():
    timed = "timeit", "-n", "1", "-r", "1", "from captum.concept import CAV"
    done = run("-m", "pellucid.compat", "--fallback", "-m", *timed)
    assert (done.returncode, "1 loop" in done.stdout, done.stderr) == (0, True, LENT)


def test_the_command_says_how_it_is_called(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    from pellucid.compat.__main__ import main

    monkeypatch.setattr(sys, "argv", ["pellucid.compat"])
    main()
    assert "python -m pellucid.compat [--fallback] (script.py | -m module) [arguments ...]" in capsys.readouterr().out


def test_the_small_distribution_is_a_captum():
    program = f"""
import sys
sys.path.insert(0, {str(DISTRIBUTION)!r})
from importlib.metadata import version
from importlib.util import find_spec
assert find_spec("captum").origin.startswith(sys.path[0])
import captum.attr._core.lime
import pellucid
from captum.attr import Saliency
assert Saliency is pellucid.attr.Saliency is captum.attr.Saliency
assert captum.__version__ == version("captum") == "0.9.0"
pellucid.compat.install(fallback=True)
from captum.concept import CAV
"""
    done = run("-c", program)
    assert (done.returncode, done.stderr) == (0, LENT)
