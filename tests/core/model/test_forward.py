import pytest
import torch
from torch import Tensor, nn

from pellucid.core.model.forward import ForwardPass
from pellucid.core.model.inspection import ModelInfo
from pellucid.core.model.layers import Site
from pellucid.core.model.state import ModelState
from pellucid.core.restarts import BatchCollapsed
from pellucid.errors import InvalidArgument, OutOfRange


class Chain(nn.Module):
    """Two scalings, the first of them called twice; between them a write in place."""

    def __init__(self):
        super().__init__()
        self.twice, self.last, self.idle = Times(2.0), Times(10.0), Times(1.0)

    def forward(self, x: Tensor) -> Tensor:
        x = self.twice(x)
        x += 1
        x = self.twice(x)
        x += 1
        return self.last(x)


class Times(nn.Module):
    def __init__(self, factor: float):
        super().__init__()
        self.factor, self.calls = factor, 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * self.factor


@pytest.fixture
def chain() -> Chain:
    return Chain()


X = torch.tensor([[1.0], [2.0]])  # 2 4 | 3 5 | 6 10 | 7 11 | 70 110


def run_on(forward: ForwardPass, model: nn.Module, x: Tensor, *, stops: bool) -> None:
    info = ModelInfo.of(model)
    forward.run((x,), info, ModelState(info.modules, info.training_flags), stops=stops)


def run(chain: Chain, *sites: Site, stops: bool = False, replace=None, **settings) -> ForwardPass:
    forward = ForwardPass(chain, **settings)
    if replace is not None:
        forward.patch(*replace)
    for site in sites:
        forward.capture(site)
    run_on(forward, chain, X.clone(), stops=stops)
    return forward


def values(forward: ForwardPass, site: Site) -> list[list[float]]:
    return [each.flatten().tolist() for each in forward.captured(site).tensors]


SITES = {
    "last call": ("twice", "output", None, [6, 10]),
    "first call": ("twice", "output", 0, [2, 4]),
    "second call": ("twice", "output", 1, [6, 10]),
    "taken in the last call": ("twice", "input", None, [3, 5]),
    "taken in the first call": ("twice", "input", 0, [1, 2]),
    "taken by the last": ("last", "input", None, [7, 11]),
    "the end": ("last", "output", None, [70, 110]),
}
every_site = pytest.mark.parametrize("name", SITES)


def site(chain: Chain, name: str) -> tuple[Site, list[float]]:
    module, side, call, expected = SITES[name]
    return Site((getattr(chain, module),), side, call), expected


@every_site
@pytest.mark.parametrize("grads", [False, True])
def test_what_is_read_is_what_passed_and_no_later_write(chain: Chain, name: str, grads: bool):
    place, expected = site(chain, name)
    with torch.set_grad_enabled(grads):
        forward = run(chain, place, grads=grads)
    assert values(forward, place) == [expected]
    assert forward.output.flatten().tolist() == [70, 110]
    assert forward.captured(place).tensors[0].requires_grad == grads


@every_site
def test_what_is_put_in_place_goes_on_from_there(chain: Chain, name: str):
    place, _ = site(chain, name)
    found = run(chain, place).captured(place)
    mine = torch.tensor([[20.0], [30.0]])
    forward = run(chain, replace=(place, (mine,), found))
    module, side, call, _ = SITES[name]
    hidden = mine
    if module == "twice" and side == "input":
        hidden = hidden * 2
    if module == "twice":
        hidden = (hidden + 1) * 2 if call == 0 else hidden
        hidden = (hidden + 1) * 10
    elif side == "input":
        hidden = hidden * 10
    assert torch.equal(forward.output, hidden)
    assert mine.flatten().tolist() == [20, 30]


def test_gradients_pass_from_what_was_put_in_place(chain: Chain):
    place, _ = site(chain, "first call")
    found = run(chain, place).captured(place)
    mine = torch.tensor([[20.0], [30.0]], requires_grad=True)
    with torch.enable_grad():
        forward = run(chain, replace=(place, (mine,), found), grads=True)
    (gradient,) = torch.autograd.grad(forward.output.sum(), mine)
    assert gradient.flatten().tolist() == [20, 20]


@every_site
def test_the_second_passage_ends_after_the_last_call_that_matters(chain: Chain, name: str):
    place, expected = site(chain, name)
    first = run(chain, place, stops=True)
    ran = chain.last.calls
    second = run(chain, place, stops=True)
    assert values(first, place) == values(second, place) == [expected]
    stops_before_the_last = SITES[name][0] == "twice" or SITES[name][1] == "input"
    assert chain.last.calls - ran == (0 if stops_before_the_last else 1)
    assert second.output is None
    # A call by its number needs no counting.
    assert (first.output is None) == (SITES[name][2] is not None)


