"""Where DeepLIFT differs. Each docstring is a line of `docs/differences.md`."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from beside_captum.different.compare import assert_answered, both
from beside_captum.same.compare import Call, assert_close, on_captum, on_pellucid, value_of
from pellucid.methods import DeepLiftShap, Problem

pytestmark = pytest.mark.filterwarnings("ignore:attributions do not add up")  # at steep places 50 steps are few


def drawn(*shape: int, seed: int = 3) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X, B = drawn(3, 4), drawn(3, 4, seed=4)
PICTURES, OTHERS = drawn(3, 2, 6, 6), drawn(3, 2, 6, 6, seed=4)
SEQUENCES, OTHER_SEQUENCES = drawn(3, 5, 4), drawn(3, 5, 4, seed=4)
METHODS = ["DeepLift", "DeepLiftShap"]
on_each = pytest.mark.parametrize("method", METHODS)


class Net(nn.Module):
    """Modules and a function of them."""

    def __init__(self, run: Callable[..., Tensor], **modules: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.run = run
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            for name, made in modules.items():
                setattr(self, name, made())
        self.double().eval()

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.run(self, *inputs)


def around(activation: Callable[[Tensor], Tensor], **modules: Callable[[], nn.Module]) -> Net:
    """An activation of one layer, whose values another one adds up."""
    return Net(
        lambda net, x: net.last(activation(net, net.first(x) * 3)),
        first=lambda: nn.Linear(4, 6),
        last=lambda: nn.Linear(6, 1),
        **modules,
    )


def pooled(size: int, take: Callable[..., Tensor], **modules: Callable[[], nn.Module]) -> Net:
    """A pool of what a convolution returns."""
    return Net(
        lambda net, x: net.last(take(net, net.first(x)).flatten(1)),
        first=lambda: nn.Conv2d(2, 3, 3, padding=1),
        last=lambda: nn.Linear(size, 1),
        **modules,
    )


def explain(
    model: Any, inputs: Any = X, baselines: Any = B, method: str = "DeepLift", delta: bool = True, **arguments: Any
) -> Call:
    """A call on fresh copies of the inputs."""
    given = {"target": 0, **arguments}

    def call(attr: Any) -> Any:
        x = tuple(each.clone() for each in inputs) if isinstance(inputs, tuple) else inputs.clone()
        return getattr(attr, method)(model).attribute(x, baselines, return_convergence_delta=delta, **given)

    return call


def assert_only_ours_add_up(
    model: Any, inputs: Tensor = X, baselines: Tensor | float | None = B, least: float = 0.005
) -> None:
    """Captum's attributions miss some of the change, on average over baselines too; pellucid's do not."""
    for method in METHODS:
        if method == "DeepLiftShap" and not isinstance(baselines, Tensor):
            continue
        (_, captums), (_, ours) = both(explain(model, inputs, baselines, method))
        assert captums.abs().max() > least, f"{method}: Captum is off by {float(captums.abs().max()):.1e}"
        assert ours.abs().max() < 1e-12, f"{method}: pellucid is off by {float(ours.abs().max()):.1e}"


FUNCTIONS = {
    "F.relu": lambda net, x: functional.relu(x),
    "torch.relu": lambda net, x: torch.relu(x),
    "x.relu": lambda net, x: x.relu(),
    "x.clamp": lambda net, x: x.clamp(min=0),
    "torch.sigmoid": lambda net, x: torch.sigmoid(x),
    "F.gelu": lambda net, x: functional.gelu(x),
    "F.softmax": lambda net, x: functional.softmax(x, 1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations_that_are_functions(name: str):
    """`F.relu`, `torch.sigmoid`, `x.clamp` and other functions: Captum takes their gradients; they follow the rule."""
    assert_only_ours_add_up(around(FUNCTIONS[name]))


def test_functions_and_modules_are_the_same():
    """`F.relu` in place of `nn.ReLU`: other attributions in Captum; the same."""
    by_module, by_function = around(lambda net, x: net.act(x), act=nn.ReLU), around(FUNCTIONS["F.relu"])
    captums, ours = zip(*(both(explain(model, delta=False)) for model in (by_module, by_function)), strict=True)
    assert_close(ours[0], captums[0], tolerance=1e-10)
    assert_close(ours[1], ours[0], tolerance=1e-10)
    assert (captums[1][0] - captums[0][0]).abs().max() > 0.05


@on_each
@pytest.mark.parametrize("made", [nn.ReLU, nn.Tanh, nn.ELU], ids=lambda each: each.__name__)
def test_a_module_that_is_used_twice(made: Callable[[], nn.Module], method: str):
    """One activation module that is called twice: an error in Captum; as if there were two."""

    def model(again: str) -> Net:
        return Net(
            lambda net, x: net.last(getattr(net, again)(net.middle(net.act(net.first(x))))),
            first=lambda: nn.Linear(4, 6),
            middle=lambda: nn.Linear(6, 6),
            last=lambda: nn.Linear(6, 1),
            act=made,
            other=made,
        )

    twice, apart = (explain(model(again), method=method, delta=False) for again in ("act", "other"))
    assert_answered(twice, RuntimeError, apart)


MODULES = {
    "GELU": nn.GELU,
    "SiLU": nn.SiLU,
    "Mish": nn.Mish,
    "ReLU6": nn.ReLU6,
    "Hardswish": nn.Hardswish,
    "Hardtanh": nn.Hardtanh,
    "SELU": nn.SELU,
    "CELU": nn.CELU,
    "PReLU": nn.PReLU,
    "LogSigmoid": nn.LogSigmoid,
    "Softsign": nn.Softsign,
    "Threshold": lambda: nn.Threshold(0.1, 0.3),
}


@pytest.mark.parametrize("name", MODULES)
def test_other_activations(name: str):
    """GELU, SiLU, ReLU6, SELU, PReLU and other modules that Captum does not list: their gradients; the rule."""
    assert_only_ours_add_up(around(lambda net, x: net.act(x), act=MODULES[name]))


@pytest.mark.parametrize("made", [lambda: nn.Softmax(1), lambda: nn.LogSoftmax(1)], ids=["Softmax", "LogSoftmax"])
def test_softmax(made: Callable[[], nn.Module]):
    """Softmax and LogSoftmax: Captum's attributions miss some of the change, also of one example; none is missed."""
    model = Net(lambda net, x: net.act(net.first(x)), first=lambda: nn.Linear(4, 5), act=made)
    assert_only_ours_add_up(model)
    (_, captums), (_, ours) = both(explain(model, X[:1], B[:1]))
    assert captums.abs().max() > 0.005
    assert ours.abs().max() < 1e-12


