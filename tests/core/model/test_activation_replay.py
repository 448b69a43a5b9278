import gc
import inspect
import logging
import threading
import weakref
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid.core.model import interception
from pellucid.core.model.activation_replay import MIN_ROWS_TO_REPLAY, Recording, Replay, all_close, cloned_for
from pellucid.core.model.interception import intercept
from pellucid.core.model.layers import Site
from pellucid.core.restarts import ReplayFailed

X = torch.arange(12.0).reshape(4, 3)


def doubled(module: nn.Module, forward: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """An interception: twice what the module returns."""
    return 2 * forward(*arguments, **keywords)


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    assert not interception._PATCHES
    assert interception._INTERCEPTION.get() is None


def test_a_copy_for_rows_picks_what_follows_the_examples():
    value = {"x": X, "y": (X[:, 0], "name", None), "table": torch.ones(5, 3), "scalar": torch.tensor(4.0)}
    found = cloned_for(value, torch.tensor([3, 0, 3]), 4)
    assert torch.equal(found["x"], X[[3, 0, 3]])
    assert torch.equal(found["y"][0], X[[3, 0, 3], 0])
    assert found["y"][1:] == ("name", None)
    assert torch.equal(found["table"], value["table"])
    assert found["scalar"] == 4


@pytest.mark.parametrize("rows", [None, torch.arange(4), torch.tensor([0, 1])])
@pytest.mark.parametrize("examples", [4, 5])
def test_whoever_writes_into_a_copy_leaves_the_original(rows: Tensor | None, examples: int):
    original = X.clone().requires_grad_()
    found = cloned_for([original], rows, examples)[0]
    assert not found.requires_grad
    found.fill_(-1)
    assert torch.equal(original, X)


ALIKE = {
    "the same": (X, X.clone()),
    "rounding": (X, X * (1 + 1e-6)),
    "rounding beside the largest": (torch.tensor([1e-9, 1.0]), torch.tensor([0.0, 1.0])),
    "NaN": (torch.tensor([1.0, torch.nan]), torch.tensor([1.0, torch.nan])),
    "infinity": (torch.tensor([1.0, torch.inf]), torch.tensor([1.0, torch.inf])),
    "integers": (torch.arange(3), torch.arange(3)),
    "nothing in them": (torch.ones(0, 3), torch.ones(0, 3)),
    "nested": ({"a": [X, "text"]}, {"a": [X.clone(), "other"]}),
    "no tensors": (None, None),
}
NOT_ALIKE = {
    "more than rounding": (X, X * 1.001),
    "one number": (X, torch.where(X == 11, 11.01, X)),
    "NaN": (torch.tensor([1.0, torch.nan]), torch.tensor([1.0, 2.0])),
    "infinity": (torch.tensor([1.0, torch.inf]), torch.tensor([1.0, -torch.inf])),
    "integers": (torch.arange(3), torch.arange(1, 4)),
    "shapes": (X, X[:1]),
    "dtypes": (X, X.double()),
    "zeros": (torch.zeros(3), torch.full((3,), 1e-30)),
    "fewer": ([X, X], [X]),
    "in one of several": ((X, [X]), (X, [X + 1])),
}


@pytest.mark.parametrize("what", ALIKE)
def test_alike(what: str):
    one, other = ALIKE[what]
    assert all_close(one, other)
    assert all_close(other, one)


@pytest.mark.parametrize("what", NOT_ALIKE)
def test_not_alike(what: str):
    one, other = NOT_ALIKE[what]
    assert not all_close(one, other)
    assert not all_close(other, one)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_how_far_numbers_may_lie_apart_depends_on_their_dtype(dtype: torch.dtype):
    one = torch.ones(3, dtype=dtype)
    assert all_close(one, one + 4 * torch.finfo(dtype).eps)
    assert not all_close(one, one * 1.25)


def test_an_interception_is_asked_about_its_modules_alone():
    model = nn.Sequential(nn.Identity(), nn.Identity())
    with intercept((doubled, (model[0],))):
        assert torch.equal(model(X), 2 * X)
        assert "forward" not in vars(model[1])
    assert torch.equal(model(X), X)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_modules_are_as_found_afterwards_whatever_happens(error: type[BaseException]):
    plain, own = nn.Linear(3, 3), nn.Linear(3, 3)
    own.forward = forward = lambda x: x + 1
    before = [dict(vars(module)) for module in (plain, own)]

    def leave() -> None:
        with intercept((doubled, (plain, own))):
            assert torch.equal(own(X), 2 * (X + 1))
            raise error

    with pytest.raises(error):
        leave()
    assert [dict(vars(module)) for module in (plain, own)] == before
    assert own.forward is forward


def test_without_a_watch_nothing_is_touched():
    model = nn.Identity()
    with intercept(None):
        assert "forward" not in vars(model)
        assert torch.equal(model(X), X)


def test_one_interception_inside_another_acts_alone():
    model = nn.Identity()

    def tripled(module: nn.Module, forward: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        return 3 * forward(*arguments, **keywords)

    with intercept((doubled, (model,))):
        with intercept((tripled, (model,))):
            assert torch.equal(model(X), 3 * X)
        with intercept(None):
            assert torch.equal(model(X), X)
        assert torch.equal(model(X), 2 * X)


def test_an_intercepted_forward_says_what_it_takes():
    model = nn.MultiheadAttention(4, 2)
    signature = inspect.signature(model.forward)
    with intercept((doubled, (model,))):
        assert inspect.signature(model.forward) == signature


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripted_modules_are_left_alone():
    script = torch.jit.script(nn.ReLU())
    with intercept((doubled, (script,))):
        assert torch.equal(script(X), X)


def test_other_threads_do_not_notice():
    model, found = nn.Identity(), []
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        inside.wait(5)
        found.append(model(X))
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with intercept((doubled, (model,))):
        inside.set()
        assert done.wait(5)
        assert torch.equal(model(X), 2 * X)
    thread.join()
    assert torch.equal(found[0], X)


def test_the_last_to_leave_a_shared_module_leaves_it_as_found():
    model, entered, leave = nn.Identity(), threading.Event(), threading.Event()

    def other() -> None:
        with intercept((doubled, (model,))):
            entered.set()
            leave.wait(5)

    thread = threading.Thread(target=other)
    with intercept((doubled, (model,))):
        thread.start()
        assert entered.wait(5)
    assert "forward" in vars(model)
    assert torch.equal(model(X), X)
    leave.set()
    thread.join()
    assert "forward" not in vars(model)


def recorded(model: nn.Module, *source: str, side: Any = "output") -> Recording:
    """What is recorded of a model with this source."""
    modules = tuple(model.get_submodule(name) for name in source)
    recording = Recording(Site(modules, side))
    with intercept((recording, tuple(model.modules()))):
        model(X)
    return recording


def nested() -> nn.Module:
    return nn.Sequential(
        nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Tanh())),
        nn.Linear(3, 3),
        nn.Sequential(nn.Tanh(), nn.Sequential(nn.Sigmoid(), nn.ReLU())),
        nn.Linear(3, 2),
    )