def test_a_passage_that_may_not_stop_runs_to_the_end(chain: Chain):
    place, _ = site(chain, "first call")
    for _ in range(3):
        assert run(chain, place, stops=False).output is not None


@pytest.mark.parametrize("call", [None, 0])
def test_two_sites_end_after_the_later_one(chain: Chain, call: int | None):
    one, other = site(chain, "first call")[0], Site((chain.last,), "input", call)
    for sites in ((one, other), (other, one)):
        for _ in range(2):
            forward = run(chain, *sites, stops=True)
            assert values(forward, one) == [[2, 4]]
            assert values(forward, other) == [[7, 11]]
    assert forward.output is None


def test_several_modules_at_a_site(chain: Chain):
    place = Site((chain.twice, chain.last), listed=True)
    forward = run(chain, place)
    assert values(forward, place) == [[6, 10], [70, 110]]
    found = forward.captured(place)
    assert isinstance(found.value, list)
    assert found.counts == (2, 1)
    replaced = run(chain, replace=(place, (torch.zeros(2, 1), torch.ones(2, 1)), found))
    assert replaced.output.flatten().tolist() == [1, 1]


def test_a_module_that_never_ran(chain: Chain):
    with pytest.raises(InvalidArgument, match=r"layer must run in the forward: 'idle' \(Times\) was never called"):
        run(chain, Site((chain.idle,)))


def test_a_module_that_did_not_run_so_often(chain: Chain):
    with pytest.raises(OutOfRange, match=r"number of calls of 'twice' \(Times\), 2: got 2"):
        run(chain, Site((chain.twice,), call=2))


def test_a_replaced_call_that_does_not_come_in_a_part_of_the_batch_asks_for_the_whole(chain: Chain):
    place = Site((chain.twice,))
    found = run(chain, place).captured(place)

    def once(x: Tensor) -> Tensor:
        return chain.last(chain.twice(x))

    forward = ForwardPass(once, whole=False)
    forward.patch(place, found.tensors, found)
    with pytest.raises(BatchCollapsed):
        run_on(forward, chain, X.clone(), stops=False)


def test_no_hook_stays_behind_whatever_happens(chain: Chain):
    def failing(x: Tensor) -> Tensor:
        chain(x)
        raise KeyError

    for model, error in ((chain, None), (failing, KeyError)):
        forward = ForwardPass(model)
        forward.capture(Site((chain.twice,)))
        forward.capture(Site((chain.last,), "input"))
        if error is None:
            run_on(forward, chain, X.clone(), stops=True)
        else:
            with pytest.raises(error):
                run_on(forward, chain, X.clone(), stops=True)
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in chain.modules())


@pytest.mark.parametrize(("side", "expected"), [("output", [2, 4]), ("input", [1, 2])])
def test_a_forward_inside_a_forward_is_another_one(chain: Chain, side: str, expected: list[float]):
    """What the layer does in a forward within the model is not what it does in the forward around it."""
    inner = Site((chain.twice,), side)

    def model(x: Tensor) -> Tensor:
        y = chain.twice(x)
        forward = ForwardPass(chain)
        forward.capture(inner)
        run_on(forward, chain, 5 * x, stops=True)
        assert forward.captured(inner).counts == (2,)
        return y

    for _ in range(2):
        forward = ForwardPass(model)
        forward.capture(inner)
        run_on(forward, chain, X.clone(), stops=True)
        assert values(forward, inner) == [expected]
        assert forward.captured(inner).counts == (1,)


def test_a_thing_that_looks_like_a_tensor_in_a_tuple_is_unwrapped_only_for_the_reader():
    class Tupled(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor]:
            return (2 * x,)

    layer = Tupled()
    place = Site((layer,))
    forward = ForwardPass(lambda x: layer(x)[0] + 1)
    forward.capture(place)
    run_on(forward, layer, X.clone(), stops=False)
    found = forward.captured(place)
    assert isinstance(found.value, tuple)
    assert isinstance(found.unwrapped, Tensor)
    assert forward.output.flatten().tolist() == [3, 5]


class Divided(nn.DataParallel):
    """Copies its module for threads in which nobody knows of the forward."""

    def forward(self, *arguments):
        raise AssertionError


@pytest.mark.filterwarnings("ignore:.*cuda.*")
def test_a_data_parallel_model_is_run_as_the_one_module_that_it_copies(chain: Chain):
    place = Site((chain.last,))
    forward = ForwardPass(Divided(chain))
    forward.capture(place)
    run_on(forward, chain, X.clone(), stops=False)
    assert values(forward, place) == [[70, 110]]