@pytest.mark.parametrize(
    "made", [lambda: nn.LayerNorm(6), lambda: nn.GroupNorm(2, 6), lambda: nn.RMSNorm(6)], ids=["Layer", "Group", "RMS"]
)
def test_norms(made: Callable[[], nn.Module]):
    """LayerNorm, GroupNorm, RMSNorm: Captum takes their gradients; exact."""
    assert_only_ours_add_up(around(lambda net, x: net.norm(x), norm=made))


PRODUCTS = {
    "a product": lambda net, x: net.one(x) * net.other(x),
    "a square": lambda net, x: net.one(x) ** 2,
    "a quotient": lambda net, x: net.one(x) / (1 + net.other(x)),
    "a gate": lambda net, x: net.other(x) * x,
    "a maximum": lambda net, x: torch.maximum(net.one(x), net.other(x)),
    "a norm": lambda net, x: net.one(x) + x.norm(dim=1, keepdim=True),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_of_activations(name: str):
    """Products, squares, quotients, maxima and norms of activations: Captum takes their gradients; exact."""
    assert_only_ours_add_up(around(PRODUCTS[name], one=nn.Tanh, other=nn.Sigmoid))


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.ELU], ids=lambda each: each.__name__)
def test_a_pool_right_after_an_activation(activation: Callable[[], nn.Module]):
    """A max pool right after an activation, baselines that are not constant: misses some of the change; exact."""
    model = pooled(27, lambda net, x: net.pool(net.act(x)), pool=lambda: nn.MaxPool2d(2), act=activation)
    assert_only_ours_add_up(model, PICTURES, OTHERS)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.ELU], ids=lambda each: each.__name__)