KEPT = {
    ("1", "output"): ["0", "1"],
    ("1", "input"): ["0"],
    ("0", "output"): ["0"],
    ("0.0", "output"): ["0.0"],
    ("0.0", "input"): [],
    ("0.1", "output"): ["0.0", "0.1"],
    ("2.1", "output"): ["0", "1", "2.0", "2.1"],
    ("2.1", "input"): ["0", "1", "2.0"],
    ("2.1.1", "output"): ["0", "1", "2.0", "2.1.0", "2.1.1"],
    ("3", "input"): ["0", "1", "2"],
    ("", "output"): [""],
    ("", "input"): [],
}


@pytest.mark.parametrize(("name", "side"), KEPT)
def test_the_outermost_modules_that_finish_before_the_source_are_kept(name: str, side: str):
    model = nested()
    kept = recorded(model, name, side=side).kept
    assert [module for module, _ in kept] == [model.get_submodule(each) for each in KEPT[name, side]]


def test_what_is_kept_is_what_the_modules_return_and_no_alias_of_it():
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=True), nn.Linear(3, 2))
    (_, first), (_, second) = recorded(model, "2", side="input").kept
    assert torch.equal(first, model[0](X))
    assert torch.equal(second, model[0](X).relu())
    assert not first.requires_grad


