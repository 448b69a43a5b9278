from functools import partial

import pytest
import torch
from torch import Tensor, nn

from pellucid.core.model.layers import INPUTS, Layer, Site, is_submodule, module_label, resolve_site
from pellucid.errors import InvalidArgument, NotSupported, WrongType


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.blocks = nn.Linear(2, 2), nn.ModuleList([nn.Linear(2, 2), nn.ReLU()])
        self.shared = self.encoder

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks[1](self.blocks[0](self.encoder(x)))


net = Net()


class Predictor:
    def __init__(self):
        self.net = net

    def __call__(self, x: Tensor) -> Tensor:
        return self.net(x)


def function(x: Tensor) -> Tensor:
    return net(x)


PLACES = {
    "a module": (net.encoder, Site((net.encoder,))),
    "a name": ("encoder", Site((net.encoder,))),
    "a dotted name": ("blocks.1", Site((net.blocks[1],))),
    "a second name": ("shared", Site((net.encoder,))),
    "a list": (["encoder", net.blocks[0]], Site((net.encoder, net.blocks[0]), listed=True)),
    "a tuple": (("encoder",), Site((net.encoder,), listed=True)),
    "a layer": (Layer("encoder"), Site((net.encoder,))),
    "what it takes": (Layer("encoder", "input"), Site((net.encoder,), "input")),
    "a call": (Layer(net.encoder, call=2), Site((net.encoder,), call=2)),
    "a list in a layer": (Layer(["encoder"], "input"), Site((net.encoder,), "input", None, True)),
    "a site": (INPUTS, INPUTS),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_a_place_means_a_site(name: str):
    place, site = PLACES[name]
    assert resolve_site(place, net) == site


@pytest.mark.parametrize(
    "model",
    [net, net.forward, function, lambda x: net(x), partial(net, x=None), partial(function), Predictor()],
    ids=["module", "method", "function", "lambda", "partial", "partial of a function", "object"],
)  # fmt: skip
def test_names_are_those_of_the_modules_that_a_function_is_seen_to_call(model):
    assert resolve_site("blocks.0", model).modules == (net.blocks[0],)
    assert is_submodule(net.blocks[0], model)
    assert not is_submodule(nn.Linear(2, 2), model)
    assert module_label(net.blocks[0], model) == "'blocks.0' (Linear)"


def test_a_function_of_which_nothing_is_seen_may_have_any_module():
    assert is_submodule(net.encoder, torch.sin)
    assert module_label(net.encoder, torch.sin) == "Linear"
    assert resolve_site(net.encoder, torch.sin).modules == (net.encoder,)


@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda model: torch.compile(model, backend="eager")])
@pytest.mark.filterwarnings("ignore:.*cuda.*")
def test_a_wrapped_model_has_the_names_of_the_model_and_its_own(wrap):
    wrapped = wrap(net)
    assert resolve_site("encoder", wrapped).modules == (net.encoder,)
    (name,) = (name for name, child in wrapped.named_children() if child is net)
    assert resolve_site(f"{name}.encoder", wrapped).modules == (net.encoder,)


def test_a_module_s_own_name_comes_before_that_of_a_wrapped_one():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.module = nn.Linear(1, 1), net

    own = Own()
    assert resolve_site("encoder", own).modules == (own.encoder,)
    assert resolve_site("blocks.0", own).modules == (net.blocks[0],)


@pytest.mark.parametrize("place", [3, None, 1.5, [3], ["encoder", None], Layer(3)], ids=repr)
def test_anything_else_is_no_place(place):
    with pytest.raises(InvalidArgument, match="layer must be a module or the dotted name of one: got "):
        resolve_site(place, net)


@pytest.mark.parametrize(
    ("name", "close"),
    [("encodr", "'encoder'"), ("block.0", "'blocks.0'"), ("blocks.2", "'blocks."), ("zzz", "'encoder', 'blocks', ")],
)
def test_an_unknown_name_is_answered_with_close_ones(name: str, close: str):
    with pytest.raises(InvalidArgument, match=rf"got '{name}'\. Hint: there is {close}"):
        resolve_site(name, net)


def test_an_empty_list_is_no_place():
    with pytest.raises(InvalidArgument, match="layer must hold at least one module: got an empty list"):
        resolve_site([], net)


@pytest.mark.parametrize(("call", "error"), [(-1, InvalidArgument), (1.5, WrongType), ("last", WrongType)])
def test_calls_are_counted_from_zero(call, error):
    with pytest.raises(error, match="call must be an integer of at least 0: got "):
        resolve_site(Layer("encoder", call=call), net)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripted_modules_have_no_inside():
    scripted = torch.jit.script(nn.Sequential(nn.Linear(2, 2)))
    for place, model in (("0", scripted), (nn.Linear(2, 2), scripted), (scripted, nn.Sequential(scripted))):
        with pytest.raises(NotSupported, match="layer must be a Python module of a Python model"):
            resolve_site(place, model)