def test_a_pool_right_before_an_activation(activation: Callable[[], nn.Module]):
    """A max pool right before an activation: misses some of the change; exact."""
    model = pooled(27, lambda net, x: net.act(net.pool(x)), pool=lambda: nn.MaxPool2d(2), act=activation)
    pictures, others = drawn(20, 2, 6, 6), drawn(20, 2, 6, 6, seed=4)
    assert_only_ours_add_up(model, pictures, others, least=1e-3)


@pytest.mark.parametrize("baselines", [OTHERS, None], ids=["drawn", "zero"])
def test_pools_that_overlap(baselines: Tensor | None):
    """Max pools whose windows overlap (kernel above stride): misses some of the change; exact."""
    model = pooled(48, lambda net, x: net.pool(x), pool=lambda: nn.MaxPool2d(3, 1))
    assert_only_ours_add_up(model, PICTURES, baselines)


POOLS = {
    "F.max_pool2d": (27, lambda net, x: functional.max_pool2d(x, 2)),
    "AdaptiveMaxPool2d": (27, lambda net, x: nn.AdaptiveMaxPool2d(3)(x)),
    "amax": (3, lambda net, x: x.amax((2, 3))),
    "max": (18, lambda net, x: x.max(3).values),
}


@pytest.mark.parametrize("name", POOLS)
def test_other_maxima(name: str):
    """`F.max_pool2d`, AdaptiveMaxPool, `x.amax`, `x.max`: Captum takes their gradients; they follow the rule."""
    assert_only_ours_add_up(pooled(*POOLS[name]), PICTURES, OTHERS)


def test_ties_of_a_pool():
    """A pool that finds a baseline's largest in several places: Captum takes the first; where the input is largest."""
    x = torch.tensor([[[1.0, 0.5, 2.0, 1.5]]], dtype=torch.float64)

    def model(activation: Callable[[], nn.Module]) -> Net:
        net = Net(
            lambda net, x: net.pool(net.act(net.first(x))).flatten(1),
            first=lambda: nn.Conv1d(1, 1, 1, bias=False),
            act=activation,
            pool=lambda: nn.MaxPool1d(4),
        )
        nn.init.ones_(net.first.weight)
        return net

    (captums, captums_delta), (ours, delta) = both(explain(model(nn.Identity), x, 5.0))
    torch.testing.assert_close(ours, x.new_tensor([[[0, 0, -3.0, 0]]]))
    torch.testing.assert_close(captums.detach(), x.new_tensor([[[-3.0, 0, 0, 0]]]))
    assert max(captums_delta.abs().max(), delta.abs().max()) < 1e-12
    captums, ours = both(explain(model(nn.ReLU), x, 5.0, delta=False))
    assert_close(ours, captums)


INDEX = torch.tensor([0, 0, 1, 3, 3, 3])
MANY = {
    "prod": lambda net, x: x.prod(1, keepdim=True).expand(-1, 6),
    "cumprod": lambda net, x: x.cumprod(1),
    "sort": lambda net, x: x.sort(1).values,
    "topk": lambda net, x: x.topk(6, 1).values,
    "median": lambda net, x: x.median(1, keepdim=True).values.expand(-1, 6),
    "scattered maxima": lambda net, x: x.scatter_reduce(1, INDEX.expand(len(x), -1), x.sin(), "amax"),
    "cdist": lambda net, x: torch.cdist(x[:, :, None], x[:, :, None].sin()).sum(1),
    "sizes of complex numbers": lambda net, x: torch.fft.fft(x).abs(),
}


@pytest.mark.parametrize("name", MANY)
def test_functions_of_many_numbers(name: str):
    """`prod`, `cumprod`, `sort`, `topk`, `median`, scattered maxima, `cdist`, sizes of complex numbers: exact."""
    assert_only_ours_add_up(around(MANY[name]))