def chain() -> tuple[nn.Sequential, Replay, list[int]]:
    """Three modules of which the first, which counts, is replayed; the second is the source."""

    class Squared(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            ran.append(len(x))
            return x**2

    ran: list[int] = []
    model = nn.Sequential(Squared(), nn.Identity(), nn.Tanh())
    replay = Replay.of(recorded(model, "1", side="input"), (1,), (), len(X))
    ran.clear()
    return model, replay, ran


ROWS = torch.tensor([3, 0, 3])


def runs(model: nn.Module, rows: Tensor = ROWS) -> Any:
    def run(watch: Any) -> Tensor:
        with intercept(watch):
            return model(X[rows])

    return run


@pytest.mark.parametrize("sweep_rows", [0, 1, MIN_ROWS_TO_REPLAY - 1])
def test_too_few_rows_are_not_replayed(sweep_rows: int):
    model, replay, ran = chain()
    assert replay.interceptor_for(ROWS, ROWS, runs(model), sweep_rows) is None
    assert not ran


@pytest.mark.parametrize("rows", [torch.tensor([2, 2, 1, 0, 3]), torch.tensor([1]), None])
def test_replayed_outputs_are_what_the_model_gives(rows: Tensor | None):
    model, replay, ran = chain()
    watch = replay.interceptor_for(rows, ROWS, runs(model), MIN_ROWS_TO_REPLAY)
    ran.clear()
    with intercept(watch):
        found = model(torch.full((4, 3), 9.0))  # whatever the replayed module is given
    assert not ran
    torch.testing.assert_close(found, torch.tanh(X**2)[slice(None) if rows is None else rows])


def test_an_output_is_replayed_once_and_then_the_module_runs():
    model, replay, ran = chain()
    watch = replay.interceptor_for(None, ROWS, runs(model), MIN_ROWS_TO_REPLAY)
    ran.clear()
    with intercept(watch):
        assert torch.equal(model[0](X + 1), X**2)
        assert torch.equal(model[0](X + 1), (X + 1) ** 2)
    assert ran == [4]


def test_a_second_forward_is_not_checked_again():
    model, replay, ran = chain()
    replay.interceptor_for(None, ROWS, runs(model), MIN_ROWS_TO_REPLAY)
    ran.clear()
    assert replay.interceptor_for(None, ROWS, runs(model), 1) is not None
    assert not ran


@pytest.mark.parametrize(("counts", "others"), [((2,), ()), ((1, 2), ()), ((1,), ("0",)), ((0,), ())])
def test_nothing_is_kept_where_calls_cannot_be_told_apart(counts: tuple[int, ...], others: tuple[str, ...]):
    model = nested()
    recording = recorded(model, "1")
    replay = Replay.of(recording, counts, [model.get_submodule(each) for each in others], 4)
    assert not replay.outputs
    assert Replay.of(recording, (1,), [model[3]], 4).outputs


def test_what_does_not_give_the_same_is_never_replayed_and_a_log_line_says_so(caplog: pytest.LogCaptureFixture):
    model, replay, _ = chain()
    for outputs in replay.outputs.values():
        outputs[0].add_(1)
    with caplog.at_level(logging.DEBUG, logger="pellucid"):
        assert replay.interceptor_for(None, ROWS, runs(model), MIN_ROWS_TO_REPLAY) is None
        assert replay.interceptor_for(None, ROWS, runs(model), MIN_ROWS_TO_REPLAY) is None
        replay.verify()
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("pellucid", logging.DEBUG)


def test_what_has_become_wrong_is_confirmed_no_more():
    model, replay, _ = chain()
    replay.interceptor_for(None, ROWS, runs(model), MIN_ROWS_TO_REPLAY)
    replay.verify()
    for outputs in replay.outputs.values():
        outputs[0].add_(1)
    with pytest.raises(ReplayFailed):
        replay.verify()
    assert not replay.outputs
    replay.verify()  # nothing is replayed now, so nothing is wrong
    assert replay.interceptor_for(None, ROWS, runs(model), MIN_ROWS_TO_REPLAY) is None


def test_confirming_what_was_never_used_runs_nothing():
    _, replay, ran = chain()
    replay.verify()
    assert not ran


def test_an_exception_in_an_replayed_check_means_that_nothing_is_replayed(caplog: pytest.LogCaptureFixture):
    model, replay, _ = chain()

    def run(watch: Any) -> Tensor:
        if watch is not None:
            raise ValueError
        return model(X)

    with caplog.at_level(logging.DEBUG, logger="pellucid"):
        assert replay.interceptor_for(None, ROWS, run, MIN_ROWS_TO_REPLAY) is None
    assert caplog.records


def test_nothing_is_kept_alive():
    model, replay, _ = chain()
    replay.interceptor_for(None, ROWS, runs(model), MIN_ROWS_TO_REPLAY)
    kept = weakref.ref(model[0])
    del model, replay
    gc.collect()
    assert kept() is None