SEVERAL = {
    "LSTM": lambda: nn.LSTM(4, 4, batch_first=True),
    "GRU": lambda: nn.GRU(4, 4, batch_first=True),
    "RNN": lambda: nn.RNN(4, 4, batch_first=True),
    "attention": lambda: nn.MultiheadAttention(4, 2, batch_first=True),
    "transformer": lambda: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_layers_of_many_steps(name: str):
    """LSTM, GRU, RNN, attention, transformers: Captum takes their gradients; exact."""

    def run(net: Any, x: Tensor) -> Tensor:
        x = x * 3
        out = net.layer(x, x, x) if name == "attention" else net.layer(x)
        return net.last((out[0] if isinstance(out, tuple) else out).mean(1))

    model = Net(run, layer=SEVERAL[name], last=lambda: nn.Linear(4, 1))
    assert_only_ours_add_up(model, SEQUENCES, OTHER_SEQUENCES, least=1e-3)


def test_code_that_writes_into_what_an_activation_returned():
    """`act(x).add_(1)`: an error in Captum; answered."""
    written = around(lambda net, x: net.act(x).add_(1), act=nn.ReLU)
    apart = around(lambda net, x: net.act(x) + 1, act=nn.ReLU)
    assert_answered(explain(written, delta=False), RuntimeError, explain(apart, delta=False))


def test_a_model_that_writes_into_its_input():
    """A model that changes its input in place: deltas make Captum change the user's tensor; the model gets copies."""
    model = Net(lambda net, x: net.last(net.act(x.mul_(2))), act=nn.ReLU, last=lambda: nn.Linear(4, 1))
    ends = []
    for library in (on_captum, on_pellucid):
        x = X.clone()
        value_of(
            library(
                lambda attr, x=x: attr.DeepLift(model).attribute(x, B.clone(), target=0, return_convergence_delta=True)
            )
        )
        ends.append(torch.equal(x, X))
    assert ends == [False, True]


@on_each
def test_functions_as_models(method: str):
    """A model that is a function or a bound method: an error in Captum; answered."""
    model = around(lambda net, x: net.act(x), act=nn.ReLU)
    right = explain(model, method=method, delta=False)
    assert_answered(explain(lambda x: model(x), method=method, delta=False), AttributeError, right)
    assert_answered(explain(model.forward, method=method, delta=False), AttributeError, right)


SCALARS = {"()": (lambda value: value, RuntimeError), "(1,)": (lambda value: value.reshape(1), IndexError)}


@pytest.mark.parametrize("shape", SCALARS)
def test_one_value_for_the_batch(shape: str):
    """A model that returns one value for the batch: an error in Captum; attributions that add up to its change."""
    reshaped, error = SCALARS[shape]
    model = Net(lambda net, x: reshaped(net.act(x).sum()), act=nn.Tanh)
    call = explain(model, target=None)
    assert type(on_captum(call).error) is error
    attributions, delta = value_of(on_pellucid(call))
    torch.testing.assert_close(attributions, X.tanh() - B.tanh())
    assert delta.shape == (1,)
    assert delta.abs().max() < 1e-12


def test_an_output_that_does_not_depend_on_the_inputs():
    """An output that does not depend on the inputs: an error in Captum; zeros, and a warning."""
    model = Net(lambda net, x: net.last(torch.ones_like(x)), last=lambda: nn.Linear(4, 1))
    call = explain(model, delta=False)
    assert type(on_captum(call).error) is RuntimeError
    with pytest.warns(UserWarning, match="depend"):
        found = value_of(on_pellucid(call))
    assert not found.any()


@on_each
def test_results_do_not_require_grad(method: str):
    """Results of all forms of DeepLift: Captum's require grad; they do not, unless `create_graph=True`."""
    model = around(lambda net, x: net.act(x), act=nn.ReLU)
    captums, ours = both(explain(model, method=method))
    assert captums[0].requires_grad
    assert not ours[0].requires_grad
    assert not ours[1].requires_grad


class Failing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.act = nn.Linear(4, 3).double(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        self.act(self.first(x))
        raise ValueError("no")


def test_what_is_left_after_an_error():
    """After an error: Captum leaves inputs requiring grad and tensors on the modules; all is as it was."""
    left = []
    for library in (on_captum, on_pellucid):
        model, x = Failing(), X.clone()
        before = set(model.act.__dict__)
        outcome = library(lambda attr, model=model, x=x: attr.DeepLift(model).attribute(x, target=0))
        assert type(outcome.error) is ValueError
        left.append((x.requires_grad, set(model.act.__dict__) - before))
    assert left[0][0]
    assert left[0][1]
    assert left[1] == (False, set())


def test_what_a_layer_takes():
    """`attribute_to_layer_input=True` of an activation: Captum leaves out the rule of that layer; exact."""
    for made, size in ((nn.ReLU, 6), (nn.Tanh, 6)):
        model = around(lambda net, x: net.act(x), act=made)

        def call(attr: Any, model: Net = model) -> Any:
            return attr.LayerDeepLift(model, model.act).attribute(
                X.clone(), B, target=0, attribute_to_layer_input=True, return_convergence_delta=True
            )

        (attributions, captums), (found, ours) = both(call)
        assert attributions.shape == found.shape == (3, size)
        assert captums.abs().max() > 0.05
        assert ours.abs().max() < 1e-12


def test_neurons_behind_functions():
    """Neurons behind functions, as `F.relu`: Captum's attributions miss some of their change; none is missed."""
    model = around(FUNCTIONS["F.relu"])
    with torch.no_grad():
        change = model(X) - model(B)

    def call(attr: Any) -> Any:
        return attr.NeuronDeepLift(model, model.last).attribute(X.clone(), 0, B)

    captums, ours = both(call)
    assert (captums.sum(1, keepdim=True) - change).abs().max() > 0.05
    assert (ours.sum(1, keepdim=True) - change).abs().max() < 1e-12


def test_examples_that_meet():
    """Models whose examples meet, as `x - x.mean(0)`: baselines share Captum's forward; the batch adds up."""
    model = Net(
        lambda net, x: net.last(net.act(net.first(x) - net.first(x).mean(0))),
        first=lambda: nn.Linear(4, 6),
        act=nn.Tanh,
        last=lambda: nn.Linear(6, 1),
    )
    with torch.no_grad():
        change = (model(X) - model(B)).sum()
    captums = value_of(on_captum(explain(model, delta=False)))
    ours = value_of(on_pellucid(explain(model, delta=False)))
    assert (captums.sum() - change).abs() > 1e-3
    assert (ours.sum() - change).abs() < 1e-12


def test_standard_errors():
    """How far to trust the mean over baselines: not in Captum; `return_stderr=True`."""
    model = around(lambda net, x: net.act(x), act=nn.ReLU)
    call = explain(model, method="DeepLiftShap", delta=False, return_stderr=True)
    assert type(on_captum(call).error) is TypeError
    values, stderr = value_of(on_pellucid(call))
    single = [
        value_of(on_captum(explain(model, baselines=each[None].expand(3, -1), delta=False))).detach() for each in B
    ]
    torch.testing.assert_close(values, torch.stack(single).mean(0))
    torch.testing.assert_close(stderr, torch.stack(single).std(0) / len(B) ** 0.5)
    method = DeepLiftShap()(Problem(model, X, target=0), B)
    torch.testing.assert_close(method.stderr[0] if isinstance(method.stderr, tuple) else method.stderr, stderr)


def test_layers_by_name_and_lists_of_layers():
    """Layers by their dotted names, or several at once: not in Captum's LayerDeepLift; answered."""
    model = around(lambda net, x: net.act(x), act=nn.ReLU)

    def call(layer: Any) -> Call:
        return lambda attr: attr.LayerDeepLift(model, layer).attribute(X.clone(), B, target=0)

    assert on_captum(call("act")).error is not None
    assert_close(value_of(on_pellucid(call("act"))), value_of(on_captum(call(model.act))), tolerance=1e-10)
    several = value_of(on_pellucid(call(["first", "act"])))
    assert on_captum(call([model.first, model.act])).error is not None
    assert_close(several[1], value_of(on_captum(call(model.act))), tolerance=1e-10)


@on_each
def test_fewer_rows_at_a_time(method: str):
    """`internal_batch_size`: not in Captum's DeepLift; the same attributions in less memory."""
    model = around(lambda net, x: net.act(x), act=nn.ReLU)
    call = explain(model, method=method, delta=False, internal_batch_size=2)
    assert_answered(call, TypeError, explain(model, method=method, delta=False))
